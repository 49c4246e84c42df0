"""The supervisor with stand-ins for the trainer: how it starts one, and what it does at its end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from selffit.eventlog.kinds import End
from selffit.eventlog.liveness import here
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Record
from selffit.eventlog.writer import EventWriter
from selffit.postmortem import Exit, classify, last_lines, signal_name, trainer_end
from selffit.run.folder.run_dir import RunDir
from selffit.supervisor import PASSED_ON, Supervisor, main


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path, "tiny", {"config": {}})


def supervise(run: RunDir, code: str) -> Exit:
    return Supervisor(run).attempt([sys.executable, "-c", code])


def records(run: RunDir, kind: str) -> list[Record]:
    return [
        item for item in RunReader(run.path).poll() if isinstance(item, Record) and item.k == kind
    ]


def test_a_crash_is_recorded_with_the_last_lines_of_stderr(run: RunDir) -> None:
    exit = supervise(
        run,
        "import sys; [print(i, file=sys.stderr) for i in range(100)]; raise ValueError('no luck')",
    )
    [record] = records(run, "sup.exit")
    assert record.d["how"] == exit.how == "crashed"
    assert record.d["text"] == "ValueError: no luck"
    assert len(record.d["stderr"]) == 20
    assert record.d["stderr"][-1] == "ValueError: no luck"


def test_the_spawned_process_is_identified_and_lives_in_a_session_of_its_own(run: RunDir) -> None:
    supervise(run, "import os; print(os.getsid(0) == os.getpid(), os.read(0, 1))")
    [record] = records(run, "sup.spawn")
    assert record.d["pid"] > 0
    assert record.d["pstart"] > 0
    assert record.d["argv"][0] == Path(sys.executable).name  # no folders: logs are passed on
    assert (run.raw / "trainer-000001.out").read_text() == "True b''\n"


def test_each_start_is_an_attempt_of_its_own(run: RunDir) -> None:
    assert [supervise(run, "pass").how, supervise(run, "raise SystemExit(3)").how] == [
        "finished",
        "superseded",
    ]
    assert [record.a for record in records(run, "sup.exit")] == [1, 2]


def test_a_segmentation_fault_is_called_by_its_signal(run: RunDir) -> None:
    exit = supervise(run, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (exit.how, exit.text) == ("killed", "killed by SIGSEGV")


def test_sigterm_is_passed_on_to_the_trainer(run: RunDir) -> None:
    ready = run.path / "ready"
    code = f"import pathlib, time; pathlib.Path({str(ready)!r}).touch(); time.sleep(60)"
    program = (
        "import sys, pathlib; from selffit.supervisor import *\n"
        "from selffit.run.folder.run_dir import RunDir\n"
        f"s = Supervisor(RunDir.open(pathlib.Path({str(run.path)!r}))); s.install()\n"
        f"print(s.attempt([sys.executable, '-c', {code!r}]).how)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    wait_until(ready.exists)
    process.terminate()
    assert process.communicate(timeout=30)[0] == "stopped\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_what_a_scheduler_sends_is_passed_on(run: RunDir, number: signal.Signals) -> None:
    assert number in PASSED_ON
    supervisor = Supervisor(run)
    supervisor._pass_on(number, None)
    exit = supervisor.attempt([sys.executable, "-c", "import time; time.sleep(60)"], restarts=3)
    assert exit.how == ("stopped" if number == signal.SIGTERM else "preempted")
    assert not exit.again and number.name in exit.text


def test_it_starts_the_attempt_that_was_asked_for_and_no_other(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    run.claim_attempt(here())
    assert main([str(run.path), "--after", "0"]) == 2
    assert "somebody else has just started attempt 1" in capsys.readouterr().err
    assert run.newest_attempt() == 1 and main([str(run.path), "--after"]) == 2


def test_a_run_that_somebody_else_goes_on_with_is_not_started_again(run: RunDir) -> None:
    took_over = f"from selffit.run.folder.run_dir import *; RunDir.open(Path({str(run.path)!r}))"
    took_over += ".claim_attempt(ProcessIdentity('node7', 'b', 1, 1.0)); raise SystemExit(1)"
    exit = Supervisor(run).run_all(5, [sys.executable, "-c", took_over])
    assert (exit.how, exit.again, run.newest_attempt()) == ("crashed", False, 2)


def test_a_signal_that_came_before_the_trainer_reaches_it(run: RunDir) -> None:
    supervisor = Supervisor(run)
    supervisor._pass_on(signal.SIGTERM, None)
    assert (
        supervisor.attempt([sys.executable, "-c", "import time; time.sleep(60)"]).how == "stopped"
    )


def test_the_trainers_own_last_word_decides(run: RunDir) -> None:
    def trainer() -> None:
        wait_until(lambda: run.newest_attempt() == 1)
        with EventWriter(run.path, "trainer", 1) as log:
            log.emit(End(how="stopped", reason="stopped by SIGTERM"))

    thread = threading.Thread(target=trainer)
    thread.start()
    exit = supervise(run, "import time; time.sleep(2)")
    thread.join()
    assert (exit.how, exit.text) == ("stopped", "stopped by SIGTERM")
    end = trainer_end(run.path, 1)
    assert end == {"how": "stopped", "reason": "stopped by SIGTERM", "summary": {}}
    assert trainer_end(run.path, 2) is None


def test_a_folder_that_is_no_run_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert "is not a run" in capsys.readouterr().err
    assert main([]) == 2


@pytest.mark.parametrize(
    ("code", "end", "memory", "how", "said"),
    [
        (0, {"how": "finished", "reason": ""}, "", "finished", ""),
        (0, None, "", "finished", "no end"),
        (1, {"how": "crashed", "reason": "ValueError: x"}, "", "crashed", "ValueError: x"),
        (1, None, "", "crashed", "last words"),
        (2, None, "", "refused", "last words"),
        (3, None, "", "superseded", "another attempt"),
        (-9, None, "", "killed", "killed by SIGKILL"),
        (-9, None, "the counter rose", "oom", "probably because memory ran out: the counter rose"),
        (-11, None, "the counter rose", "killed", "killed by SIGSEGV"),
        (-15, None, "", "stopped", "SIGTERM"),
        (-11, {"how": "finished", "reason": ""}, "", "finished", "then ended by SIGSEGV"),
        (-9, {"how": 7}, "", "killed", "killed by SIGKILL"),
    ],
)
def test_what_an_exit_status_means(
    code: int, end: dict[str, object] | None, memory: str, how: str, said: str
) -> None:
    exit = classify(code, end, ("first words", "last words"), memory)
    assert exit.how == how
    assert said in exit.text
    assert exit.stderr == (
        () if how in ("finished", "stopped", "superseded") else ("first words", "last words")
    )


def test_signals_have_names() -> None:
    assert (signal_name(9), signal_name(200)) == ("SIGKILL", "signal 200")


def test_last_words_are_capped_and_need_no_valid_text(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    path = tmp_path / "raw" / "err"
    path.write_bytes(b"x" * 300_000 + b"\n" + b"\xff\xfe bytes\n" + b"y" * 2000 + b"\n\n")
    lines = last_lines(tmp_path, "err")
    assert [line[:3] for line in lines] == ["xxx", "\ufffd\ufffd ", "yyy"]
    assert max(map(len, lines)) <= 500
    assert last_lines(tmp_path, "missing") == ()


def test_memory_kills_are_counted_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from selffit import postmortem

    counters = [
        {"its control group": 4, "the machine": 7},
        {"its control group": 4, "the machine": 7},
    ]
    monkeypatch.setattr(postmortem, "_kill_counters", lambda: counters[0])
    kills = postmortem.MemoryKills()
    assert kills.evidence() == ""
    counters[0] = {"its control group": 5, "the machine": 8}
    assert "its control group" in kills.evidence()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_spawn_detaches_the_supervisor_from_this_session(run: RunDir) -> None:
    from selffit import supervisor

    process = supervisor.spawn(run.path)
    assert os.getsid(process.pid) == process.pid
    process.terminate()
    assert process.wait(60) in (0, -signal.SIGTERM)
