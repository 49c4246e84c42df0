"""A fall of robust accuracy without a gap: what is one, and what is something else."""

import csv
import math
from pathlib import Path

import pytest

from selffit.detect import ProbePoint, point_of
from selffit.detect.robust_rule import RobustRule, RuleThresholds
from selffit.detect.weakening import Weakened, Weakening
from selffit.eventlog import kinds
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower

EXAMPLES = sorted((Path(__file__).parents[2] / "runs").glob("example-*"))
WELL = (0.50, 0.40)


def followed(accuracies, *, eps=math.nan, n=600, start=0):
    """What stands after each of these (fgsm, pgd) probes; `eps` one budget, or one a probe."""
    rule, weakening = RobustRule(RuleThresholds(), 0.1), Weakening()
    found = []
    for step, (fgsm, pgd) in enumerate(accuracies, start):
        budget = eps[step - start] if isinstance(eps, list) else eps
        point = ProbePoint(step, 0.7, fgsm, pgd, n, eps=budget)
        rule.learn(point)
        found.append(weakening.take(point, rule))
    return found


def test_a_fall_of_pgd_and_fgsm_together_is_named_from_its_second_probe_until_one_is_back():
    found = followed([WELL, WELL, (0.25, 0.20), (0.25, 0.20), WELL])
    assert found == [None, None, None, Weakened(since=2, best=0.40), None]


def test_one_weak_probe_is_none():
    assert followed([WELL, (0.25, 0.20), WELL, (0.25, 0.20), WELL]) == [None] * 5


@pytest.mark.parametrize(
    ("fallen", "n"),
    [
        ((0.90, 0.02), 600),  # a gap: catastrophic overfitting
        ((0.48, 0.20), 600),
        ((0.45, 0.33), 600),  # still more than 3/4
        ((0.25, 0.20), 60),  # too few images to tell
    ],
)
def test_what_is_no_such_fall(fallen, n):
    assert followed([WELL, *[fallen] * 6], n=n) == [None] * 7


def test_a_budget_that_rises_is_no_fall_and_one_that_stays_is_held_against_it():
    falling = [(0.5, 0.4), (0.4, 0.3), (0.3, 0.2), (0.3, 0.2), (0.08, 0.08), (0.08, 0.08)]
    rising = [0.02, 0.03, 0.04, 0.04, 0.05, 0.06]
    assert followed(falling, eps=rising) == [None] * 6
    assert followed(falling, eps=[0.02, 0.03, 0.04, 0.04, 0.04, 0.04])[-1].best == 0.2
    assert followed([*[WELL] * 2, *[(0.2, 0.2)] * 2], eps=[0.05, 0.05, 0.02, 0.02])[-1] is not None


def test_only_traces_whose_accuracies_all_fell_for_a_while_are_weakened(real_data):
    named = set()
    for labels in sorted((real_data / "co_traces").glob("*/labels.csv")):
        with labels.open(newline="") as file:
            healthy = [row["trace"] for row in csv.DictReader(file) if not row["onset_epoch"]]
        for name in healthy:
            with (labels.parent / f"{name}.csv").open(newline="") as file:
                rows = [(float(r["fgsm_acc"]), float(r["pgd_acc"])) for r in csv.DictReader(file)]
            if any(followed(rows, n=1000)):
                named.add(name)
    assert named <= {"nu_at-0", "nu_at-1", "nu_at-2"}  # of cifar100, and all three recover


@pytest.mark.parametrize("name", ["fgsm8", "nfgsm8", "rescue8", "selffit16"])
def test_recorded_runs_on_real_images_have_not_weakened(real_data, name):
    if not (real_data / "runs" / name).is_dir():
        pytest.skip("SELFFIT_DATA has no recorded runs")
    assert ever_weakened(real_data / "runs" / name) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_recorded_examples_have_not_weakened(path):
    assert ever_weakened(path) == []


def ever_weakened(path):
    """What stood after any probe of any branch of a recorded run."""
    state = Follower.of(RunDir.open(path)).read_all()
    assert len(state.all(kinds.RobustProbe)) > 20
    found: list[Weakened | None] = []
    for branch in state.ledger.branches:
        rule, weakening = RobustRule(RuleThresholds(), 0.1), Weakening()
        for probe in state.all(kinds.RobustProbe):
            if probe.branch == branch:
                rule.learn(point_of(probe))
                found.append(weakening.take(point_of(probe), rule))
    return [weak for weak in found if weak is not None]
