"""Every command: streams that take nothing, places that cannot be, arguments full of escapes."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer.main
from made_up.forks import FULL, UNREAD, run_all

from selffit.outlets import Unwritable
from selffit.run.folder.run_dir import RunDir
from selffit_tui.cli import app
from selffit_tui.plain.follow import follow_plain

EXAMPLE = Path(__file__).parents[2] / "runs" / "example-patterns-fgsm"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\u2066\udcff\r"
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
HELPS = [["--help"], *([name, "--help"] for name in COMMANDS)]
DATA = [
    ["status", "demo"],
    ["status", "demo", "--json"],
    ["runs"],
    ["runs", "--json"],
    ["watch", "demo", "--plain"],
    ["detect", "trace.csv"],
    ["detect", "--json", "trace.csv"],
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    shutil.copytree(EXAMPLE, folder / "runs" / "demo")
    (folder / "trace.csv").write_text("epoch,clean_acc,fgsm_acc,pgd_acc\n0,0.5,0.4,0.3\n")
    (folder / "file").write_text("x")
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    return folder


def sentences(done):
    return done.err.decode().splitlines()


def test_a_disk_that_is_full_is_one_sentence_and_exit_code_2_for_every_command(place):
    for done in run_all([{"args": args, "out": FULL} for args in (*HELPS, *DATA)], place):
        (said,) = sentences(done)
        assert said.startswith("selffit: cannot write to standard output: No space left on device")
        assert done.code == 2


def test_a_pipe_that_nobody_reads_ends_every_command_in_silence(place):
    for done in run_all([{"args": args, "out": UNREAD} for args in (*HELPS, *DATA)], place):
        assert (done.code, done.err) == (0, b"")


def test_where_nothing_can_be_said_the_exit_code_is_the_same(place):
    wrong = [["nosuch"], ["status", "nosuch"], ["detect", "nosuch"]]
    for where in (FULL, UNREAD):
        cases = [{"args": args, "err": where} for args in (*DATA, *wrong)]
        ends = run_all(cases, place)
        answers = [3 if args[0] == "detect" else 0 for args in DATA]  # 3: one row cannot tell
        assert [done.code for done in ends] == answers + [2] * len(wrong)
        assert not any(done.out for done in ends[len(DATA) :])


def hostile_options():
    for name, command in COMMANDS.items():
        for option in command.params[:12]:  # the settings of `train` all pass one parser
            flags = [flag for flag in option.opts if flag.startswith("--") and flag != "--help"]
            if flags and not getattr(option, "is_flag", False):
                yield [name, *(["demo", "pause"] if name == "ctl" else []), flags[0], HOSTILE]


def hostile_arguments():
    for name in COMMANDS:
        yield [name, f"--{HOSTILE}"]
    yield [HOSTILE]
    yield ["train", "--data-dir", HOSTILE]
    yield ["detect", HOSTILE]
    yield ["watch", HOSTILE]
    yield ["ctl", HOSTILE, "pause"]
    yield ["ctl", "demo", HOSTILE]
    yield ["ctl", "demo", "set", f"{HOSTILE}=1"]
    yield ["ctl", "demo", "set", f"eps={HOSTILE}"]
    yield ["ctl", "demo", "note", HOSTILE]
    yield ["status", f"./{HOSTILE}"]
    yield ["status", "--runs", HOSTILE]
    yield ["watch", "demo", "--screenshot", f"{HOSTILE}/x"]


@pytest.mark.parametrize(
    "arguments",
    [hostile_arguments, pytest.param(hostile_options, marks=pytest.mark.slow)],
    ids=["arguments", "options"],
)
def test_no_argument_reaches_the_terminal_as_it_is(place, arguments):
    cases = [{"args": args} for args in arguments()]
    cases += [{"args": ["--help"], "env": {"TERM": HOSTILE[:4], "COLUMNS": "9" * 12}}]
    for case, done in zip(cases, run_all(cases, place), strict=True):
        for text in (done.out.decode(), done.err.decode()):  # and it is UTF-8
            assert not UNSAFE.search(text), case
        assert b"Traceback" not in done.err, case


def impossible_places(*paths):
    for path in paths:
        for args in (
            ["train", "--runs"],
            ["train", "--preset"],
            ["train", "--resume"],
            ["watch", "demo", "--screenshot"],
            ["watch", "--plain"],
            ["status"],
            ["status", "--runs"],
            ["ctl", "latest", "pause", "--runs"],
            ["detect"],
            ["diagnose", "demo", "--html"],
        ):
            yield [*args, path]


@pytest.mark.parametrize(
    "paths",
    [("x" * 300,), pytest.param(("file/x", "loop", "/proc/1/nope/x"), marks=pytest.mark.slow)],
    ids=["long", "others"],
)
def test_a_place_that_cannot_be_is_one_sentence_and_nothing_is_left_there(place, paths):
    before = sorted(place.rglob("*"))
    cases = [{"args": args} for args in impossible_places(*paths)]
    for case, done in zip(cases, run_all(cases, place), strict=True):
        assert (done.code, len(sentences(done))) == (2, 1), (case["args"], done)
        assert done.out == b"" and b"Traceback" not in done.err
    assert sorted(place.rglob("*")) == before


def test_a_folder_of_runs_that_cannot_be_looked_into_is_not_an_empty_one(place):
    ends = run_all([{"args": ["runs", "--runs", path]} for path in ("file", "loop", "no")], place)
    assert [done.code for done in ends] == [2, 2, 0]


def selffit(place, *args, **env):
    keep = {n: v for n, v in os.environ.items() if n not in ("LANG", "LC_ALL", "SELFFIT_ASCII")}
    return subprocess.run(
        [sys.executable, "-m", "selffit_tui", *args],
        cwd=place,
        env={**keep, **env},
        capture_output=True,
    )


@pytest.mark.parametrize(
    ("env", "encoding", "wanted"),
    [
        ({"LC_ALL": "C"}, "ascii", "->'"),
        # here Python cannot tell what the bytes of an argument mean
        (
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            "ascii",
            r"'n\udcc3\udcb6\udce2\udc86\udc92'",
        ),
        ({"LANG": "C.UTF-8", "PYTHONIOENCODING": "latin-1"}, "latin-1", "'nö->'"),
        ({"LANG": "C.UTF-8"}, "utf-8", "'nö→'"),
    ],
)
def test_every_locale_gets_text_that_it_can_show(place, env, encoding, wanted):
    done = selffit(place, "status", "nö→", **env)
    assert done.returncode == 2
    assert wanted in done.stderr.decode(encoding)


def test_data_for_programs_is_ascii_in_every_locale(place):
    name = {"args": ["status", "demo", "--json"]}
    (done,) = run_all([name], place)
    assert done.out.isascii() and json.loads(done.out)["run"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_one_that_nobody_reads(place, closed):
    shell = f'exec "$0" -m selffit_tui runs {closed}'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable], cwd=place, capture_output=True, env=os.environ
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_whoever_starts_a_training_and_stops_reading_is_told_that_it_goes_on(monkeypatch, capsys):
    def unread(text):
        raise Unwritable(BrokenPipeError())

    monkeypatch.setattr("selffit_tui.plain.follow.put", unread)
    with pytest.raises(Unwritable):
        follow_plain(RunDir.open(EXAMPLE), cast(Any, SimpleNamespace(poll=lambda: None)))
    assert capsys.readouterr().err.startswith("training goes on. Come back with: ")
    with pytest.raises(Unwritable):
        follow_plain(RunDir.open(EXAMPLE))
    assert capsys.readouterr().err == ""


def test_a_name_with_line_breaks_and_escapes_forges_no_line(tmp_path):
    name = "evil\n!! ONSET \x1b[31m\udcff'"
    folder = tmp_path / "runs" / name
    shutil.copytree(EXAMPLE, folder)
    for words in (["runs"], ["status", str(folder)], ["watch", "--plain", str(folder)]):
        done = subprocess.run(
            [sys.executable, "-m", "selffit_tui", *map(os.fsencode, words)],
            cwd=tmp_path,
            capture_output=True,
        )
        told = (done.stdout + done.stderr).decode()
        assert done.returncode == 0 and "evil" in told and "\x1b" not in told
        assert not any(line.lstrip().startswith("!! ONSET \\x1b") for line in told.splitlines())
        typed = [line.partition("selffit watch ")[2] for line in told.splitlines()]
        for word in filter(None, typed):  # what is told to type names it, in one line
            said = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True)
            assert said.stdout == os.fsencode(name)
