"""A thinned log replays to the same verdicts, marks and accuracies."""

import json
import os
from pathlib import Path

import pytest

from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.records import Notice
from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir
from selffit.run.folder.thinning import Thinning, thin_run, thinned
from selffit.run.follow import Follower
from selffit.run.judged.reacting import policy_words
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import sentence
from selffit_tui.model.marks import marks

RUNS = Path(__file__).parents[3] / "runs"
REAL = Path(os.environ.get("SELFFIT_DATA", "/nowhere")) / "runs"
KEPT = (
    kinds.RobustProbe,
    kinds.SelfProbe,
    kinds.StrongProbe,
    kinds.CausalProbe,
    kinds.ImageStrip,
    kinds.Alert,
    kinds.Diagnosis,
    kinds.Applied,
    kinds.BranchBegun,
)


def state_of(run: Path) -> RunState:
    return Follower.of(RunDir.open(run)).read_all()


def story(state: RunState) -> list[object]:
    """Everything that must not change."""
    found = verdict(state)
    told: list[object] = [sentence(state, found), policy_words(state, found), found.state]
    told += [state.step, state.epoch, state.branch, state.ending, state.last_step]
    told += [marks(state, state.line), list(state.ledger.checkpoints), list(state.ledger.branches)]
    return told + [[event.data() for event in state.all(kind)] for kind in KEPT]


@pytest.mark.parametrize("name", ["example-patterns-fgsm", "example-patterns-rollback"])
def test_a_thinned_log_tells_the_same_story_in_less(tmp_path, name):
    size = thin_run(RunDir.open(RUNS / name), tmp_path / name, Thinning())
    assert size < 0.7 * sum(f.stat().st_size for f in (RUNS / name).rglob("*") if f.is_file())
    before, after = state_of(RUNS / name), state_of(tmp_path / name)
    assert story(before) == story(after)
    assert not [notice for notice in after.notices if isinstance(notice, Notice)]
    assert 0 < len(after.blocks) < len(before.blocks)
    assert len(after.all(kinds.ChannelProbe)) == Thinning().channels


@pytest.mark.parametrize(
    ("original", "example"),
    [
        ("fgsm8", "example-cifar10-fgsm"),
        pytest.param("rescue8", "example-cifar10-rescue", marks=pytest.mark.slow),
    ],
)
def test_the_examples_are_thinned_from_the_recorded_runs(tmp_path, original, example):
    if not (REAL / original).is_dir():
        pytest.skip("needs the recorded runs, in $SELFFIT_DATA/runs")
    thin_run(RunDir.open(REAL / original), tmp_path / example, Thinning())
    for file in ("log/trainer/000001-000000.jsonl", "run.json"):
        assert (tmp_path / example / file).read_bytes() == (RUNS / example / file).read_bytes()
    assert story(state_of(REAL / original)) == story(state_of(RUNS / example))


def test_a_thinned_copy_names_itself_and_nothing_of_the_machine(tmp_path):
    thin_run(RunDir.open(RUNS / "example-patterns-fgsm"), tmp_path / "small", Thinning())
    info = json.loads((tmp_path / "small" / "run.json").read_text())
    assert info["name"] == "small" and info["thinned"]["blocks"] == 8
    assert "data_dir" not in info["config"] and "notify" not in info
    assert state_of(tmp_path / "small").run == "small"


def test_nothing_is_written_over(tmp_path):
    with pytest.raises(UserError, match="is there already"):
        thin_run(RunDir.open(RUNS / "example-patterns-fgsm"), tmp_path, Thinning())


def test_damaged_lines_are_left_out_and_all_others_are_numbered_without_a_gap():
    file = RUNS / "example-patterns-fgsm" / "log" / "trainer" / "000001-000000.jsonl"
    lines = file.read_bytes().splitlines()
    lines[3] = lines[3][:-40]
    found = thinned(lines, Thinning(blocks=1, channels=10_000, beats=1))
    assert len(found) == len(lines) - 1
    assert [json.loads(line)["q"] for line in found] == list(range(1, len(lines)))
