"""The recorded runs that a newcomer opens first: they read without fault, as README says."""

import math
from pathlib import Path

import pytest

from selffit.control.ledger import Ledger
from selffit.eventlog import kinds
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice
from selffit.run.folded.state import RunState, reduce, reduce_all
from selffit.run.folder.run_dir import RunDir

RUNS = Path(__file__).parents[1] / "runs"
EXAMPLES = sorted(RUNS.glob("example-*"))


def read(run):
    reader, items = RunReader(run), []
    while new := reader.poll(100):
        items += new
    return items


@pytest.mark.parametrize("run", EXAMPLES, ids=lambda run: run.name)
def test_every_example_is_small_whole_and_finished(run):
    items = read(run)
    assert RunDir.open(run).info()["name"] == run.name
    assert not [item for item in items if isinstance(item, Notice)]
    ending = reduce_all(RunState(), items).ending
    assert ending is not None and ending.how == "finished"
    assert sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) <= 1 << 20


@pytest.mark.parametrize("run", EXAMPLES, ids=lambda run: run.name)
def test_replaying_event_by_event_gives_the_state_that_was_live_at_each(run):
    items = read(run)
    state, live = RunState(), RunState()
    for length, item in enumerate(items, 1):
        state = reduce(state, item)
        if length % 97 == 0 or length == len(items):
            live = reduce_all(live, items[len_done(length) : length])
            assert live == state, length


def len_done(length):
    """Where the slice before this one ended."""
    return (length - 1) // 97 * 97


def test_the_default_run_collapses_after_a_healthy_phase():
    state = reduce_all(RunState(), read(RUNS / "example-patterns-fgsm"))
    alerts, probes = state.all(kinds.Alert), state.all(kinds.RobustProbe)
    [onset] = [alert for alert in alerts if alert.level == "onset"]
    assert onset.healthy_pgd > 0.25
    assert probes[-1].pgd < 0.05 < 0.8 < probes[-1].fgsm
    suspicions = [alert.step for alert in alerts if alert.level == "suspect"]
    assert suspicions and suspicions[0] < onset.step


def test_the_rolled_back_run_ends_healthy_on_its_branch_and_keeps_what_it_left_behind():
    items = read(RUNS / "example-patterns-rollback")
    state, ledger = reduce_all(RunState(), items), Ledger.fold(items)
    assert (state.branch, ledger.branches["b1"].parent) == ("b1", "main")
    assert state.setting("method") == "n-fgsm"
    probes = state.all(kinds.RobustProbe)
    assert probes[-1].pgd > 0.25
    assert any(probe.branch == "main" and probe.pgd < 0.05 for probe in probes)
    assert math.isfinite(state.epoch)
