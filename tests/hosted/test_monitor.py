"""`Monitor` in a training loop in the shape of the public ones for RS-FGSM."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from made_up import rs_fgsm
from made_up.hosted import state_of
from msgspec.structs import replace
from torch import nn

from selffit import Monitor
from selffit.control.commands import new_command
from selffit.control.submit import submit
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.probes.robust import robust_probe
from selffit.run.again.rerun import blocks_of
from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir
from selffit.train import monitor as measuring
from selffit.train.signals import MEASURED

QUIET: dict[str, Any] = {
    "self_images": 0,
    "channel_images": 0,
    "causal_images": 0,
    "align_every": 0,
}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def held() -> tuple[torch.Tensor, torch.Tensor]:
    _, _, x, y = rs_fgsm.images()
    return x, y


@pytest.fixture
def watch(tmp_path: Path, held: tuple[torch.Tensor, torch.Tensor]) -> Callable[..., Monitor]:
    def make(model: nn.Module, **more: Any) -> Monitor:
        settings: dict[str, Any] = {"eps": 0.1, "steps_per_epoch": 4, "probe_steps": 2, **QUIET}
        return Monitor(model, held, runs=tmp_path / "runs", name="loop", **{**settings, **more})

    return make


def state(monitor: Monitor) -> RunState:
    assert monitor.path is not None
    return state_of(RunDir.open(monitor.path))


def ask(monitor: Monitor, op: str, args: dict[str, Any] | None = None) -> None:
    assert monitor.path is not None
    submit(monitor.path, new_command(op, args or {}, by="somebody"))


def test_a_loop_gets_probes_signals_and_layers_and_ends(watch: Callable[..., Monitor]) -> None:
    model = rs_fgsm.network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    full = {"self_images": 16, "channel_images": 16, "probe_images": 16, "epochs": 2}
    with watch(model, optimizer=optimizer, **full) as monitor:
        assert rs_fgsm.train(model, 2, monitor=monitor, optimizer=optimizer) == 8
        monitor.close(probe=False)
    found = state(monitor)
    assert monitor.off == "the run is over: finished"
    assert [probe.step for probe in found.all(kinds.RobustProbe)] == [4, 8]
    assert found.start is not None and found.start.steps_total == 8
    assert [(one.name, one.channels) for one in found.start.layers] == [("0", 8), ("3", 16)]
    assert len(found.all(kinds.SelfProbe)) == len(found.all(kinds.ChannelProbe)) == 2
    assert monitor.path is not None
    block = blocks_of(monitor.path)[0]
    assert set(block.cols) == {*MEASURED, "lr", "eps", "alpha"}
    assert float(block.cols["lr"][0] or 0) == 0.05
    assert 0 < float(block.cols["delta"][0] or 0) <= 0.1
    assert found.ending is not None and found.ending.how == "finished"


def test_monitoring_leaves_the_training_as_it_was(watch: Callable[..., Monitor]) -> None:
    trained = []
    for watched in (False, True):
        model = rs_fgsm.network()
        torch.manual_seed(1)
        monitor = watch(model, self_images=16, channel_images=16) if watched else None
        rs_fgsm.train(model, 2, monitor=monitor)
        trained.append(model.state_dict())
        if monitor is not None:
            monitor.close(probe=False)
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])


def test_what_is_not_given_is_no_signal_and_no_divergence(watch: Callable[..., Monitor]) -> None:
    with watch(rs_fgsm.network()) as monitor:
        for _ in range(4):
            monitor.step(loss=1.5)
        monitor.close(probe=False)
    found = state(monitor)
    block = found.last(kinds.Steps)
    assert block is not None and set(block.cols) == {"loss_adv", "eps", "alpha"}
    assert not found.all(kinds.Alert)


def test_a_loss_that_is_not_finite_is_a_divergence(watch: Callable[..., Monitor]) -> None:
    with watch(rs_fgsm.network(), block_steps=4, probe_every=100) as monitor:
        for _ in range(8):
            monitor.step(loss=torch.tensor(float("nan")))
        monitor.close(probe=False)
    assert [alert.level for alert in state(monitor).all(kinds.Alert)] == ["diverged"]


def collapse(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let probes find a network that collapses at a step."""
    real = robust_probe

    def probe(subject: Any, n: int, **more: Any) -> kinds.RobustProbe:
        found = real(subject, n, **more)
        fgsm, pgd = (0.8, 0.0) if subject.at.step >= at else (0.6, 0.55)
        return replace(found, n=1000, clean=0.9, fgsm=fgsm, pgd=pgd)

    monkeypatch.setattr(measuring, "robust_probe", probe)


def test_an_onset_is_told_and_stops_the_loop_where_that_was_asked_for(
    watch: Callable[..., Monitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    collapse(monkeypatch, at=12)
    model = rs_fgsm.network()
    monitor = watch(model, on_co="stop")
    done = rs_fgsm.train(model, 6, monitor=monitor)
    monitor.close(probe=False)
    found = state(monitor)
    [onset] = found.all(kinds.Alert)
    assert (onset.level, onset.onset_low, onset.onset_step) == ("onset", 8, 12)
    assert done < 24
    assert found.ending is not None and found.ending.how == "stopped"


def test_a_stop_comes_from_another_process(watch: Callable[..., Monitor]) -> None:
    monitor = watch(rs_fgsm.network(), probe_every=10**6)
    code = (
        "import sys; from pathlib import Path; from selffit_tui.cli import main\n"
        f"sys.argv = ['selffit', 'ctl', {str(monitor.path)!r}, 'stop', '--no-wait']\nmain()"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 30
    while not monitor.stopping and time.monotonic() < until:
        monitor.step(loss=1.0)
        time.sleep(0.01)
    monitor.close(probe=False)
    assert process.wait(20) == 0
    assert monitor.stopping and [one.op for one in monitor.commands()] == ["stop"]
    assert state(monitor).phase == "training"


def test_a_pause_holds_the_loop_in_its_step(watch: Callable[..., Monitor]) -> None:
    monitor = watch(rs_fgsm.network(), probe_every=10**6)
    ask(monitor, "pause")
    thread = threading.Timer(0.5, lambda: ask(monitor, "resume"))
    thread.start()
    began = time.monotonic()
    while not (time.monotonic() - began > 20 or len(monitor.commands()) == 2):
        monitor.step(loss=1.0)
    monitor.close(probe=False)
    phases = [one.name for one in state(monitor).events if isinstance(one, kinds.Phase)]
    assert phases == ["training", "paused", "training"]


def test_what_a_loop_offers_is_carried_out_by_it(watch: Callable[..., Monitor]) -> None:
    monitor = watch(rs_fgsm.network())
    said: list[Any] = []
    monitor.on("set", lambda settings: said.append(settings))
    monitor.on("rollback", lambda id, step, settings: said.append((id, step)))
    for step in range(4):
        monitor.step(loss=1.0)
        if step == 1:
            assert monitor.saved() == "main-2"
    ask(monitor, "set", {"eps": "0.05"})
    ask(monitor, "checkpoint")
    ask(monitor, "rollback", {"to": "main-2"})
    until = time.monotonic() + 20
    while len(said) < 2 and time.monotonic() < until:
        monitor.step(loss=1.0)
    monitor.step(loss=1.0)
    monitor.close(probe=False)
    assert said[0]["eps"] == 0.05 and said[1] == ("main-2", 2)
    found = state(monitor)
    assert (found.branch, found.step, found.ending and found.ending.how) == ("b1", 3, "finished")
    assert found.ledger.settings["eps"] == 0.05
    assert [one.op for one in found.all(kinds.Rejected)] == ["checkpoint"]
    with pytest.raises(UserError, match="there is set, rollback, checkpoint"):
        monitor.on("zero", print)


def test_a_callback_that_fails_is_the_answer_and_not_the_end(watch: Callable[..., Monitor]) -> None:
    monitor = watch(rs_fgsm.network(), probe_every=10**6)
    monitor.on("checkpoint", lambda: 1 / 0)
    ask(monitor, "checkpoint")
    until = time.monotonic() + 20
    while not state(monitor).all(kinds.Failed) and time.monotonic() < until:
        monitor.step(loss=1.0)
    assert not monitor.off
    monitor.close(probe=False)
    [failed] = state(monitor).all(kinds.Failed)
    assert failed.reason == "ZeroDivisionError: division by zero"


def test_an_error_in_monitoring_is_said_once_and_never_stops_the_training(
    watch: Callable[..., Monitor],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("no memory")

    model = rs_fgsm.network()
    monitor = watch(model)
    monkeypatch.setattr(measuring, "robust_probe", broken)
    assert rs_fgsm.train(model, 3, monitor=monitor) == 12
    monitor.close()
    assert monitor.off == "RuntimeError: no memory"
    assert capsys.readouterr().err.count("monitoring has failed and is off") == 1
    found = state(monitor)
    assert found.ending is not None and "the training may go on" in found.ending.text
    hosted = found.last(kinds.Hosted)
    assert hosted is not None and "no memory" in hosted.note


def test_an_error_of_the_loop_is_how_the_run_ends(watch: Callable[..., Monitor]) -> None:
    with pytest.raises(ValueError), watch(rs_fgsm.network()) as monitor:
        monitor.step(loss=1.0)
        raise ValueError("out of data")
    ending = state(monitor).ending
    assert ending is not None and (ending.how, ending.text) == (
        "crashed",
        "ValueError: out of data",
    )


def test_a_batch_that_is_larger_or_of_another_shape(
    watch: Callable[..., Monitor], capsys: pytest.CaptureFixture[str]
) -> None:
    monitor = watch(rs_fgsm.network())
    for size in (8, 4, 16):
        x, y = torch.rand(size, *rs_fgsm.SHAPE), torch.zeros(size, dtype=torch.int64)
        monitor.step(loss=torch.ones(size), x=x, y=y, x_adv=x)
    assert not monitor.off
    monitor.step(loss=1.0, x=torch.rand(2, 3, 8, 8), x_adv=torch.rand(2, 3, 8, 8))
    assert "step(x=…) has the shape [2, 3, 8, 8]; held-out images are [1, 28, 28]" in monitor.off
    assert "Traceback" not in capsys.readouterr().err


def test_other_ranks_do_nothing(
    watch: Callable[..., Monitor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RANK", "1")
    monitor = watch(rs_fgsm.network())
    monitor.step(loss=1.0)
    monitor.on("set", print)
    monitor.close()
    assert monitor.commands() == [] and not monitor.stopping and monitor.path is None
    assert not (tmp_path / "runs").exists()


def test_the_package_is_cheap_to_import() -> None:
    code = "import sys, selffit; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
