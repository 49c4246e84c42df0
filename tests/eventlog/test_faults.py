"""What the log does when the disk refuses.

By a disk that refuses on request, by file size limits, by /dev/full.
"""

import errno
import os
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from selffit.eventlog.disk import Disk
from selffit.eventlog.folder import Folder
from selffit.eventlog.kinds import Opened
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice, Record
from selffit.eventlog.segments import SegmentedLog, make_line

BALLAST = 2000


class RoughDisk(Disk):
    """A real folder with limited room, and calls that fail on request.

    Syncs are believed, not done: quicker.
    """

    def __init__(self, room: int = 1 << 30) -> None:
        self.room = room
        self.failing: dict[str, int] = {}  # call: errno
        self.synced_after_failure: list[int] = []
        self._failed: set[int] = set()

    def _check(self, call: str) -> None:
        if call in self.failing:
            raise OSError(self.failing[call], os.strerror(self.failing[call]))

    def create(self, folder: Folder, name: str) -> int:
        self._check("create")
        fd = super().create(folder, name)
        self._failed.discard(fd)
        return fd

    def write(self, fd: int, data: bytes) -> int:
        self._check("write")
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(fd, data[: self.room])
        self.room -= written
        return written

    def truncate(self, fd: int, size: int) -> None:
        self._check("truncate")
        self.room += os.fstat(fd).st_size - size
        super().truncate(fd, size)

    def unlink(self, folder: Folder, name: str) -> None:
        size = os.stat(name, dir_fd=folder.fd).st_size
        super().unlink(folder, name)
        self.room += size

    def sync(self, fd: int) -> None:
        if fd in self._failed:
            self.synced_after_failure.append(fd)
        if "sync" in self.failing:
            self._failed.add(fd)
        self._check("sync")

    def sync_folder(self, folder: Folder) -> None:
        pass


def open_log(run: Path, disk: Disk, rotate_bytes: int = 1 << 20) -> SegmentedLog:
    folder = run / "log" / "trainer"
    folder.mkdir(parents=True)
    log = SegmentedLog(Folder(folder), 1, Opened(), rotate_bytes, BALLAST, disk)
    assert log.flush() and log.sync()
    return log


def put(log: SegmentedLog, *numbers: int, critical: bool = False) -> bool:
    log.add(
        [
            make_line("alert" if critical else "host", {"n": n, "pad": "x" * 80}, critical=critical)
            for n in numbers
        ]
    )
    return log.flush() and log.sync()


def written(run: Path) -> tuple[list[Record], list[Notice]]:
    items = RunReader(run).poll()
    records = [item for item in items if isinstance(item, Record)]
    assert [record.q for record in records] == list(range(1, len(records) + 1))
    return records, [item for item in items if isinstance(item, Notice)]


def payload(records: list[Record], kind: str | None = None) -> list[int]:
    return [record.d["n"] for record in records if "n" in record.d and kind in (None, record.k)]


def test_rotation_keeps_one_sequence_and_frames_every_segment(tmp_path: Path) -> None:
    log = open_log(tmp_path, Disk(), rotate_bytes=1000)
    for n in range(40):
        assert put(log, n)
    assert log.close("done")
    records, notices = written(tmp_path)
    assert not notices and payload(records) == list(range(40))
    files = sorted((tmp_path / "log" / "trainer").iterdir())
    assert len(files) > 4 and all(
        file.name == f"000001-{n:06d}.jsonl" for n, file in enumerate(files)
    )
    for file in files:
        lines = file.read_text().splitlines()
        assert '"k":"open"' in lines[0] and '"k":"seal"' in lines[-1]
    assert [r.d["seg"] for r in records if r.k == "open"] == list(range(len(files)))


@pytest.mark.parametrize("rotate_bytes", [1, 150, 400])
def test_a_rotation_size_below_one_line_still_gets_on(tmp_path: Path, rotate_bytes: int) -> None:
    log = open_log(tmp_path, Disk(), rotate_bytes)
    assert put(log, 1, 2, 3) and log.close("done")
    assert payload(written(tmp_path)[0]) == [1, 2, 3]


def test_full_disk_costs_metrics_never_critical_events_and_tells_how_many(tmp_path: Path) -> None:
    disk = RoughDisk()
    log = open_log(tmp_path, disk)
    assert put(log, 1)
    disk.room = 100  # half a line
    assert put(log, 2, 3) and log.full and log.faults == 1  # the ballast gave way to the log.fault
    assert put(log, 10, critical=True)
    assert put(log, 4, 5)
    assert not log.reclaim()
    disk.room += 10_000
    assert log.reclaim() and put(log, 6)
    assert log.close("done")
    records, notices = written(tmp_path)
    assert not notices and payload(records) == [1, 10, 6]
    (gap,) = [record for record in records if record.k == "log.gap"]
    assert gap.d == {"dropped": 4, "kinds": {"host": 4}, "why": "disk full"} and log.lost == 4
    (fault,) = [record for record in records if record.k == "log.fault"]
    assert "ENOSPC" in fault.d["error"]


def test_critical_events_outlive_a_disk_that_stays_full(tmp_path: Path) -> None:
    disk = RoughDisk()
    log = open_log(tmp_path, disk)
    disk.room = 50 - BALLAST  # even without the ballast nothing fits
    assert not put(log, 1, critical=True)
    assert not put(log, 2, critical=True)
    assert not written(tmp_path)[1], "no half line may stay in the file"
    disk.room = 1 << 20
    assert log.flush() and log.sync() and log.close("done")
    assert payload(written(tmp_path)[0]) == [1, 2]


@pytest.mark.parametrize("code", [errno.EIO, errno.EFBIG])
def test_a_write_error_moves_to_a_new_segment(tmp_path: Path, code: int) -> None:
    disk = RoughDisk()
    log = open_log(tmp_path, disk)
    assert put(log, 1)
    disk.failing["write"] = code
    assert not put(log, 2)
    del disk.failing["write"]
    assert put(log, 3) and log.close("done")
    records, notices = written(tmp_path)
    assert (
        not notices
        and payload(records) == [1, 2, 3]
        and [r.k for r in records].count("log.fault") == 1
    )
    assert [r.d["seg"] for r in records if r.k == "open"] == [0, 1]


def test_whoever_waits_for_a_line_in_a_segment_that_is_left_is_told(tmp_path: Path) -> None:
    disk = RoughDisk()
    log = open_log(tmp_path, disk)
    event = make_line("alert", {"n": 1}, critical=True)
    log.add([event])
    assert log.flush() and event.synced is not None and not event.synced.is_set()
    disk.failing["write"] = errno.EIO
    log.add([make_line("host", {"n": 2})])
    assert not log.flush() and event.synced.is_set()


def test_a_dead_disk_does_not_fill_with_files(tmp_path: Path) -> None:
    disk = RoughDisk()
    log = open_log(tmp_path, disk)
    disk.failing["write"] = errno.EIO
    for n in range(20):
        assert not put(log, n)
    assert len(list((tmp_path / "log" / "trainer").glob("*.jsonl"))) <= 2


def test_half_a_line_that_cannot_be_cut_off_stays_behind_as_a_torn_tail(tmp_path: Path) -> None:
    disk = RoughDisk()
    log = open_log(tmp_path, disk)
    disk.failing["truncate"] = errno.EIO
    disk.room = 40
    put(log, 1, critical=True)
    del disk.failing["truncate"]
    disk.room = 1 << 20
    assert log.flush() and log.close("done")
    records, notices = written(tmp_path)
    assert payload(records) == [1] and [notice.kind for notice in notices] == ["torn"]


@pytest.mark.parametrize("truncates", [True, False])
def test_after_a_failed_sync_the_lines_are_written_again_elsewhere(
    tmp_path: Path, truncates: bool
) -> None:
    disk = RoughDisk()
    log = open_log(tmp_path, disk)
    assert put(log, 1)
    disk.failing["sync"] = errno.EIO
    if not truncates:
        disk.failing["truncate"] = errno.EIO
    event = make_line("alert", {"n": 2}, critical=True)
    log.add([event])
    assert log.flush() and not log.sync()
    assert event.synced is not None and not event.synced.is_set()
    disk.failing.clear()
    assert log.flush() and log.sync() and event.synced.is_set() and log.close("done")
    assert disk.synced_after_failure == []
    records, notices = written(tmp_path)
    # rather twice than not at all
    assert not notices and payload(records) == ([1, 2] if truncates else [1, 2, 2])


def test_a_sync_that_keeps_failing_while_rotating_ends(tmp_path: Path) -> None:
    disk = RoughDisk()
    log = open_log(tmp_path, disk, rotate_bytes=500)
    disk.failing["sync"] = errno.EIO
    for n in range(10):
        assert not put(log, n, critical=True)
    disk.failing.clear()
    assert log.flush() and log.sync() and log.close("done")
    assert payload(written(tmp_path)[0]) == list(range(10))


def test_no_new_file_can_be_made_for_a_while(tmp_path: Path) -> None:
    disk = RoughDisk()
    log = open_log(tmp_path, disk)
    disk.failing = {"write": errno.EIO, "create": errno.EMFILE}
    put(log, 1)
    assert not put(log, 2, critical=True)
    disk.failing.clear()
    assert put(log, 3) and log.close("done")
    assert payload(written(tmp_path)[0]) == [1, 2, 3]


CALLS = st.sampled_from(["write", "sync", "truncate", "create"])
STEP = st.one_of(
    st.tuples(st.just("metrics"), st.integers(1, 5)),
    st.tuples(st.just("critical"), st.integers(1, 2)),
    st.tuples(st.just("fail"), CALLS),
    st.tuples(st.just("heal"), CALLS),
    st.tuples(st.just("room"), st.integers(0, 3000)),
    st.tuples(st.just("reclaim"), st.just(0)),
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEP, max_size=25))
@example(
    steps=[
        ("fail", "sync"),
        ("fail", "truncate"),
        ("metrics", 1),
        ("heal", "truncate"),
        ("metrics", 1),
    ]
)
def test_whatever_fails_in_whatever_order_the_log_adds_up(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int | str]]
) -> None:
    run, disk = tmp_path_factory.mktemp("run"), RoughDisk()
    log = open_log(run, disk, rotate_bytes=2000)
    metrics, critical = [], []
    for number, (what, how) in enumerate(steps):
        events = [1000 * number + n for n in range(how if isinstance(how, int) else 0)]
        if what == "metrics":
            metrics += events
            put(log, *events)
        elif what == "critical":
            critical += events
            put(log, *events, critical=True)
        elif what == "fail":
            disk.failing[str(how)] = errno.EIO
        elif what == "heal":
            disk.failing.pop(str(how), None)
        elif what == "room":
            disk.room = int(how)
        else:
            log.reclaim()
    disk.failing.clear()
    disk.room = 1 << 30
    assert log.flush() and log.sync() and log.close("done")

    assert disk.synced_after_failure == []
    records, notices = written(run)  # checks that the numbers have no gap
    assert {notice.kind for notice in notices} <= {"torn"}
    assert list(dict.fromkeys(payload(records, "alert"))) == critical
    arrived = list(dict.fromkeys(payload(records, "host")))
    assert arrived == [n for n in metrics if n in set(arrived)], "in order"
    told = sum((Counter(r.d["kinds"]) for r in records if r.k == "log.gap"), Counter())
    # A line that neither a sync nor a cut could reach may be in the file all the same: never told
    # too few.
    assert told["host"] == log.lost >= len(metrics) - len(arrived)
    if not {("fail", "sync"), ("fail", "truncate")} <= set(steps):
        assert log.lost == len(metrics) - len(arrived)


def test_file_size_limit_splits_the_log_and_loses_nothing(tmp_path: Path) -> None:
    script = """
        import resource, sys
        from pathlib import Path
        from selffit.eventlog.writer import EventWriter
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        with EventWriter(Path(sys.argv[1]), "trainer", 1) as writer:
            for n in range(600):
                writer.put("host", {"n": n})
                if n % 100 == 0:
                    assert writer.put("alert", {"m": n}, critical=True)
        assert writer.health.dropped == 0 and writer.health.faults > 1
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=True, timeout=60
    )
    records, notices = written(tmp_path)
    assert not notices and payload(records) == list(range(600)) and records[-1].k == "seal"
    assert [r.d["m"] for r in records if "m" in r.d] == list(range(0, 600, 100))
    assert len({r.d["seg"] for r in records if r.k == "open"}) > 3


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the always-full device is a Linux one")
def test_an_always_full_device_is_survived(tmp_path: Path) -> None:
    class FullFromNowOn(Disk):
        full = False

        def create(self, folder: Folder, name: str) -> int:
            return os.open("/dev/full", os.O_WRONLY) if self.full else super().create(folder, name)

    disk = FullFromNowOn()
    log = open_log(tmp_path, disk, rotate_bytes=1)  # a new file each time
    assert put(log, 1)
    disk.full = True
    assert not put(log, 2, critical=True) and not put(log, 3) and log.full
    assert log.close("done") is False
    assert payload(written(tmp_path)[0]) == [1]
