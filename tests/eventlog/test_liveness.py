import os
import socket
import subprocess
import sys
import time

import msgspec
import pytest

from selffit.eventlog.liveness import ProcessIdentity, for_pid, here, is_alive


def test_this_process_is_alive_and_always_the_same() -> None:
    assert here() == here() == for_pid(os.getpid())
    assert here().pid == os.getpid() and here().host == socket.gethostname() and here().boot
    assert is_alive(here()) is True


def test_a_process_is_alive_until_it_ends_even_if_nobody_has_reaped_it() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        identity = for_pid(process.pid)
        assert identity is not None and is_alive(identity) is True
        process.kill()
        deadline = time.monotonic() + 20
        while is_alive(identity):  # a zombie until wait() below
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert for_pid(process.pid) is None
    finally:
        process.kill()
        process.communicate()
    assert is_alive(identity) is False


@pytest.mark.parametrize(
    ("change", "alive"),
    [
        ({"pstart": -5.0}, False),
        # a container may be called like its host, or like its predecessor on another machine
        ({"boot": "another"}, None),
        ({"host": "elsewhere"}, None),
        ({"pidns": "pid:[1]", "pid": 2**22 - 1}, None),
        ({"pidns": "", "pid": 2**22 - 1}, None),  # of a log that does not tell
        ({"pidns": "pid:[1]"}, True),
        ({"pid": 2**31}, False),
        ({"pid": 0}, False),
        ({"pid": -1}, False),
        ({"pid": 10**30}, False),
    ],
)
def test_the_same_number_elsewhere_or_later_is_another_process(
    change: dict[str, object], alive: bool | None
) -> None:
    assert is_alive(msgspec.structs.replace(here(), **change)) is alive


@pytest.mark.parametrize("data", [None, [], {}, {"host": 1, "boot": "b", "pid": 1, "pstart": 1.0}])
def test_what_is_no_identity_is_none(data: object) -> None:
    assert ProcessIdentity.from_data(data) is None


def test_what_the_system_hides_from_us_may_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounted with `hidepid`, /proc does not show other people's processes."""

    def forbidden(pid: int, signal: int) -> None:
        raise PermissionError

    gone = msgspec.structs.replace(here(), pid=2**22 - 1)
    assert is_alive(gone) is False
    monkeypatch.setattr(os, "kill", forbidden)
    assert is_alive(gone) is (None if os.path.exists("/proc/self/stat") else False)


def test_an_identity_is_read_from_the_data_of_an_open_record() -> None:
    assert ProcessIdentity.from_data({**here().as_data(), "run": "r", "seg": 0}) == here()
