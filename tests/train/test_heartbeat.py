"""The heartbeat of the trainer: what it says of the log while the disk is in trouble."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from selffit.config import resolve
from selffit.eventlog.disk import Disk
from selffit.eventlog.liveness import here
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Record
from selffit.eventlog.writer import EventWriter
from selffit.run.run_dir import RunDir
from selffit.train.__main__ import Trainer
from selffit.train.stopping import StopSwitch


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
    assert any(not sample["log_ok"] for sample in samples(run))
    assert last["log_ok"] and last["cpu"] == 0.8
    assert last["log_faults"] == 1 and last["log_dropped"] == dropped > 30


def samples(run: RunDir) -> list[dict]:
    items = RunReader(run.path).poll()
    return [item.d for item in items if isinstance(item, Record) and item.k == "host"]
