"""The training loop in this process: what it logs, that it repeats itself bit for bit, that probes leave no trace."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from selffit.config import RunConfig, resolve
from selffit.train.loop import Loop
from selffit.train.monitor import Monitor, empty_summary
from selffit.train.setup import prepare
from selffit.train.stopping import Stop, StopSwitch

TINY = {
    "train_images": 160,
    "batch_size": 32,
    "epochs": 2,
    "block_steps": 2,
    "holdout": 32,
    "probe_images": 32,
    "probe_steps": 2,
    "channel_images": 16,
    "threads": 1,
    "device": "cpu",
}


class Memory:
    """A log in memory."""

    def __init__(self) -> None:
        self.records: list[tuple[str, int, dict[str, Any]]] = []

    def emit(self, kind: str, data: Mapping[str, Any], *, step: int = 0, critical: bool = False) -> None:
        self.records.append((kind, step, dict(data)))

    def of(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        return [(step, data) for found, step, data in self.records if found == kind]


class Trained:
    """A short run: its log, its final weights, its loop."""

    def __init__(self, preset: str = "patterns", stop: StopSwitch | None = None, **settings: Any) -> None:
        self.config: RunConfig = resolve(preset, {**TINY, **settings})
        self.log, self.summary = Memory(), empty_summary()
        self.setup = prepare(self.config, lambda phase: None)
        self.loop = Loop(self.setup, Monitor(self.setup, self.log, self.summary), self.log, stop or StopSwitch())
        self.stopped: Stop | None = None
        try:
            self.loop.run()
        except Stop as request:
            self.stopped = request

    @property
    def weights(self) -> list[torch.Tensor]:
        model = self.setup.model
        return [t.detach().clone() for t in (*model.parameters(), *model.buffers())]


def equal(one: Trained, other: Trained) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))


@pytest.mark.parametrize("method", ["fgsm", "rs-fgsm", "n-fgsm"])
def test_two_runs_of_one_seed_end_with_the_same_bits(method: str) -> None:
    assert equal(Trained(method=method, seed=3), Trained(method=method, seed=3))


def test_another_seed_gives_other_weights() -> None:
    assert not equal(Trained(seed=3), Trained(seed=4))


@pytest.mark.parametrize("model", ["small", "preact-resnet18"])
def test_probes_leave_no_trace_in_the_weights_or_running_statistics(model: str) -> None:
    settings = {"model": model, "width": 4, "method": "rs-fgsm", "epochs": 1}
    often = Trained(**settings, probe_every=1)
    seldom = Trained(**settings, probe_every=1000, channel_images=0)
    assert len(often.log.of("probe.robust")) > len(seldom.log.of("probe.robust"))
    assert equal(often, seldom)


def test_blocks_cover_every_step_once_and_end_at_probes() -> None:
    log = Trained().log  # 5 steps an epoch, blocks of 2
    assert [(step, data["n"]) for step, data in log.of("steps")] == [(0, 2), (2, 2), (4, 1), (5, 2), (7, 2), (9, 1)]
    kinds = [(kind, step) for kind, step, _ in log.records if kind in ("steps", "probe.robust")]
    assert kinds.index(("probe.robust", 5)) == kinds.index(("steps", 4)) + 1


def test_every_signal_has_a_finite_value_for_every_step() -> None:
    for _, data in Trained().log.of("steps"):
        names = "loss_clean loss_adv acc_adv abnormal pertalign delta lr eps alpha"
        assert set(data["cols"]) == set(names.split())
        assert all(len(v) == data["n"] and all(map(math.isfinite, v)) for v in data["cols"].values())


def test_logged_budget_and_rate_are_those_of_the_schedule() -> None:
    trained = Trained()
    schedule = trained.setup.schedule
    for first, data in trained.log.of("steps"):
        for i in range(data["n"]):
            assert data["cols"]["eps"][i] == pytest.approx(schedule.eps(first + i), rel=1e-5)
            assert data["cols"]["lr"][i] == pytest.approx(schedule.lr(first + i), rel=1e-5)


def test_the_perturbation_has_the_size_of_the_budget() -> None:
    log = Trained(eps_ramp=0).log  # patterns has hardly any pixel at the bounds, so hardly any is clipped
    deltas = [value for _, data in log.of("steps") for value in data["cols"]["delta"]]
    assert all(0.12 < value <= 0.16 for value in deltas)


def test_probes_come_at_the_start_after_every_epoch_and_at_the_end() -> None:
    log = Trained().log
    assert [(step, data["why"]) for step, data in log.of("probe.robust")] == [
        (0, "start"),
        (5, "interval"),
        (10, "end"),
    ]
    assert [step for step, _ in log.of("probe.channels")] == [0, 5, 10]


def test_while_the_budget_rises_probes_look_at_the_final_one_too() -> None:
    log = Trained(eps_ramp=0.8, eps=0.16).log
    (_, start), (_, middle), (_, end) = log.of("probe.robust")
    assert (start["eps"], middle["eps"], end["eps"]) == pytest.approx((0.0, 0.1, 0.16))
    assert middle["pgd_alpha"] / middle["eps"] == pytest.approx(end["pgd_alpha"] / end["eps"])
    assert start["final"]["eps"] == middle["final"]["eps"] == 0.16
    assert end["final"] is None


def test_a_signal_that_leaves_its_band_asks_for_a_probe() -> None:
    stop = StopSwitch()
    config = resolve("patterns", {**TINY, "epochs": 4})
    setup, log = prepare(config, lambda phase: None), Memory()
    monitor = Monitor(setup, log, empty_summary())
    told = monitor.signals

    def suspicious(step: int, columns: Mapping[str, Any]) -> None:
        told(step, columns)
        monitor.detector.wants_probe = step == 7

    monitor.signals = suspicious  # type: ignore[method-assign]
    Loop(setup, monitor, log, stop).run()
    probes = [(step, data["why"]) for step, data in log.of("probe.robust")]
    assert (9, "suspicion") in probes
    assert 9 not in [step for step, _ in log.of("probe.channels")]


def test_a_stop_ends_training_at_the_next_step_with_its_steps_logged() -> None:
    stop = StopSwitch()
    trained = Trained(stop=_StopAt(stop, checks=6))
    assert trained.stopped is not None
    assert trained.stopped.how == "stopped"
    assert trained.loop.done == sum(data["n"] for _, data in trained.log.of("steps"))
    assert 0 < trained.loop.done < 10
    assert trained.log.of("probe.robust")[-1][1]["why"] != "end"


class _StopAt(StopSwitch):
    """Is asked to stop at the n-th look."""

    def __init__(self, stop: StopSwitch, checks: int) -> None:
        super().__init__()
        self.checks = checks

    def check(self) -> None:
        self.checks -= 1
        if self.checks == 0:
            self.request("stopped", "by the test")
        super().check()


def test_training_goes_on_when_the_loss_is_no_number() -> None:
    trained = Trained(optimizer="sgd", lr=100.0, clip_grad=0, lr_warmup=0, epochs=4)
    losses = [value for _, data in trained.log.of("steps") for value in data["cols"]["loss_adv"]]
    assert len(losses) == 20
    assert not math.isfinite(losses[-1]) or losses[-1] > 10


def test_the_summary_is_that_of_the_last_probe_at_the_final_budget() -> None:
    trained = Trained()
    _, last = trained.log.of("probe.robust")[-1]
    assert {k: trained.summary[k] for k in ("clean", "fgsm", "pgd", "n")} == {
        k: last[k] for k in ("clean", "fgsm", "pgd", "n")
    }
    assert trained.summary["best_pgd"] >= trained.summary["pgd"]


def test_evaluation_mode_in_the_attack_changes_what_batch_norm_sees() -> None:
    settings = {"model": "preact-resnet18", "width": 4, "epochs": 1, "probe_every": 1000}
    assert not equal(Trained(**settings, attack_bn="train"), Trained(**settings, attack_bn="eval"))
