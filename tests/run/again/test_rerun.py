"""Recorded runs judged again by today's rules: the same onsets, and causes that hold."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_up.records import probe, record, start, steps

from selffit.detect import RuleThresholds
from selffit.eventlog import kinds
from selffit.run.again.rerun import Judged, Rules, blocks_of, rerun
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.follow import Follower, LogSource

EXAMPLES = Path(__file__).parents[3] / "runs"


def read(run: Path) -> RunState:
    return Follower(LogSource(run)).read_all()


def levels(alerts, *, without=()):
    return [(a.branch, a.level, a.about) for a in alerts if a.level not in without]


def judged(run: Path, *, signals: bool = True, **changed) -> Judged:
    state = read(run)
    blocks = blocks_of(run) if signals else ()
    return rerun(state, blocks, replace(Rules.of(state), **changed))


@pytest.mark.parametrize("name", ["example-patterns-fgsm", "example-patterns-rollback"])
def test_a_run_judged_again_has_the_alerts_of_its_log(name):
    state = read(EXAMPLES / name)
    found = judged(EXAMPLES / name)
    recorded = levels(state.all(kinds.Alert), without=("suspect",))
    assert levels(found.alerts, without=("suspect",)) == recorded
    assert found.probes == len(state.all(kinds.RobustProbe))
    # a block is heard whole here, where the trainer may have looked at a part of it
    [recorded_at] = [a.step for a in state.all(kinds.Alert) if a.level == "suspect"]
    [heard_at] = [a.step for a in found.alerts if a.level == "suspect"]
    assert abs(recorded_at - heard_at) <= 20


def test_an_older_log_gets_a_diagnosis_with_its_signs_and_their_leads():
    found = judged(EXAMPLES / "example-patterns-fgsm")
    [onset] = [a for a in found.alerts if a.level == "onset"]
    assert onset.disease == "undecided"
    assert [d.disease for d in found.diagnoses][:2] == ["undecided", "self-fitting"]
    assert {"abnormal", "carrier"} <= set(found.diagnoses[1].signs)
    lead = found.diagnoses[1].lead
    assert lead is not None and found.diagnoses[1].leads["carrier"] == lead < 0


def test_other_thresholds_can_be_tried_on_a_log():
    run = EXAMPLES / "example-patterns-fgsm"
    deaf = judged(run, thresholds=RuleThresholds(fallen=0.0), signals=False)
    assert deaf.alerts == () and deaf.diagnoses == ()
    early = judged(run, thresholds=RuleThresholds(fallen=0.9), signals=False)
    assert early.alerts[0].about < 1032


def test_a_log_without_measurements_has_nothing_to_judge():
    found = rerun(RunState(), (), Rules.of(RunState()))
    assert found == Judged(alerts=(), diagnoses=(), probes=0, explained=0)


@pytest.mark.parametrize(
    ("name", "onset", "within"),
    [("fgsm8", 6754, 400), ("selffit16", 3718, 400), ("nfgsm8", None, 0), ("rescue8", 5508, None)],
)
def test_real_collapses_are_self_fitting_soon_and_healthy_runs_never(
    real_data, name, onset, within
):
    run = real_data / "runs" / name
    if not run.is_dir():
        pytest.skip("SELFFIT_DATA has no recorded runs")
    found = judged(run)
    assert [a.about for a in found.alerts if a.level == "onset"] == ([onset] if onset else [])
    fitting = [d for d in found.diagnoses if d.disease == "self-fitting"]
    if within:
        assert fitting[0].step <= onset + within and len(fitting[0].signs) >= 2
    else:
        assert not fitting


def test_a_divergence_is_heard_in_losses_and_told_once_as_in_training():
    items = [start(), probe(0, 0.3)]
    for step in range(0, 200, 10):
        loss = 2.0 if step < 100 else "NaN"
        items.append(steps(step, loss_adv=[loss] * 10, loss_clean=[loss] * 10))
    state = reduce_all(RunState(), items)
    blocks = [kinds.of_record(item) for item in items if item.k == "steps"]
    found = rerun(state, [b for b in blocks if isinstance(b, kinds.Steps)], Rules.of(state))
    [told] = [alert for alert in found.alerts if alert.level == "diverged"]
    assert (told.branch, told.about) == ("main", 100) and "its loss is NaN" in told.text


def test_and_in_probes_whose_answers_are_not_finite():
    items = [start(), probe(0, 0.3), record("probe.robust", {"n": 500, "nonfinite": 20}, 10)]
    state = reduce_all(RunState(), items)
    [told] = rerun(state, (), Rules.of(state)).alerts
    assert told.level == "diverged" and told.step == 10
