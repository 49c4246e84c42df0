"""The training loop in this process: what it logs, that it repeats itself bit for bit, that probes
leave no trace.
"""

import math

import pytest

from selffit.train.stopping import StopSwitch


@pytest.mark.parametrize("method", ["fgsm", "rs-fgsm", "n-fgsm"])
def test_two_runs_of_one_seed_end_with_the_same_bits(start, equal, method):
    assert equal(start(method=method, seed=3).go(), start(method=method, seed=3).go())


def test_another_seed_gives_other_weights(start, equal):
    assert not equal(start(seed=3).go(), start(seed=4).go())


@pytest.mark.parametrize("model", ["small", "preact-resnet18"])
def test_probes_leave_no_trace_in_the_weights_or_running_statistics(start, equal, model):
    settings = {"model": model, "width": 4, "method": "rs-fgsm", "epochs": 1}
    often = start(**settings, probe_every=1).go()
    seldom = start(**settings, probe_every=1000, channel_images=0).go()
    assert len(often.of("probe.robust")) > len(seldom.of("probe.robust"))
    assert equal(often, seldom)


def test_blocks_cover_every_step_once_and_end_at_probes(start):
    log = start().go()  # 5 steps an epoch, blocks of 2
    assert [(step, data["n"]) for step, data in log.of("steps")] == [
        (0, 2),
        (2, 2),
        (4, 1),
        (5, 2),
        (7, 2),
        (9, 1),
    ]
    kinds = [(kind, step) for kind, step, _, _ in log.records if kind in ("steps", "probe.robust")]
    assert kinds.index(("probe.robust", 5)) == kinds.index(("steps", 4)) + 1


def test_every_signal_has_a_finite_value_for_every_step(start):
    for _, data in start().go().of("steps"):
        names = "loss_clean loss_adv acc_adv abnormal pertalign delta lr eps alpha"
        assert set(data["cols"]) == set(names.split())
        assert all(
            len(v) == data["n"] and all(map(math.isfinite, v)) for v in data["cols"].values()
        )


def test_logged_budget_and_rate_are_those_of_the_schedule(start):
    trained = start().go()
    schedule = trained.session.setup.schedule
    for first, data in trained.of("steps"):
        for i in range(data["n"]):
            assert data["cols"]["eps"][i] == pytest.approx(schedule.eps(first + i), rel=1e-5)
            assert data["cols"]["lr"][i] == pytest.approx(schedule.lr(first + i), rel=1e-5)


def test_momentum_moves_with_the_schedule_and_is_the_same_again_after_a_resume(start):
    settings = {
        "optimizer": "sgd",
        "lr_schedule": "triangular",
        "lr_turn": 0.5,
        "momentum_low": 0.8,
        "lr_read": "start",
        "epochs": 1,
        "checkpoint_every": 2,
    }

    def used(trained):
        [group] = trained.session.setup.step.optimizer.param_groups
        seen.append((trained.session.done, group["momentum"]))

    def kill(trained):
        used(trained)
        trained.kill()

    seen: list[tuple[int, float]] = []
    run = start(**settings).go(at={1: used, 2: used, 3: kill}).go(at={3: used, 4: used, 5: used})
    schedule = run.session.setup.schedule
    assert [schedule.momentum(step) for step in range(5)] == pytest.approx(
        [0.9, 0.86, 0.82, 0.82, 0.86]
    )
    assert seen == [(done, schedule.momentum(done - 1)) for done in (1, 2, 3, 3, 4, 5)]


def test_the_incomplete_last_batch_trains_and_is_measured(start):
    run = start(train_images=150, last_batch="keep")
    log = run.go()
    assert log.session.setup.batches.steps_per_epoch == 5
    assert log.session.done == 10
    values = [value for _, data in log.of("steps") for value in data["cols"]["acc_adv"]]
    assert len(values) == 10
    hits = [value * size for value, size in zip(values, [32, 32, 32, 32, 22] * 2, strict=True)]
    assert hits == pytest.approx([round(hit) for hit in hits], abs=1e-3)


def test_the_perturbation_has_the_size_of_the_budget(start):
    # patterns has hardly any pixel at the bounds, so hardly any is clipped
    log = start(eps_ramp=0).go()
    deltas = [value for _, data in log.of("steps") for value in data["cols"]["delta"]]
    assert all(0.12 < value <= 0.16 for value in deltas)


def test_probes_come_at_the_start_after_every_epoch_and_at_the_end(start):
    log = start().go()
    assert [(step, data["why"]) for step, data in log.of("probe.robust")] == [
        (0, "start"),
        (5, "interval"),
        (10, "end"),
    ]
    assert [step for step, _ in log.of("probe.channels")] == [0, 5, 10]


def test_while_the_budget_rises_probes_look_at_the_final_one_too(start):
    log = start(eps_ramp=0.8, eps=0.16).go()
    (_, first), (_, middle), (_, end) = log.of("probe.robust")
    assert (first["eps"], middle["eps"], end["eps"]) == pytest.approx((0.0, 0.1, 0.16))
    assert middle["pgd_alpha"] / middle["eps"] == pytest.approx(end["pgd_alpha"] / end["eps"])
    assert end["pgd_alpha"] == pytest.approx(0.32) and end["pgd_schedule"] == "cosine"
    assert first["final"]["eps"] == middle["final"]["eps"] == 0.16
    assert end["final"] is None


def test_a_signal_that_leaves_its_band_asks_for_a_probe(start):
    def suspect(trained):
        monitor = trained.session.monitor
        told = monitor.signals

        def suspicious(step, columns):
            told(step, columns)
            monitor.detector._suspicion.wants_probe = step == 7

        monitor.signals = suspicious

    trained = start(epochs=4).go(at={0: suspect})
    assert (9, "suspicion") in [(step, data["why"]) for step, data in trained.of("probe.robust")]
    assert 9 not in [step for step, _ in trained.of("probe.channels")]


def test_a_stop_ends_training_at_the_next_step_with_its_steps_logged(start):
    trained = start().go(stop=_StopAt(checks=6))
    assert trained.stopped.how == "stopped"
    assert trained.session.done == sum(data["n"] for _, data in trained.of("steps"))
    assert 0 < trained.session.done < 10
    assert trained.of("probe.robust")[-1][1]["why"] != "end"


class _StopAt(StopSwitch):
    """Is asked to stop at the n-th look."""

    def __init__(self, checks: int) -> None:
        super().__init__()
        self.checks = checks

    def check(self) -> None:
        self.checks -= 1
        if self.checks == 0:
            self.request("stopped", "by the test")
        super().check()


def test_training_goes_on_when_the_loss_is_no_number(start):
    trained = start(optimizer="sgd", lr=100.0, clip_grad=0, lr_warmup=0, epochs=4).go()
    losses = [value for _, data in trained.of("steps") for value in data["cols"]["loss_adv"]]
    assert len(losses) == 20
    assert not math.isfinite(losses[-1]) or losses[-1] > 10


def test_the_summary_is_that_of_the_last_probe_at_the_final_budget(start):
    trained = start().go()
    _, last = trained.of("probe.robust")[-1]
    assert {k: trained.summary[k] for k in ("clean", "fgsm", "pgd", "n")} == {
        k: last[k] for k in ("clean", "fgsm", "pgd", "n")
    }
    assert trained.summary["best_pgd"] >= trained.summary["pgd"]


def test_evaluation_mode_in_the_attack_changes_what_batch_norm_sees(start, equal):
    settings = {"model": "preact-resnet18", "width": 4, "epochs": 1, "probe_every": 1000}
    assert not equal(
        start(**settings, attack_bn="train").go(), start(**settings, attack_bn="eval").go()
    )


def test_an_earlier_stop_epoch_ends_training_there_and_leaves_the_schedule_alone(start):
    short, whole = start(epochs=4, stop_epoch=2).go(), start(epochs=4).go()
    assert short.session.done == 10
    assert short.of("probe.robust")[-1][1]["why"] == "end"
    assert [data["cols"]["lr"] for _, data in short.of("steps")] == [
        data["cols"]["lr"] for _, data in whole.of("steps")
    ][:6]
