import errno
import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from selffit.errors import UserError
from selffit.eventlog.disk import Disk
from selffit.eventlog.framing import MAX_LINE
from selffit.eventlog.liveness import here
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice, Record
from selffit.eventlog.writer import EventWriter


class GatedDisk(Disk):
    """Stops at the first write or sync until it is let go, as a stalled network disk does."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()

    def write(self, fd: int, data: bytes) -> int:
        self.gate.wait(30)
        return super().write(fd, data)


class RefusingDisk(Disk):
    refusing = False

    def write(self, fd: int, data: bytes) -> int:
        if self.refusing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().write(fd, data)


def written(run: Path) -> list[Record]:
    items = RunReader(run).poll()
    assert not [item for item in items if isinstance(item, Notice)]
    return [item for item in items if isinstance(item, Record)]


def until(condition: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.01)


def test_open_comes_first_and_seal_last_with_a_gap_free_sequence(tmp_path: Path) -> None:
    with EventWriter(tmp_path, "trainer", 3, opening={"run": "r1"}) as writer:
        assert [r.k for r in written(tmp_path)] == ["open"], "on the disk before training begins"
        for step in range(500):
            assert writer.put("host", {"cpu": 0.5}, step=step, branch="main-2")
    records = written(tmp_path)
    assert [r.q for r in records] == list(range(1, 503))
    assert (
        records[0].k == "open" and records[-1].k == "seal" and records[-1].d == {"reason": "closed"}
    )
    assert (
        records[0].d.items()
        >= {"run": "r1", "stream": "trainer", "seg": 0, **here().as_data()}.items()
    )
    assert [(r.s, r.b, r.a) for r in records[1:-1]] == [(step, "main-2", 3) for step in range(500)]
    assert os.listdir(tmp_path / "log" / "trainer") == ["000003-000000.jsonl"]


def test_every_line_is_ascii_json_equal_to_what_was_emitted(tmp_path: Path) -> None:
    data: list[dict[str, Any]] = [
        {"x": "é😀\u202e\x1b[0m\ud800"},
        {"n": 2**63, "f": 1e-7, "l": [[1.5], []], "z": None},
        {},
        {"k é": {"": True}},
    ]
    with EventWriter(tmp_path, "trainer", 1) as writer:
        for entry in data:
            writer.put("kind é", entry)
    raw = (tmp_path / "log" / "trainer" / "000001-000000.jsonl").read_bytes()
    assert raw.isascii()
    lines = [json.loads(line) for line in raw.splitlines()]
    assert [line["d"] for line in lines[1:-1]] == data and lines[1]["k"] == "kind é"
    assert all(list(line) == ["v", "a", "q", "t", "k", "b", "s", "d", "c"] for line in lines)


def test_the_data_may_be_changed_after_emit(tmp_path: Path) -> None:
    with EventWriter(tmp_path, "trainer", 1) as writer:
        data = {"x": [math.nan]}
        writer.put("host", data)
        data["x"].append(2.0)
    assert written(tmp_path)[1].d == {"x": ["NaN"]}


def test_a_critical_event_is_on_the_disk_when_emit_returns(tmp_path: Path) -> None:
    class Watching(Disk):
        synced = 0

        def sync(self, fd: int) -> None:
            super().sync(fd)
            self.synced = os.fstat(fd).st_size

    disk = Watching()
    with EventWriter(tmp_path, "trainer", 1, disk=disk, ballast_bytes=0) as writer:
        for step in range(5):
            writer.put("host", {})
            assert writer.put("alert", {"level": "onset"}, step=step, critical=True)
            assert (
                disk.synced == (tmp_path / "log" / "trainer" / "000001-000000.jsonl").stat().st_size
            )


def test_metrics_reach_the_disk_without_a_critical_event(tmp_path: Path) -> None:
    class Counting(Disk):
        syncs = 0

        def sync(self, fd: int) -> None:
            self.syncs += 1
            super().sync(fd)

    disk = Counting()
    with EventWriter(tmp_path, "trainer", 1, disk=disk) as writer:
        before = disk.syncs
        writer.put("host", {})
        until(lambda: disk.syncs > before)
        writer.put("host", {})
        until(lambda: disk.syncs > before + 1)


def test_a_stalled_disk_drops_metrics_and_counts_them_but_never_critical_events(
    tmp_path: Path,
) -> None:
    disk = GatedDisk()
    writer = EventWriter(
        tmp_path, "trainer", 1, disk=disk, queue_bytes=20_000, critical_timeout=0.1
    )
    disk.gate.clear()
    queued = sum(writer.put("host", {"n": n}) for n in range(2000))
    assert 0 < queued < 2000 and writer.health.dropped == 2000 - queued
    assert writer.put("alert", {"n": 1}, critical=True) is False
    began = time.monotonic()
    for n in range(2, 30):
        assert writer.put("alert", {"n": n}, critical=True) is False
    assert not writer.health.ok
    assert time.monotonic() - began < 2.0, "a stall known already is not waited for again and again"
    disk.gate.set()
    until(lambda: writer.health.ok)
    assert writer.put("alert", {"n": 30}, critical=True)
    assert writer.close("done")
    records = written(tmp_path)
    assert [r.d["n"] for r in records if r.k == "alert"] == list(range(1, 31))
    assert sum(r.k == "host" for r in records) == queued
    gaps = [r.d for r in records if r.k == "log.gap"]
    assert sum(gap["dropped"] for gap in gaps) == 2000 - queued == writer.health.dropped
    assert all(
        gap["kinds"] == {"host": gap["dropped"]} and gap["why"] == "queue full" for gap in gaps
    )


def test_a_refusing_disk_is_noticed_survived_and_told(tmp_path: Path) -> None:
    disk = RefusingDisk()
    writer = EventWriter(tmp_path, "trainer", 1, disk=disk)
    disk.refusing = True
    assert writer.put("alert", {"n": 1}, critical=True) is False
    assert writer.put("host", {"n": 2}) is True
    assert (writer.health.ok, writer.health.faults, writer.health.error) == (
        False,
        1,
        os.strerror(errno.EIO),
    )
    disk.refusing = False
    until(lambda: writer.health.ok)
    assert writer.put("alert", {"n": 3}, critical=True) and writer.close("done")
    records = written(tmp_path)
    assert [r.d["n"] for r in records if "n" in r.d] == [1, 2, 3]
    assert [r.k for r in records].count("log.fault") == 1


def test_closing_on_a_dead_disk_ends_and_says_so(tmp_path: Path) -> None:
    disk = RefusingDisk()
    writer = EventWriter(tmp_path, "trainer", 1, disk=disk)
    disk.refusing = True
    writer.put("host", {})
    assert writer.close("done") is False


def test_close_twice_and_emit_afterwards_are_harmless(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path, "trainer", 1)
    assert writer.close("first") and writer.close("second")
    assert writer.put("host", {}) is False and writer.put("alert", {}, critical=True) is False
    assert [r.d.get("reason") for r in written(tmp_path)] == [None, "first"]


def test_leaving_by_an_exception_seals_the_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), EventWriter(tmp_path, "trainer", 1) as writer:
        writer.put("host", {})
        raise RuntimeError("no")
    assert [r.k for r in written(tmp_path)] == ["open", "host", "seal"]


def test_many_threads_share_a_writer(tmp_path: Path) -> None:
    with EventWriter(tmp_path, "trainer", 1) as writer:
        threads = [
            threading.Thread(
                target=lambda i=i: [writer.put("host", {"i": i, "n": n}) for n in range(300)]
            )
            for i in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    records = written(tmp_path)
    for i in range(4):
        assert [r.d["n"] for r in records if r.d.get("i") == i] == list(range(300))


def test_two_streams_and_two_attempts_do_not_mix(tmp_path: Path) -> None:
    first = EventWriter(tmp_path, "trainer", 1)
    second = EventWriter(tmp_path, "trainer", 2)
    other = EventWriter(tmp_path, "supervisor", 2)
    for n in range(50):
        for writer, mark in ((first, 1), (second, 2), (other, 3)):
            writer.put("x", {"mark": mark, "n": n})
    for writer in (first, second, other):
        writer.close("done")
    records = written(tmp_path)
    for stream, attempt, mark in (("trainer", 1, 1), ("trainer", 2, 2), ("supervisor", 2, 3)):
        mine = [r for r in records if (r.stream, r.a) == (stream, attempt)]
        assert [r.q for r in mine] == list(range(1, 53)) and {r.d["mark"] for r in mine[1:-1]} == {
            mark
        }


def test_an_event_too_long_for_a_line_is_left_out_and_told(tmp_path: Path) -> None:
    with EventWriter(tmp_path, "trainer", 1) as writer:
        writer.put("big", {"x": "y" * MAX_LINE})
        writer.put("almost", {"x": "y" * (MAX_LINE - 300)})
    assert [r.k for r in written(tmp_path)] == ["open", "log.fault", "almost", "seal"]


def test_an_attempt_that_has_a_log_is_refused(tmp_path: Path) -> None:
    EventWriter(tmp_path, "trainer", 1).close("done")
    with pytest.raises(UserError, match="already has a log"):
        EventWriter(tmp_path, "trainer", 1)


def test_a_log_that_cannot_be_written_at_all_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("in the way")
    with pytest.raises(UserError, match="cannot write the event log"):
        EventWriter(tmp_path, "trainer", 1)
    disk = RefusingDisk()
    disk.refusing = True
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match=os.strerror(errno.EIO)):
        EventWriter(tmp_path / "run", "trainer", 1, disk=disk)
    with pytest.raises(UserError, match=os.strerror(errno.ENOENT)):
        EventWriter(tmp_path / "nowhere", "trainer", 1)
    assert not (tmp_path / "nowhere").exists(), "whoever writes a log does not make a run"


def run_script(script: str, *arguments: str) -> subprocess.Popen[str]:
    code = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from selffit.eventlog.writer import EventWriter\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code + textwrap.dedent(script), *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_process_loses_a_moment_of_metrics_and_no_critical_event(tmp_path: Path) -> None:
    script = """
        writer = EventWriter(Path(sys.argv[1]), "trainer", 1)
        n = 0
        while True:
            n += 1
            writer.put("host", {"n": n, "at": time.monotonic()})
            if n % 50 == 0 and writer.put("alert", {"n": n}, critical=True):
                print("alert", n, flush=True)
            if n % 10 == 0:
                print("at", time.monotonic(), flush=True)
            time.sleep(0.001)
    """
    process = run_script(script, str(tmp_path))
    try:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(120)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().splitlines()
    finally:
        process.kill()
        process.wait()
    records = [item for item in RunReader(tmp_path).poll() if isinstance(item, Record)]
    metrics = [r.d for r in records if r.k == "host"]
    assert [d["n"] for d in metrics] == list(range(1, len(metrics) + 1))
    promised = [int(line.split()[1]) for line in said if line.startswith("alert")]
    assert promised and [r.d["n"] for r in records if r.k == "alert"][: len(promised)] == promised
    last_said = max(float(line.split()[1]) for line in said if line.startswith("at"))
    # The promise is 100 ms; the rest is for a machine that is busy with other tests.
    assert last_said - metrics[-1]["at"] < 0.1 + 0.4


def test_an_interpreter_that_exits_without_close_loses_nothing(tmp_path: Path) -> None:
    process = run_script(
        """
        writer = EventWriter(Path(sys.argv[1]), "trainer", 1)
        for n in range(1000):
            writer.put("host", {"n": n})
        raise SystemExit(3)
        """,
        str(tmp_path),
    )
    process.communicate(timeout=60)
    assert process.returncode == 3
    records = written(tmp_path)
    assert [r.d["n"] for r in records if r.k == "host"] == list(range(1000))
    assert records[-1].d == {"reason": "interpreter exit"}
