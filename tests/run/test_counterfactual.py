"""What other rules would have said of a log: when, how late, and what it would have saved."""

from pathlib import Path

import pytest
from made_up import rollback
from made_up import run as synthetic
from made_up.records import probe, record, roll_back, steps

from selffit.eventlog import kinds
from selffit.run.counterfactual import MEANINGS, NAMES, firings
from selffit.run.follow import Follower
from selffit.run.rerun import blocks_of
from selffit.run.run_dir import RunDir
from selffit.run.state import RunState, reduce_all


def judged(records):
    """The firings of a log by rule and branch."""
    state = reduce_all(RunState(), records)
    told = map(kinds.of_record, records)
    blocks = [event for event in told if isinstance(event, kinds.Steps)]
    return {(one.rule, one.branch): one for one in firings(state, blocks)}


@pytest.fixture(scope="module")
def fell():
    return judged(synthetic.records())


def test_every_rule_is_late_by_the_steps_after_the_first_probe_of_the_fall(fell):
    today = fell["today", "main"]
    assert (today.step, today.late, today.false) == (651, 31, False)
    assert fell["half", "main"].step == 620 and fell["half", "main"].late == 0
    assert fell["gap", "main"].step == 620 and fell["gap", "main"].late == 0


def test_it_would_have_saved_what_the_branch_was_trained_for_afterwards(fell):
    assert fell["today", "main"].saved == pytest.approx((868 - 651) / 62, abs=0.02)


def test_a_recorded_run_is_judged_with_all_its_signals():
    run = RunDir.open(Path(__file__).parents[2] / "runs" / "example-patterns-fgsm")
    found = firings(Follower.of(run).read_all(), blocks_of(run.place))
    assert [(one.rule, one.step, one.late, one.false) for one in found] == [
        ("today", 1032, 0, False),
        ("signals", 985, -47, False),
        ("drop", 434, -598, True),  # the budget grows, and this rule does not know it
        ("half", 744, -288, True),
        ("gap", 990, -42, False),
    ]


def test_where_nothing_falls_a_rule_that_fires_is_a_false_alarm():
    wanders = [record("run.start", synthetic.run_start())]
    wanders += [probe(31 * i, pgd, fgsm=0.6) for i, pgd in enumerate((0.3, 0.5, 0.55, 0.34))]
    found = judged(wanders)
    assert found["gap", "main"].false and found["gap", "main"].late is None
    assert found["drop", "main"].false and ("half", "main") not in found


def test_a_rule_that_fires_while_a_later_probe_still_was_healthy_is_a_false_alarm(fell):
    ramp = judged(synthetic.records(onset=700))
    early = [one for one in ramp.values() if one.late is not None and one.late < -31]
    assert all(one.false for one in early)


def test_each_branch_is_judged_on_the_line_that_leads_to_it():
    found = judged(rollback.rolled_back().records)
    assert ("half", "main") in found and ("half", "b1") not in found
    assert found["half", "main"].saved == pytest.approx((702 - 651) / 62, abs=0.5)


def test_a_probe_without_a_number_fires_nothing():
    found = judged(
        [
            record("run.start", synthetic.run_start()),
            probe(0, 0.4),
            probe(31, float("nan")),
            probe(62, 0.39),
            *roll_back("b1", base=31),
            steps(62),
        ]
    )
    assert not any(rule in ("drop", "half") for rule, _ in found)


def test_every_rule_says_what_it_is():
    assert set(NAMES) == set(MEANINGS) and all(MEANINGS.values())
    assert len({name[0] for name in NAMES}) == len(NAMES)  # a letter each on the timeline
