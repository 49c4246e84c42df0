"""`selffit compare`, and `selffit` alone: what they print, and what they say to bad input."""

import csv
import io
import json
import sys

import pytest
from made_up import folder as made_up_folder
from made_up.terminal import Terminal


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("compared") / "runs"
    root.mkdir()
    made_up_folder.write_run(root, "fallen", 868, 620)
    made_up_folder.write_run(root, "healthy", 868, 5_000)
    made_up_folder.rolled_back(root)
    return root


@pytest.fixture
def command(root, monkeypatch, selffit, tmp_path):
    monkeypatch.setenv("SELFFIT_RUNS", str(root))
    monkeypatch.chdir(tmp_path)

    return selffit


def test_a_comparison_is_a_table_where_there_is_no_terminal(command):
    code, out, _ = command("compare", "fallen", "heal")
    lines = out.splitlines()
    assert code == 0 and lines[0].split()[:3] == ["RUN", "STATE", "EPS"]
    assert lines[1].startswith("A  fallen") and "self-fitting" in lines[1]
    assert lines[2].startswith("B  healthy")
    assert any(line.startswith("A: onset at step 620") for line in lines)
    assert lines[-1] == "the settings of all lines are the same"


def test_one_run_alone_is_compared_with_its_branches(command):
    out = command("compare", "rescued")[1]
    assert "A1  rescued:main" in out and "A2  rescued:b1" in out
    assert any(line.split() == ["method", "fgsm", "n-fgsm"] for line in out.splitlines())
    assert "rescued:b1" not in command("compare", "rescued:main", "fallen")[1]


def test_a_comparison_as_data(command):
    data = json.loads(command("compare", "fallen", "healthy", "--json", "--align", "onset")[1])
    assert data["aligned"] == "onset" and data["measures"] == ["pgd"]
    assert [line["run"] for line in data["lines"]] == ["fallen", "healthy"]
    assert {point["line"] for point in data["points"]} == {"A"}  # only it has an onset
    assert any(point["x"] < 0 for point in data["points"])
    rows = list(csv.DictReader(io.StringIO(command("compare", "fallen", "healthy", "--csv")[1])))
    assert {row["line"] for row in rows} == {"A", "B"} and rows[0]["measure"] == "pgd"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("fallen", "--measure", "pdg"), "there is no measure 'pdg'; did you mean 'pgd'?"),
        (("fallen", "--align", "time"), "there is no way to align by 'time'"),
        (("fallen", "--json", "--csv"), "ask for one of them"),
        (("nothing-like-it",), "there is no run 'nothing-like-it'"),
        (("rescued:b7",), "rescued has no branch 'b7'; it has: main, b1"),
        (("fallen", "--screenshot", "x.svg", "--size", "1x1"), "--size must be"),
        (("fallen", "--screenshot", "none/x.svg"), "cannot write --screenshot"),
    ],
)
def test_bad_input_is_a_sentence(command, args, says):
    code, out, err = command("compare", *args)
    assert code == 2 and says in err and not out


def test_a_picture_of_a_comparison(command, tmp_path):
    assert command("compare", "fallen", "healthy", "--screenshot", "x.svg")[0] == 0
    picture = (tmp_path / "x.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert picture.startswith("<svg") and "compare" in picture and "healthy" in picture


def test_selffit_alone_prints_its_help_where_there_is_no_terminal(command):
    _, out, err = command()
    assert "compare" in out + err and "Usage" in out + err


def test_selffit_alone_opens_the_runs_in_a_terminal(root):
    import os

    env = {**os.environ, "TERM": "xterm-256color", "SELFFIT_RUNS": str(root), "LANG": "C.UTF-8"}
    argv = [sys.executable, "-m", "selffit_tui"]
    with Terminal(argv, env) as terminal:
        terminal.wait_for("self-fitting", 30)
        terminal.send(b"q")
        assert terminal.wait() == 0
        assert b"\x1b[?1049l" in terminal.output  # the screen of before is back
