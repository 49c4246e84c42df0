"""A second attempt at a watched loop: the same run goes on, as our own trainings do."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up import rs_fgsm
from made_up.hosted import FALLS, state_of

from selffit import Monitor
from selffit.control.commands import new_command
from selffit.control.submit import submit
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir

QUIET: dict[str, Any] = {
    "self_images": 16,
    "channel_images": 0,
    "causal_images": 0,
    "align_every": 0,
    "probe_steps": 2,
    "probe_images": 32,
}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def attempt(tmp_path: Path) -> Callable[..., Monitor]:
    _, _, x, y = rs_fgsm.images()

    def make(**more: Any) -> Monitor:
        settings: dict[str, Any] = {"eps": 0.1, "steps_per_epoch": 4, **QUIET, **more}
        return Monitor(rs_fgsm.network(), (x, y), runs=tmp_path / "runs", name="loop", **settings)

    return make


def steps(monitor: Monitor, n: int) -> None:
    for i in range(n):
        monitor.step(loss=2.0 - 0.01 * i, start_loss=1.8)


def state(monitor: Monitor) -> RunState:
    assert monitor.path is not None
    return state_of(RunDir.open(monitor.path))


def known(monitor: Monitor) -> Any:
    return rounded([part.state() for part in monitor._watching._parts])


def rounded(value: Any) -> Any:
    """A log has six digits of a number."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return pytest.approx(value, rel=1e-5) if isinstance(value, float) else value


def resumptions(monitor: Monitor) -> list[kinds.Resumed]:
    return [event for event in state(monitor).events if isinstance(event, kinds.Resumed)]


def ask(monitor: Monitor, op: str, args: dict[str, Any]) -> None:
    assert monitor.path is not None
    submit(monitor.path, new_command(op, args, by="somebody"))
    time.sleep(0.3)  # between two looks into the inbox
    steps(monitor, 1)


@pytest.mark.parametrize("where", [8, "main-8"])
def test_a_run_goes_on_from_the_loops_checkpoint_and_knows_what_it_knew(
    attempt: Callable[..., Monitor], where: int | str
) -> None:
    first = attempt()
    steps(first, 8)
    assert first.saved() == "main-8"
    before = known(first)
    steps(first, 5)
    first.close("crashed", "out of luck", probe=False)
    second = attempt(resume=where)
    assert second.steps == 8 and known(second) == before
    steps(second, 4)
    second.close(probe=False)
    found = state(second)
    (resumed,) = resumptions(second)
    assert (resumed.at.attempt, resumed.to_step, resumed.lost_steps) == (2, 8, 5)
    assert resumed.ckpt == (where if isinstance(where, str) else None)
    assert [probe.step for probe in found.all(kinds.RobustProbe)] == [4, 8, 12]
    assert found.step == 12 and sorted(found.attempts) == [1, 2]
    assert found.ending is not None and found.ending.how == "finished"


def test_one_command_line_begins_a_run_and_goes_on_with_it(attempt: Callable[..., Monitor]) -> None:
    with attempt(resume=0) as first:
        steps(first, 2)
        first.close("stopped", probe=False)
    assert not resumptions(first)
    with attempt(resume=0) as second:  # it had no checkpoint: all steps are done again
        steps(second, 1)
        second.close("stopped", probe=False)
    assert state(second).step == 1 and len(resumptions(second)) == 1


def test_a_loop_that_was_not_watched_before_is_watched_from_its_step_on(
    attempt: Callable[..., Monitor],
) -> None:
    with attempt(resume=100) as monitor:
        steps(monitor, 4)
        monitor.close(probe=False)
    assert state(monitor).step == 104
    assert [probe.step for probe in state(monitor).all(kinds.RobustProbe)] == [104]


def test_what_cannot_be_gone_on_with_is_refused_with_a_sentence(
    attempt: Callable[..., Monitor], program_run: Callable[..., RunDir], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="there is no run loop"):
        attempt(resume="main-4")
    monitor = attempt()
    with pytest.raises(UserError, match="already something called loop"):
        attempt()
    with pytest.raises(UserError, match=r"run loop is training.*take_over=True"):
        attempt(resume=0)
    steps(monitor, 2)
    monitor.close("stopped", probe=False)
    with pytest.raises(UserError, match="knows no such checkpoint; it has none"):
        attempt(resume="main-4")
    with pytest.raises(UserError, match="give the steps"):
        attempt(resume=-1)
    attempt(resume=2).close(probe=False)
    with pytest.raises(UserError, match="has finished"):
        attempt(resume=2)
    program_run(FALLS)
    _, _, x, y = rs_fgsm.images()
    with pytest.raises(UserError, match="none that a Monitor has begun"):
        Monitor(rs_fgsm.network(), (x, y), eps=0.1, runs=tmp_path / "runs", name="theirs", resume=0)


def test_an_attempt_that_was_taken_over_stops_its_loop_and_writes_no_more(
    attempt: Callable[..., Monitor],
) -> None:
    first = attempt()
    steps(first, 3)
    second = attempt(resume=0, take_over=True)
    until = time.monotonic() + 20
    while not first.off and time.monotonic() < until:
        steps(first, 1)
        time.sleep(0.1)
    assert first.stopping and "superseded" in first.off
    second.close(probe=False)
    found = state(second)
    assert found.attempt == 2 and found.ending is not None and found.ending.how == "finished"


def test_what_was_set_holds_and_is_told_again(attempt: Callable[..., Monitor]) -> None:
    first = attempt()
    told: list[Any] = []
    first.on("set", told.append)
    ask(first, "set", {"eps": 0.05})
    assert len(told) == 1 and told[0]["eps"] == 0.05
    first.close("stopped", probe=False)
    second = attempt(resume=1)
    again: list[Any] = []
    second.on("set", again.append)
    assert again == told and second._watching.loop.config.eps == 0.05
    second.close(probe=False)


def test_a_roll_back_goes_to_a_checkpoint_of_an_earlier_attempt_and_not_to_a_line_that_was_left(
    attempt: Callable[..., Monitor],
) -> None:
    first = attempt()
    steps(first, 4)
    first.saved()
    before = known(first)
    steps(first, 4)
    first.saved()
    first.close("stopped", probe=False)
    second = attempt(resume=8)
    loaded: list[Any] = []
    second.on("rollback", lambda id, step, settings: loaded.append((id, step, known(second))))
    second._watching.probe = lambda why: None  # type: ignore[method-assign]  # of the new branch
    ask(second, "rollback", {"to": "main-4"})
    assert [one[:2] for one in loaded] == [("main-4", 4)] and known(second) == before
    assert state(second).branch == "b1"
    second.close("stopped", probe=False)
    with pytest.raises(UserError, match="lies on a line of history that was left"):
        attempt(resume="main-8")
    third = attempt(resume=4)
    steps(third, 4)
    third.close(probe=False)
    found = state(third)
    assert (found.branch, found.step) == ("b1", 8)
