"""Somebody's program as a run: what it prints, how it ends, what can be asked of it."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from made_up import logs
from made_up.hosted import FALLS, state_of

from selffit.control.commands import new_command
from selffit.control.submit import submit
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.liveness import here
from selffit.hosted import output
from selffit.hosted.__main__ import Host
from selffit.hosted.program import Program, create, read
from selffit.run.folder.run_dir import RunDir
from selffit.supervisor import Supervisor

Make = Callable[..., RunDir]


def host(run: RunDir) -> int:
    return Host(run, run.claim_attempt(here())).main()


def when(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)


def test_printed_lines_become_probes_and_signals_and_the_onset_is_found(program_run: Make) -> None:
    run = program_run(FALLS, classes=10)
    assert host(run) == 0
    state = state_of(run)
    assert [probe.step for probe in state.all(kinds.RobustProbe)] == list(range(1, 13))
    assert len(state.blocks) == 12
    [onset] = state.all(kinds.Alert)
    assert (onset.level, onset.onset_step) == ("onset", 8)
    assert state.ending is not None and state.ending.how == "finished"
    hosted = state.last(kinds.Hosted)
    assert hosted is not None and (hosted.unit, hosted.rules) == ("epoch", "general")
    assert hosted.program[2] == "their_train.py"  # without its folder


def test_a_public_code_is_known_by_its_lines_which_tell_its_settings(program_run: Make) -> None:
    run = program_run(f"print({logs.understanding()!r}, end='')", classes=10)
    assert host(run) == 0
    state = state_of(run)
    hosted, probes = state.last(kinds.Hosted), state.all(kinds.RobustProbe)
    assert hosted is not None and (hosted.rules, hosted.unit) == ("understanding_fast", "step")
    assert [probe.step for probe in probes[:3]] == [0, 200, 400]
    assert (probes[0].n, round(probes[0].eps * 255)) == (256, 8)
    assert state.config["seed"] == 3 and state.config["batch_size"] == 128
    assert sum(isinstance(event, kinds.RunStart) for event in state.events) <= 3
    assert [alert.onset_step for alert in state.all(kinds.Alert)] == [1600]


def test_its_exit_code_and_last_words_are_told_and_handed_on(program_run: Make) -> None:
    run = program_run("import sys; print('no data', file=sys.stderr); sys.exit(7)")
    assert host(run) == 7
    ending = state_of(run).ending
    assert ending is not None
    assert (ending.how, ending.text) == ("crashed", "exit code 7: no data")


def test_what_it_prints_is_kept_with_bars_and_colours_and_bounded(
    program_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output.Kept.__init__, "__defaults__", (1000,))
    run = program_run("for i in range(400): print(f'\\x1b[1mline {i}', flush=True)")
    assert host(run) == 0
    out, old = run.raw / "trainer-000001.out", run.raw / "trainer-000001.out.old"
    assert out.read_text().endswith("line 399\n")
    assert out.stat().st_size + old.stat().st_size < 3000 + (1 << 16)


def test_a_stop_from_elsewhere_ends_it_by_sigterm(program_run: Make) -> None:
    run = program_run("import time\nprint('Epoch 1: pgd acc 10%', flush=True)\ntime.sleep(60)")

    def ask() -> None:
        when(lambda: b"Epoch" in (run.raw / "trainer-000001.out").read_bytes())
        for op, args in (("pause", {}), ("set", {"eps": "4/255"}), ("stop", {})):
            submit(run.path, new_command(op, args, by="somebody", attempt=1))

    thread = threading.Thread(target=ask)
    (run.raw / "trainer-000001.out").touch()
    thread.start()
    assert host(run) == 0
    thread.join()
    state = state_of(run)
    assert state.ending is not None and state.ending.how == "stopped"
    assert "somebody" in state.ending.text and "SIGTERM" in state.ending.text
    refused = state.all(kinds.Rejected)
    assert [(one.op, one.rule) for one in refused] == [
        ("pause", "not-offered"),
        ("set", "not-offered"),
    ]
    assert "it offers note, stop" in refused[0].reason


def test_a_command_that_waited_too_long_is_not_carried_out(program_run: Make) -> None:
    run = program_run("import time; time.sleep(0.5)")
    late = new_command("stop", {}, by="somebody", ttl=0.01)
    submit(run.path, late)
    assert host(run) == 0
    state = state_of(run)
    assert state.ending is not None and state.ending.how == "finished"
    assert [one.rule for one in state.all(kinds.Rejected)] == ["expired"]


def test_an_onset_stops_it_where_that_was_asked_for(program_run: Make) -> None:
    run = program_run(
        FALLS + "\nimport time; time.sleep(60)", classes=10, settings={"on_co": "stop"}
    )
    assert host(run) == 0
    ending = state_of(run).ending
    assert ending is not None and "policy" in ending.text


def test_lines_that_no_rule_reads_are_said_once_with_what_to_do(program_run: Make) -> None:
    run = program_run("for i in range(300): print('all is well')")
    assert host(run) == 0
    notes = [one.note for one in state_of(run).all(kinds.Hosted)]
    told = [note for note in notes if note]
    assert len(told) == 1 and "selffit import --try" in told[0]


def test_a_program_that_cannot_be_started_is_refused_in_a_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_text("#!/nowhere/python\n")
    bad.chmod(0o700)
    run = create(Program((str(bad),)), tmp_path / "runs", None, {})
    assert host(run) == 2
    ending = state_of(run).ending
    assert ending is not None and (ending.how, ending.text[:14]) == ("refused", "cannot run bad")
    with pytest.raises(UserError, match=r"for a script: python x\.py"):
        create(Program(("x.py",)), tmp_path / "runs", "new", {})
    assert not (tmp_path / "runs" / "new").exists()


def test_the_supervisor_runs_it_again_and_its_steps_are_counted_anew(program_run: Make) -> None:
    run = program_run(
        "import pathlib, sys\n"
        f"{FALLS.strip()}\n"
        "mark = pathlib.Path(sys.argv[0] + '.ran')\n"
        "if not mark.exists(): mark.touch(); sys.exit(3)\n"
    )
    supervisor = Supervisor(run)
    exit = supervisor.run_all(restarts=1)
    assert (exit.how, exit.code, supervisor.hosted) == ("finished", 0, True)
    state = state_of(run)
    assert state.attempt == 2
    first = state.now.trainer
    assert first is not None
    assert [probe.step for probe in state.all(kinds.RobustProbe)] == list(range(1, 13))


def test_a_signal_to_the_host_reaches_what_a_shell_has_started(tmp_path: Path) -> None:
    script = "sleep 60 & echo started; wait"
    run = create(Program(("sh", "-c", script)), tmp_path / "runs", "theirs", {})
    process = subprocess.Popen([sys.executable, "-m", "selffit.hosted", str(run.path)])
    when(lambda: any(b"started" in file.read_bytes() for file in run.raw.glob("*.out")))
    process.send_signal(signal.SIGUSR1)
    assert process.wait(20) == 75
    ending = state_of(run).ending
    assert ending is not None and ending.how == "preempted"


def test_the_host_never_loads_torch(program_run: Make) -> None:
    run = program_run("pass")
    code = (
        f"import sys; sys.argv[1:] = [{str(run.path)!r}]\n"
        "from selffit.hosted.__main__ import main\nmain()\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_damaged_program_file_is_no_command(program_run: Make) -> None:
    run = program_run("pass")
    (run.path / "program.json").write_text('{"argv": [3]}')
    with pytest.raises(UserError, match="cannot be used"):
        read(run.path)
