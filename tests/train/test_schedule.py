"""Learning rate and budget as functions of the step."""

import pytest

from selffit.config import resolve
from selffit.probes.steps import cosine_steps, step_sizes
from selffit.train.schedule import Schedule

PER_EPOCH = 10


def schedule(**settings: object) -> Schedule:
    return Schedule(
        resolve("strokes", {"lr": 1.0, "epochs": 10, "eps_ramp": 0, **settings}), PER_EPOCH
    )


def rates(s: Schedule) -> list[float]:
    return [s.lr(step) for step in range(s.steps_total)]


def test_constant_rate_stays() -> None:
    assert rates(schedule(lr_schedule="constant")) == [1.0] * 100


def test_triangular_rate_rises_to_its_peak_and_falls_evenly() -> None:
    lr = rates(schedule(lr_schedule="triangular", lr_turn=0.4))
    assert lr[:40] == pytest.approx([(i + 0.5) / 40 for i in range(40)])
    assert lr[40:] == pytest.approx([(99.5 - i) / 60 for i in range(40, 100)])


@pytest.mark.parametrize(("turn", "first", "last"), [(0.0, 0.995, 0.005), (1.0, 0.005, 0.995)])
def test_triangular_rate_may_turn_at_either_end(turn: float, first: float, last: float) -> None:
    lr = rates(schedule(lr_schedule="triangular", lr_turn=turn))
    assert (lr[0], lr[-1]) == pytest.approx((first, last))


def test_linear_rate_is_constant_until_the_turn_and_then_falls_to_zero() -> None:
    lr = rates(schedule(lr_schedule="linear", lr_turn=0.4))
    assert lr[:40] == [1.0] * 40
    assert lr[40:] == pytest.approx([(99.5 - i) / 60 for i in range(40, 100)])


def test_linear_rate_that_turns_at_the_end_never_falls() -> None:
    assert rates(schedule(lr_schedule="linear", lr_turn=1.0)) == [1.0] * 100


def test_step_rate_changes_at_the_first_step_of_each_milestone_epoch() -> None:
    s = schedule(lr_schedule="step", lr_milestones="5,7.5", lr_gamma=0.1)
    assert [s.lr(i) for i in (0, 49, 50, 74, 75, 99)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_warmup_rises_from_zero_and_multiplies_the_schedule() -> None:
    s = schedule(lr_schedule="constant", lr_warmup=4)
    assert [s.lr(i) for i in range(5)] == pytest.approx([0.125, 0.375, 0.625, 0.875, 1.0])


@pytest.mark.parametrize(("read", "at"), [("start", 0.0), ("middle", 0.5), ("end", 1.0)])
def test_the_schedule_may_be_read_at_any_end_of_a_step(read: str, at: float) -> None:
    s = schedule(lr_schedule="triangular", lr_turn=0.4, lr_read=read)
    assert [s.lr(i) for i in (0, 39, 99)] == pytest.approx([at / 40, (39 + at) / 40, (1 - at) / 60])
    late = schedule(lr_schedule="triangular", lr_turn=1.0, lr_read="end")
    assert (late.lr(0), late.lr(99)) == pytest.approx((0.01, 1.0))


def test_momentum_moves_against_the_triangular_rate_between_its_two_values() -> None:
    settings = {"optimizer": "sgd", "momentum": 0.9, "momentum_low": 0.6, "lr_turn": 0.5}
    s = schedule(lr_schedule="triangular", lr_read="start", **settings)
    assert [s.momentum(i) for i in (0, 25, 50, 75)] == pytest.approx([0.9, 0.75, 0.6, 0.75])
    for step in range(s.steps_total):
        assert s.momentum(step) == pytest.approx(0.9 - 0.3 * s.lr(step))
    halved = schedule(lr_schedule="triangular", lr_read="start", lr_scale=0.5, **settings)
    assert halved.momentum(50) == pytest.approx(0.6)  # whatever lr_scale makes of the rate


def test_without_a_low_value_momentum_stays() -> None:
    s = schedule(lr_schedule="triangular", optimizer="sgd", momentum=0.9)
    assert {s.momentum(step) for step in range(s.steps_total)} == {0.9}


def test_budget_rises_linearly_from_zero_and_then_stays() -> None:
    s = schedule(eps=0.2, eps_ramp=0.5)
    assert [s.eps(i) for i in (0, 25, 50, 99, 100)] == pytest.approx([0, 0.1, 0.2, 0.2, 0.2])
    assert s.ramp(49) < 1.0
    assert s.ramp(50) == 1.0


def test_step_sizes_keep_their_ratio_to_the_budget_while_it_rises() -> None:
    s = schedule(method="rs-fgsm", eps=0.2, eps_ramp=0.5, probe_alpha="0.25eps")
    for step in (1, 10, 49, 60):
        assert s.alpha(step) == pytest.approx(1.25 * s.eps(step))
        assert s.probe_alpha(s.eps(step)) == pytest.approx(0.25 * s.eps(step))


def test_steps_of_probes_fall_unless_a_step_size_is_given() -> None:
    own, given = schedule(eps=0.2), schedule(eps=0.2, probe_alpha=0.05)
    assert step_sizes(0.2, own.probe_alpha(0.2), 4) == cosine_steps(0.2, 4)
    assert step_sizes(0.2, given.probe_alpha(0.2), 4) == [0.05] * 4
    assert step_sizes(0.1, given.probe_alpha(0.1), 4) == [0.025] * 4


def test_without_a_ramp_the_budget_is_whole_from_the_first_step() -> None:
    assert schedule(eps=0.2).eps(0) == 0.2


def test_a_budget_of_zero_has_a_probe_step_size() -> None:
    assert schedule(eps=0.0).probe_alpha(0.0) == 0.0


@pytest.mark.parametrize(("epochs", "steps"), [(0.25, 2), (1, 10), (1.55, 16), (0.001, 1)])
def test_fractions_of_an_epoch_are_rounded_to_whole_steps(epochs: float, steps: int) -> None:
    assert schedule(epochs=epochs).steps_total == steps
