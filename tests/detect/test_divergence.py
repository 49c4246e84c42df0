"""Divergence: what is called so in losses, probes and tables, and what must not be."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest

from selffit.detect import ProbePoint, point_of
from selffit.detect.divergence import OF_STEPS, Caught, Diverged, DivergenceRule, judge
from selffit.eventlog import kinds
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Record

LN10 = math.log(10)
COLUMNS = ("clean_acc", "fgsm_acc", "pgd_acc")
EXAMPLES = sorted((Path(__file__).parents[2] / "runs").glob("example-*"))


def row(step, clean, fgsm=math.nan, pgd=math.nan, n=1000, **more):
    return ProbePoint(step, clean, fgsm, pgd, n, **more)


def sure(found: Diverged | Caught | None) -> Diverged:
    assert isinstance(found, Diverged)
    return found


def guessing(step, n=1000):
    return row(step, 0.1, 0.1, 0.1, n)


def well(step, n=1000):
    return row(step, 0.6, 0.4, 0.3, n)


# ---- losses --------------------------------------------------------------------------------------
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_a_divergence_since_its_first_step(bad):
    rule = DivergenceRule(10)
    assert rule.losses(0, [2.0] * 20) is None
    found = sure(rule.losses(20, [2.0, 2.1, bad, bad, bad, bad]))
    assert (found.sign, found.since, found.step, found.low) == ("not finite", 22, 24, 21)
    assert "since step 22" in found.text()
    assert rule.losses(26, [bad] * 100) is None  # it is told once


def test_a_single_loss_that_is_not_finite_is_none():
    rule = DivergenceRule(10)
    assert rule.losses(0, [2.0, math.nan, math.nan, 2.0] * 50) is None


def test_a_divergence_over_the_end_of_a_block_is_seen_whole():
    rule = DivergenceRule(10)
    assert rule.losses(0, [2.0, math.nan]) is None
    assert sure(rule.losses(2, [math.nan, math.nan])).since == 1


def test_a_loss_far_above_guessing_that_stays_there_is_a_divergence():
    rule = DivergenceRule(10)
    rule.losses(0, [2.0] * 100)
    found = sure(rule.losses(100, [40.0] * OF_STEPS.far, [30.0] * OF_STEPS.far))
    assert (found.sign, found.since, found.low) == ("far loss", 100, 99)
    assert found.bound == pytest.approx(2 * LN10)
    assert found.evidence == {"loss_adv": 40.0, "loss_clean": 30.0, "loss_bound": found.bound}


def test_a_spike_that_passes_and_a_warm_up_above_guessing_are_none():
    rule = DivergenceRule(10)
    assert rule.losses(0, [3 * LN10] * 20 + [1.5 * LN10] * 200) is None
    for start in range(220, 1220, 50):
        assert rule.losses(start, [9.0] * (OF_STEPS.far - 10) + [1.0] * 10) is None


def test_a_budget_too_large_to_learn_is_none_while_the_images_themselves_are_read():
    rule = DivergenceRule(10)
    assert rule.losses(0, [30.0] * 500, [1.2] * 500) is None


def test_without_the_number_of_classes_only_what_is_not_finite_tells():
    rule = DivergenceRule(0)
    assert rule.losses(0, [99.0] * 500) is None
    assert [rule.probe(p) for p in (well(1), guessing(2), guessing(3))] == [None] * 3
    assert sure(rule.losses(500, [math.nan] * 3)).sign == "not finite"


# ---- probes --------------------------------------------------------------------------------------
def test_where_the_number_of_classes_is_a_guess_accuracies_must_be_alike_too():
    alike, apart = row(1, 0.10, 0.10, 0.10), row(1, 0.11, 0.09, 0.05)
    for last, found in ((alike, True), (apart, False), (row(1, 0.1), False)):
        points = [row(0, 0.7, 0.6, 0.5), last, replace(last, step=2)]
        assert (judge(points, 10, assumed=True) is not None) == found
    rule = DivergenceRule(10, assumed=True)
    assert rule.losses(0, [9.0] * 100) is None
    assert rule.losses(100, [math.nan] * 3) is not None


def test_a_fall_of_every_accuracy_to_guessing_is_a_divergence_since_its_first_probe():
    rule = DivergenceRule(10)
    assert rule.probe(well(1)) is None
    assert rule.probe(guessing(2)) is None and rule.doubtful
    found = sure(rule.probe(guessing(3)))
    assert (found.sign, found.since, found.step, found.low) == ("at chance", 2, 3, 1)
    assert (found.value, found.bound, found.n) == (0.1, 0.1, 1000)
    assert found.evidence["best_clean"] == 0.6 and "from .60" in found.text("epoch")
    assert rule.open and rule.probe(guessing(4)) is None


def test_logits_that_are_not_finite_are_a_divergence_at_once():
    rule = DivergenceRule(10)
    found = sure(rule.probe(row(7, math.nan, n=512, nonfinite=500)))
    assert (found.sign, found.of, found.value, found.since) == ("not finite", "logits", 500, 7)
    assert "500 of 512 images" in found.text()


@pytest.mark.parametrize(
    "point",
    [
        row(2, 0.10, 0.80, 0.00),  # reads its own perturbation only
        row(2, 0.70, 0.10, 0.10),  # not robust at all
        row(2, 0.35, 0.10, 0.01),
        row(2, math.nan, 0.10, 0.10),  # without a clean accuracy nothing is known
        row(2, 0.1, 0.1, 0.1, n=0),
        row(2, 0.19, 0.16, 0.15),
    ],
)
def test_catastrophic_overfitting_and_weak_networks_are_no_divergence(point):
    rule = DivergenceRule(10)
    assert [rule.probe(p) for p in (well(1), point, point, point)] == [None] * 4


def test_a_network_that_never_was_above_guessing_has_not_diverged():
    assert judge([guessing(e) for e in range(40)], 10) is None
    weak = [row(e, 0.10 + 0.02 * (e % 2), 0.1, 0.1) for e in range(40)]
    assert judge(weak, 10) is None


def test_single_probes_at_guessing_are_none():
    assert judge([well(0), guessing(1), well(2), guessing(3), well(4)] * 3, 10) is None


def test_few_images_tell_nothing_and_take_longer_where_the_fall_is_small():
    assert judge([row(0, 0.30, n=16), *(row(e, 0.12, n=16) for e in range(1, 9))], 10) is None
    assert judge([row(0, 0.9, n=32), row(1, 0.1, n=32), row(2, 0.1, n=32)], 10) is not None


@pytest.mark.parametrize("classes", [2, 100])
def test_guessing_is_that_of_the_number_of_classes(classes):
    fallen = [row(e, 1 / classes, 1 / classes, 1 / classes) for e in (1, 2)]
    assert sure(judge([row(0, 0.7, 0.6, 0.5), *fallen], classes)).since == 1
    assert judge([row(0, 0.7, 0.6, 0.5), *(row(e, 0.2, 0.15, 0.1) for e in (1, 2))], 100) is None


def test_a_training_that_catches_itself_is_told_so_and_may_diverge_again():
    rule = DivergenceRule(10)
    for point in (well(0), guessing(1), guessing(2)):
        rule.probe(point)
    assert rule.open
    assert rule.probe(well(3)) is None
    assert rule.probe(well(4)) == Caught(step=4, clean=0.6, n=1000)
    assert not rule.open
    assert rule.probe(guessing(5)) is None
    assert sure(rule.probe(guessing(6))).low == 4


def test_what_a_checkpoint_keeps_of_it_leads_to_the_same_answers():
    first, second = DivergenceRule(10), DivergenceRule(10)
    first.losses(0, [2.0] * 30 + [9.9] * 30)
    first.probe(well(10))
    first.probe(guessing(60))
    second.restore(first.state())
    assert second.state() == first.state()
    assert sure(second.losses(60, [9.9] * 20)) == first.losses(60, [9.9] * 20)


# ---- tables --------------------------------------------------------------------------------------
def test_the_loss_of_a_row_counts_and_an_unmeasured_one_does_not():
    assert judge([row(e, 0.6, loss=1.0) for e in range(5)], 10) is None
    assert judge([row(e, 0.6, loss=None) for e in range(5)], 10) is None
    assert sure(judge([row(0, 0.6, loss=1.0), row(1, 0.6, loss=math.nan)], 10)).since == 1
    assert judge([row(0, 0.6, loss=1.0), row(1, 0.2, loss=9.0)], 10) is None
    far = sure(judge([row(0, 0.6, loss=1.0), *(row(e, 0.2, loss=9.0) for e in (1, 2))], 10))
    assert (far.since, far.step, far.low) == (1, 2, 0)


def test_missing_accuracies_of_a_table_are_no_divergence():
    assert judge([well(0), *(row(e, math.nan) for e in range(1, 9))], 10) is None
    assert judge([well(0), *(row(e, 0.7) for e in range(1, 9))], 10) is None


# ---- false alarms --------------------------------------------------------------------------------
def recorded(path):
    """What the trainer's rule makes of a recorded log: its losses and probes, branch by branch."""
    events = [kinds.of_record(i) for i in RunReader(path).poll() if isinstance(i, Record)]
    [state] = [event for event in events if isinstance(event, kinds.RunStart)]
    rules: dict[str, DivergenceRule] = {}
    blocks = [event for event in events if isinstance(event, kinds.Steps)]
    probes = [event for event in events if isinstance(event, kinds.RobustProbe)]
    assert len(blocks) > 80 and len(probes) > 20
    found: list[Diverged | Caught | None] = []
    for event in sorted((*blocks, *probes), key=lambda event: event.t):
        rule = rules.setdefault(event.branch, DivergenceRule(state.classes))
        if isinstance(event, kinds.Steps):
            losses = event.cols["loss_adv"], event.cols["loss_clean"]
            found.append(rule.losses(event.step, *losses))
        elif isinstance(event, kinds.RobustProbe):
            found.append(rule.probe(point_of(event)))
    return [each for each in found if each is not None]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_recorded_examples_have_not_diverged(path):
    assert recorded(path) == []


@pytest.mark.parametrize("name", ["fgsm8", "nfgsm8", "rescue8", "selffit16"])
def test_recorded_runs_on_real_images_have_not_diverged(real_data, name):
    if not (real_data / "runs" / name).is_dir():
        pytest.skip("SELFFIT_DATA has no recorded runs")
    assert recorded(real_data / "runs" / name) == []


def test_no_public_trace_has_diverged(real_data):
    paths = [p for p in (real_data / "co_traces").glob("*/*.csv") if p.name != "labels.csv"]
    if not paths:
        pytest.skip("SELFFIT_DATA has no co_traces")
    for path in paths:
        with path.open(newline="") as file:
            table = [
                row(int(r["epoch"]), *(float(r[c] or "nan") for c in COLUMNS))
                for r in csv.DictReader(file)
            ]
        assert judge(table, 100 if path.parent.name == "cifar100" else 10) is None, path
