"""The end card, and what a person is advised to type."""

import re
import shutil
from pathlib import Path

import pytest
import typer.main
from made_up import run as synthetic
from made_up.looks import plain_text
from made_up.records import probe, record, start, steps

from selffit.run.folded.state import RunState, reduce_all
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit_tui.cli import app
from selffit_tui.model.scene import View
from selffit_tui.panels.events import event_lines
from selffit_tui.plain.follow import follow_plain
from selffit_tui.plain.lines import PlainLines
from selffit_tui.plain.place import place_of
from selffit_tui.words.end_card import Place, lines, rows

RUNS = Path(__file__).parents[2] / "runs"
HERE = Place(name="r", run="r", folder="runs/r", preset="patterns")
END = record("end", {"how": "finished"}, 200)


def card(items, word="finished", place=HERE):
    state = reduce_all(RunState(run="r"), items)
    return {label: words for label, words, _ in rows(state, word, place) if label}


def commands(items, word="finished", place=HERE):
    state = reduce_all(RunState(run="r"), items)
    told = rows(state, word, place)
    first = next(i for i, row in enumerate(told) if row[0] == "next")
    return [words.removeprefix("uv run ").removeprefix("selffit ") for _, words, _ in told[first:]]


def test_a_run_that_collapsed_says_so_and_how_to_hold_the_next_one():
    items = synthetic.records()
    told = card(items)
    assert told["verdict"].startswith("onset at step 620; self-fitting")
    assert told["best"].startswith("PGD .") and "at eps .350" in told["best"]
    assert re.fullmatch(r"clean \.98  FGSM \.94  PGD \.07, step 868 \(n 512\)", told["final"])
    assert commands(items) == [
        "train --preset patterns --on-co rollback:n-fgsm",
        "diagnose r",
        "detect r",
    ]


def test_the_best_accuracy_is_that_at_the_last_budget():
    early = probe(10, 0.9, eps=0.05, final={"eps": 0.16, "fgsm": 0.5, "pgd": 0.4})
    told = card([start(), early, probe(50, 0.3, eps=0.16), END])
    assert told["best"] == "PGD .40 at eps .160, step 10"


def test_a_crash_is_resumed_first():
    exit = {"how": "crashed", "text": "ValueError: x", "stderr": ["Traceback", "ValueError: x"]}
    items = [start(), record("sup.exit", exit, stream="supervisor")]
    state = reduce_all(RunState(run="r"), items)
    assert rows(state, "crashed", HERE)[0][1] == "ValueError: x"
    assert commands(items, "crashed")[0] == "train --resume r"


def test_without_its_weights_nothing_is_offered_that_needs_them():
    place = place_of(RunDir.open(RUNS / "example-patterns-fgsm"))
    assert not place.weights and place.preset == "patterns"
    assert not any("diagnose" in words for words in commands(synthetic.records(), place=place))


def test_every_line_fits_and_commands_are_not_broken():
    state = reduce_all(RunState(run="r"), synthetic.records())
    for width in (20, 40, 76):
        for line in lines(state, "finished", HERE, width):
            text = "".join(part for part, _ in line)
            assert len(text) <= width or line[1][1] == "title"


HOWS = ["finished", "stopped", "crashed", "killed", "diverged", "preempted", "lost"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("weights", [True, False])
def test_three_commands_that_exist_are_offered_after_every_end(how, weights):
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    ending = [] if how == "lost" else [record("end", {"how": how})]
    place = Place(name="r", run="r", folder="runs/r", weights=weights)
    for items in ([start()], synthetic.records(720)):
        found = commands([*items, *ending], how, place)
        assert len(found) == 3
        for command in found:
            name, *arguments = command.split()
            known[name].make_context(name, arguments)


# ---- plain lines ---------------------------------------------------------------------------------
def plain(items, live):
    follower = Follower(None, "r")  # type: ignore[arg-type]
    return [line[10:] for line in PlainLines("r", live).feed(items, follower)]


def test_an_onset_is_a_marked_line_and_of_a_live_run_says_what_to_type():
    saved = record("ckpt.saved", {"id": "main-589", "step": 589, "branch": "main", "healthy": True})
    items = [saved, *synthetic.records(720)]
    told = plain(items, live=True)
    onset = next(i for i, line in enumerate(told) if line.startswith("!! ONSET"))
    assert told[onset].startswith("!! ONSET     step 620  self-fitting: catastrophic overfitting")
    command = told[onset + 1].removeprefix("→ ").removeprefix("uv run ")
    assert command == "selffit ctl r rollback --to healthy --method n-fgsm"
    assert not any(line.startswith("→") for line in plain(items, live=False))


def test_what_a_policy_will_do_is_said_instead_of_a_command():
    policy = {"on_co": "rollback:n-fgsm", "max_rollbacks": 2}
    alert = record("alert", {"level": "onset", "text": "it fell", "onset_step": 7}, 9)
    told = plain([start(**policy), alert], live=True)
    assert any(line.startswith("→ policy: rolls back now, on with n-fgsm") for line in told)


def test_the_last_plain_lines_are_the_card(capsys):
    follow_plain(RunDir.open(RUNS / "example-patterns-fgsm"))
    last = capsys.readouterr().out.splitlines()[-7:]
    assert last[0].startswith("run example-patterns-fgsm: finished; onset at step 1 032")
    assert last[1].startswith(
        "  best    PGD .31 at eps .160, step 868"
    ) and "  next    " in "\n".join(last)


def test_lines_of_a_run_that_has_said_nothing_yet_say_that_they_wait(tmp_path, monkeypatch, capsys):
    shutil.copy(RUNS / "example-patterns-fgsm" / "run.json", tmp_path / "run.json")
    (tmp_path / "log" / "trainer").mkdir(parents=True)

    def left(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", left)
    assert follow_plain(RunDir.open(tmp_path)) == 130
    assert "waiting for the first event of" in capsys.readouterr().err


def test_news_of_checkpoints_that_were_removed_do_not_fill_the_list(scene):
    gone = record("ckpt.pruned", {"id": "main-0"}, 30)
    items = [start(), steps(0), probe(10, 0.4), gone]
    assert "removed" not in plain_text(event_lines(scene(items), 100, 6))
    assert "removed" in plain_text(event_lines(scene(items, View(every=True)), 100, 6))
