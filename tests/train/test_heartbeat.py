"""The heartbeat of the trainer: what it says of the log while the disk is in trouble."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selffit.config import resolve
from selffit.eventlog.disk import Disk
from selffit.eventlog.liveness import here
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Record
from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir
from selffit.train.__main__ import Trainer
from selffit.train.host import Heartbeat
from selffit.train.stopping import Stop, StopSwitch


class FaultyDisk(Disk):
    """Refuses to write while `broken`."""

    broken = False

    def write(self, fd: int, data: bytes) -> int:
        """Raises OSError while broken."""
        if self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().write(fd, data)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_every_sample_says_how_the_log_fares_and_trouble_with_the_disk_shows(
    tmp_path: Path,
) -> None:
    run = RunDir.create(tmp_path, "tiny", {"config": resolve("patterns", {}).as_dict()})
    trainer = Trainer(run, run.claim_attempt(here()), StopSwitch())
    trainer.writer.close("replaced")
    disk = FaultyDisk()
    # a queue of a few samples, so that a broken disk costs some of them
    trainer.writer = writer = EventWriter(run.path, "again", 1, queue_bytes=1000, disk=disk)
    trainer.beat({"cpu": 0.5})
    until(lambda: len(samples(run)) == 1)
    disk.broken = True
    trainer.beat({"cpu": 0.6})
    until(lambda: not writer.health.ok)
    for _ in range(50):
        trainer.beat({"cpu": 0.7})
    dropped = writer.health.dropped
    disk.broken = False
    until(lambda: writer.health.ok)
    trainer.beat({"cpu": 0.8})
    writer.close("done")

    first, *_, last = samples(run)
    assert (first["log_ok"], first["log_faults"], first["log_dropped"]) == (True, 0, 0)
    assert {s["log_error"] for s in samples(run) if not s["log_ok"]} == {os.strerror(errno.EIO)}
    assert last["log_ok"] and last["cpu"] == 0.8
    assert last["log_faults"] == 1 and last["log_dropped"] == dropped > 30


def test_a_beat_that_fails_is_not_the_last_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without free descriptors nothing can be opened for a moment."""
    monkeypatch.setattr("selffit.train.host.PERIOD", 0.01)
    beats: list[dict[str, Any]] = []

    def beat(sample: dict[str, Any]) -> None:
        beats.append(sample)
        if len(beats) < 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    heart = Heartbeat(tmp_path, beat)
    heart.start()
    until(lambda: len(beats) > 3)
    heart.stop()
    assert capsys.readouterr().err.count("Traceback") == 1


def test_a_beat_without_a_free_descriptor_tells_what_it_can_and_sees_a_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDir.create(tmp_path, "tiny", {"config": resolve("patterns", {}).as_dict()})
    trainer = Trainer(run, run.claim_attempt(here()), StopSwitch())
    run.claim_attempt(here())

    def none_left(*_: object, **__: object) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as without:
        without.setattr("psutil.cpu_percent", none_left)
        without.setattr("psutil.Process.memory_info", none_left)
        without.setattr("os.listdir", none_left)
        trainer.beat(trainer.heartbeat.sample())
    trainer.writer.close("done")
    [sample] = samples(run)
    assert sample["cpu"] is None and sample["rss"] is None and sample["disk_free"] > 0
    with pytest.raises(Stop, match="attempt 2 took over"):
        trainer.stop.check()


def samples(run: RunDir) -> list[dict]:
    items = RunReader(run.path).poll()
    return [item.d for item in items if isinstance(item, Record) and item.k == "host"]
