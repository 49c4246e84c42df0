"""The trainer and its supervisor as real processes: every way in which a run ends, read back from
its log.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from selffit import supervisor
from selffit.config import resolve
from selffit.errors import UserError
from selffit.eventlog.liveness import here
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice, Record
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.train.__main__ import Trainer, explain
from selffit.train.resume import check_resumable
from selffit.train.stopping import Stop, StopSwitch

PATIENCE = 120.0  # seconds; importing torch on a busy machine takes its time
TINY = {
    "train_images": 256,
    "batch_size": 64,
    "epochs": 1,
    "block_steps": 2,
    "holdout": 32,
    "probe_images": 32,
    "probe_steps": 2,
    "channel_images": 16,
    "threads": 1,
    "device": "cpu",
}


class Run:
    """A supervised run and what its log says so far."""

    def __init__(self, root: Path, **settings: object) -> None:
        config = resolve("patterns", {**TINY, **settings}).as_dict()
        self.dir = RunDir.create(root, "tiny", {"config": config})
        self.supervisor = supervisor.spawn(self.dir.path)
        self.records: list[Record] = []
        self.notices: list[Notice] = []
        self._reader = RunReader(self.dir.path)

    def of(self, kind: str) -> list[Record]:
        """All records of a kind so far."""
        for item in self._reader.poll():
            if isinstance(item, Record):
                self.records.append(item)
            else:
                self.notices.append(item)
        return [record for record in self.records if record.k == kind]

    def wait_for(self, kind: str, count: int = 1) -> list[Record]:
        until(lambda: len(self.of(kind)) >= count or self.supervisor.poll() is not None)
        found = self.of(kind)
        assert len(found) >= count, (self.supervisor.poll(), self.records[-3:], self.errors())
        return found

    def errors(self) -> str:
        return "".join(path.read_text() for path in self.dir.raw.glob("*.err"))

    @property
    def trainer(self) -> int:
        """The trainer's process id."""
        return int(self.wait_for("sup.spawn")[0].d["pid"])

    def end(self) -> tuple[Record, int]:
        """The supervisor's last word and its exit code."""
        code = self.supervisor.wait(PATIENCE)
        [exit] = self.of("sup.exit")
        return exit, code

    def clean_up(self) -> None:
        for pid in [record.d["pid"] for record in self.of("sup.spawn")] + [self.supervisor.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.supervisor.wait(PATIENCE)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(**settings: object) -> Run:
        runs.append(Run(tmp_path / str(len(runs)), **settings))
        return runs[-1]

    yield begin
    for run in runs:
        run.clean_up()


def test_a_run_trains_to_its_end_and_says_so(start: Callable[..., Run]) -> None:
    run = start()
    exit, code = run.end()
    assert (exit.d["how"], exit.d["code"], code) == ("finished", 0, 0), run.errors()
    assert [record.d["name"] for record in run.of("phase")] == [
        "starting",
        "imports",
        "data",
        "model",
        "training",
        "finishing",
    ]
    [begun], [ended] = run.of("run.start"), run.of("end")
    assert begun.d["steps_total"] == 4
    assert begun.d["layers"] == [
        {"name": "conv1", "channels": 16},
        {"name": "conv2", "channels": 32},
    ]
    assert begun.d["data"] == {
        "name": "patterns", "classes": 10, "shape": [1, 28, 28], "train": 256, "heldout": 32,
    }  # fmt: skip
    assert sum(record.d["n"] for record in run.of("steps")) == ended.s == 4
    assert (ended.d["how"], ended.d["summary"]["n"]) == ("finished", 32)
    assert not run.notices


def test_hanging_up_changes_nothing_and_sigterm_stops_at_a_step(start: Callable[..., Run]) -> None:
    run = start(epochs=1000)
    before = len(run.wait_for("steps"))
    for pid in (run.supervisor.pid, run.trainer):
        os.kill(pid, signal.SIGHUP)
    run.wait_for("steps", before + 3)
    run.supervisor.terminate()
    exit, code = run.end()
    [ended] = run.of("end")
    assert (exit.d["how"], ended.d["how"], code) == ("stopped", "stopped", 0)
    assert ended.s == sum(record.d["n"] for record in run.of("steps"))
    assert "SIGTERM" in exit.d["text"]
    assert run.of("ckpt.saved")[-1].s == ended.s  # so that it can go on from there


def test_a_killed_trainer_is_called_killed_and_its_log_stays_readable(
    start: Callable[..., Run],
) -> None:
    run = start(epochs=1000)
    run.wait_for("steps", 3)
    os.kill(run.trainer, signal.SIGKILL)
    exit, code = run.end()
    assert (exit.d["how"], exit.d["signal"], code) == ("killed", "SIGKILL", 137)
    assert not run.of("end")
    assert len(run.of("steps")) >= 3
    assert {notice.kind for notice in run.notices} <= {"torn"}


def test_a_killed_trainer_is_started_again_from_its_newest_checkpoint(
    start: Callable[..., Run],
) -> None:
    run = start(epochs=1000, restarts=1)
    run.wait_for("ckpt.saved", 2)
    os.kill(run.trainer, signal.SIGKILL)
    [resumed] = run.wait_for("resumed")
    assert resumed.d["step"] == max(record.s for record in run.of("ckpt.saved"))
    run.supervisor.terminate()
    assert run.supervisor.wait(PATIENCE) == 0
    assert [(record.a, record.d["how"], record.d["again"]) for record in run.of("sup.exit")] == [
        (1, "killed", True),
        (2, "stopped", False),
    ]


def test_impossible_wishes_are_refused_with_one_sentence(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    run = start(data="mnist", data_dir=str(tmp_path / "nothing here"))
    exit, code = run.end()
    [ended] = run.of("end")
    assert (exit.d["how"], ended.d["how"], code) == ("refused", "refused", 2)
    assert "nothing here" in ended.d["reason"]
    assert exit.d["text"] == ended.d["reason"] == run.errors().strip()


def test_training_outlives_its_supervisor_and_gives_way_to_a_later_attempt(
    start: Callable[..., Run],
) -> None:
    run = start(epochs=1000)
    before = len(run.wait_for("steps"))
    run.supervisor.kill()
    run.supervisor.wait(PATIENCE)
    until(lambda: len(run.of("steps")) >= before + 3)
    assert run.dir.claim_attempt(here()) == 2
    until(lambda: bool(run.of("end")))
    [ended] = run.of("end")
    assert ended.d["how"] == "superseded"
    assert "attempt 2" in ended.d["reason"]


def test_the_log_opens_before_torch_is_imported() -> None:
    code = "import sys, selffit.train.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def ended_in_this_process(tmp_path: Path, error: BaseException | None) -> tuple[int, Record]:
    """The exit code and `end` record of a trainer whose training raises `error`."""
    run = RunDir.create(tmp_path, "tiny", {"config": resolve("patterns", TINY).as_dict()})
    trainer = Trainer(run, run.claim_attempt(here()), StopSwitch())

    def train(config: object) -> tuple[str, str]:
        if error is not None:
            raise error
        return "finished", ""

    trainer.train = train  # type: ignore[method-assign]
    code = trainer.main()
    items = [
        item for item in RunReader(run.path).poll() if isinstance(item, Record) and item.k == "end"
    ]
    return code, items[0]


@pytest.mark.parametrize("how", ["finished", "preempted"])
def test_a_run_whose_last_checkpoint_was_not_saved_does_not_end_well(
    tmp_path: Path, how: str
) -> None:
    run = RunDir.create(tmp_path, "tiny", {"config": resolve("patterns", TINY).as_dict()})
    trainer = Trainer(run, run.claim_attempt(here()), StopSwitch())

    def train(config: object) -> tuple[str, str]:
        trainer.unsaved = "checkpoint main-4 was not saved: No space left on device"
        if how != "finished":
            raise Stop(how, "stopped by SIGUSR1", save=True)
        return how, ""

    trainer.train = train  # type: ignore[method-assign]
    assert trainer.main() == 1
    state = Follower.of(run).read_all()
    assert state.ending is not None and state.ending.how == "unsaved"
    assert state.ending.text.endswith("No space left on device")
    assert ("SIGUSR1" in state.ending.text) == (how != "finished")
    check_resumable(state.ledger, run.name)  # it can be gone on with


def test_a_scheduler_that_takes_the_machine_away_gets_a_checkpoint_and_a_code(
    start: Callable[..., Run],
) -> None:
    run = start(epochs=1000)
    run.wait_for("steps", 2)
    os.kill(run.supervisor.pid, signal.SIGUSR1)
    exit, code = run.end()
    [ended] = run.of("end")
    assert (exit.d["how"], ended.d["how"], code) == ("preempted", "preempted", 75)
    assert run.of("ckpt.saved")[-1].s == ended.s and "SIGUSR1" in exit.d["text"]


def test_a_crash_ends_the_log_with_the_error_and_leaves_the_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, end = ended_in_this_process(tmp_path, ZeroDivisionError("by zero\nsecond line"))
    assert (code, end.d["how"], end.d["reason"]) == (1, "crashed", "ZeroDivisionError: by zero")
    assert "Traceback" in capsys.readouterr().err


def test_a_refusal_shows_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, end = ended_in_this_process(tmp_path, UserError("no such device; use --device cpu"))
    assert (code, end.d["how"]) == (2, "refused")
    assert capsys.readouterr().err == "no such device; use --device cpu\n"


def test_running_out_of_memory_is_explained_by_what_can_be_changed() -> None:
    class OutOfMemoryError(RuntimeError):
        """Has the name of torch's."""

    config = resolve("patterns", {"width": 32})
    text = explain(OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore"), config)
    assert text.startswith("out of memory with --batch-size 128, --width 32; lower")
    assert "\n" not in text
