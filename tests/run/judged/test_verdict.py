"""The one verdict: what stands, and that it does not stand for longer than it should."""

import math

import pytest
from made_up.records import alert, diagnosis, on, probe, record, roll_back, start, steps

from selffit.eventlog import kinds
from selffit.eventlog.liveness import here
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.folded.word import state_word
from selffit.run.judged.reacting import policy_words
from selffit.run.judged.summary import status_dict
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import sentence

HEALTHY = [start(on_co="alert"), steps(0), probe(10, 0.40, fgsm=0.5)]
FALLEN = probe(20, 0.01, fgsm=0.9)
ONSET = alert("onset", 20, onset_step=20, onset_low=10, healthy={"step": 10, "pgd": 0.4})


def fold(*items):
    return reduce_all(RunState(), items)


def stands(*items):
    return verdict(fold(*items)).state


# ---- without a collapse --------------------------------------------------------------------------
def test_before_the_first_probe_nothing_is_measured():
    assert stands() == stands(start(), steps(0)) == "unmeasured"
    assert verdict(fold(start(), steps(0))).since is None


def test_a_run_is_healthy_since_its_first_probe():
    found = verdict(fold(*HEALTHY, steps(10), probe(20, 0.42)))
    assert (found.state, found.since, found.branch, found.cause) == ("healthy", 10, "main", "")


# ---- suspicion -----------------------------------------------------------------------------------
def test_a_suspicion_stands_until_a_probe_finds_the_network_healthy():
    suspected = [*HEALTHY, alert("suspect", 15, t=101.0)]
    assert stands(*suspected) == "suspect"
    assert verdict(fold(*suspected)).since == 15
    assert stands(*suspected, probe(16, 0.39, t=102.0)) == "healthy"


def test_a_suspicion_outlives_a_probe_that_cannot_tell():
    suspected = [*HEALTHY, alert("suspect", 15, t=101.0)]
    undecided = probe(16, 0.25, fgsm=0.6, t=102.0)
    assert stands(*suspected, undecided) == "suspect"
    assert stands(*suspected, undecided, probe(17, "NaN", t=103.0)) == "suspect"
    assert stands(*suspected, undecided, probe(18, 0.39, t=104.0)) == "healthy"


def test_a_probe_from_before_the_suspicion_does_not_clear_it():
    assert stands(start(), probe(15, 0.4, t=100.0), alert("suspect", 15, t=101.0)) == "suspect"


def test_an_older_log_calls_a_suspicion_watch():
    assert stands(*HEALTHY, alert("watch", 15, t=101.0)) == "suspect"


# ---- onset, masking, recovery --------------------------------------------------------------------
def test_an_onset_stands_whatever_is_probed_until_it_has_recovered():
    fallen = [*HEALTHY, steps(10), FALLEN, ONSET]
    found = verdict(fold(*fallen))
    assert (found.state, found.since, found.fallen) == ("onset", 20, True)
    assert stands(*fallen, probe(30, 0.4, t=103.0)) == "onset"
    assert stands(*fallen, alert("suspect", 25)) == "onset"
    assert stands(*fallen, alert("masked", 30)) == "masked"
    assert stands(*fallen, alert("recovered", 40)) == "recovered"
    assert stands(*fallen, alert("recovered", 40), alert("onset", 50, onset_step=50)) == "onset"


def test_after_a_recovery_a_suspicion_that_is_cleared_leaves_it_recovered():
    again = [*HEALTHY, FALLEN, ONSET, alert("recovered", 40, t=101.0), alert("suspect", 45, t=102)]
    assert stands(*again) == "suspect"
    assert stands(*again, probe(46, 0.4, t=103.0)) == "recovered"


def test_the_cause_is_the_newest_diagnosis_and_what_was_said_first_is_kept():
    first = alert("onset", 20, onset_step=20, disease="undecided")
    found = verdict(fold(*HEALTHY, FALLEN, first))
    assert (found.cause, found.first) == ("undecided", "undecided")
    later = diagnosis(40, onset_step=20)
    found = verdict(fold(*HEALTHY, FALLEN, first, later))
    assert (found.cause, found.first) == ("self-fitting", "undecided")
    of_another = diagnosis(40, onset_step=35)
    assert verdict(fold(*HEALTHY, FALLEN, first, of_another)).cause == "undecided"


# ---- divergence ----------------------------------------------------------------------------------
DIVERGED = alert(
    "diverged",
    22,
    onset_step=20,
    onset_low=19,
    text="training has diverged: its loss is NaN since step 20",
    healthy={"step": 10, "pgd": 0.4},
    advice="roll back",
)


def test_a_divergence_stands_above_everything_until_training_has_caught_itself():
    ill = [*HEALTHY, steps(10), DIVERGED]
    found = verdict(fold(*ill))
    assert (found.state, found.since, found.fallen, found.onset) == ("diverged", 20, True, None)
    assert stands(*ill, probe(30, "NaN", fgsm="NaN", nonfinite=512)) == "diverged"
    assert stands(*ill, probe(30, 0.4, t=103.0)) == "diverged"
    assert stands(*ill, alert("suspect", 25), alert("onset", 30, onset_step=30)) == "diverged"
    assert stands(*ill, alert("recovered", 40)) == "recovered"


def test_an_onset_from_before_a_divergence_stands_again_after_it():
    both = [*HEALTHY, steps(10), FALLEN, ONSET, alert("diverged", 30, onset_step=30)]
    assert stands(*both) == "diverged"
    assert stands(*both, alert("recovered", 40)) == "onset"
    assert stands(*both, alert("recovered", 40), alert("recovered", 60)) == "recovered"


def test_a_roll_back_leaves_a_divergence_behind_and_says_so():
    left = [*HEALTHY, steps(10), DIVERGED, *roll_back("b1", base=10, asked=25, t=102.0)]
    state = fold(*left)
    found = verdict(state)
    assert (found.state, found.onset, found.fallen) == ("rolled back", None, False)
    assert found.rollback is not None and found.rollback.diverged is not None
    assert "left behind: a divergence since step 20" in sentence(state, found)


def test_after_a_resume_to_before_a_divergence_it_is_not_known():
    resumed = record("resumed", {"ckpt": "main-10", "step": 10, "branch": "main"}, 10, attempt=2)
    assert stands(*HEALTHY, steps(10), DIVERGED, resumed) == "healthy"


def test_a_probe_that_could_not_judge_is_told_as_that_and_not_as_an_accuracy():
    state = fold(*HEALTHY, DIVERGED, probe(30, "NaN", fgsm="NaN", clean="NaN", nonfinite=512))
    told = sentence(state, verdict(state))
    assert (
        "answers not finite for 512 of 512 images at step 30" in told and "its loss is NaN" in told
    )
    last = status_dict(state, "training", 104.0)["last"]
    assert (last["clean"], last["pgd"], last["nonfinite"]) == (None, None, 512)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"on_diverged": "alert"}, "alert only"),
        ({"on_diverged": "stop"}, "stops now"),
        ({"on_diverged": "rollback"}, "rolls back now (3 of 3 left)"),
        ({"on_diverged": "rollback:pgd"}, "rolls back now, on with pgd (3 of 3 left)"),
        ({"on_co": "pause", "on_diverged": "pause"}, "pauses at an onset, pauses now"),
    ],
)
def test_what_the_policy_will_do_about_a_divergence_is_told(config, words):
    state = fold(start(**config), DIVERGED)
    assert policy_words(state, verdict(state)) == words


# ---- a fall without a gap ------------------------------------------------------------------------
WEAK = [probe(step, 0.20, fgsm=0.25, t=100.0 + step) for step in (20, 30)]


def test_a_fall_of_pgd_and_fgsm_together_is_weakened_and_not_healthy_until_a_probe_is_back():
    assert stands(*HEALTHY, WEAK[0]) == "healthy"
    state = fold(*HEALTHY, *WEAK)
    found = verdict(state)
    assert (found.state, found.since, found.fallen, found.alert) == ("weakened", 20, False, None)
    told = sentence(state, found)
    assert told.startswith("weakened since step 20; PGD has fallen from .40 and FGSM with it")
    assert stands(*HEALTHY, *WEAK, probe(40, 0.39, fgsm=0.5, t=140.0)) == "healthy"


def test_alerts_stand_above_a_weakening_and_a_roll_back_to_before_it_leaves_it_behind():
    assert stands(*HEALTHY, *WEAK, DIVERGED) == "diverged"
    assert stands(*HEALTHY, *WEAK, alert("onset", 40, onset_step=40)) == "onset"
    back = roll_back("b1", base=10, asked=35, t=150.0)
    assert stands(*HEALTHY, *WEAK, *back) == "rolled back"
    again = [on("b1", probe(step, 0.2, fgsm=0.25, t=151.0 + step)) for step in (20, 30)]
    assert stands(*HEALTHY, *WEAK, *back, *again) == "weakened"


def test_an_older_state_of_the_same_log_is_not_told_of_what_came_later():
    early = fold(*HEALTHY)
    later = reduce_all(early, WEAK)
    assert [verdict(state).state for state in (later, early, later)] == [
        *("weakened", "healthy", "weakened")
    ]


# ---- a roll-back ---------------------------------------------------------------------------------
@pytest.mark.parametrize("by", ["me", "policy"])
def test_after_a_roll_back_the_onset_is_left_behind(by):
    left = [*HEALTHY, steps(10), FALLEN, ONSET, *roll_back("b1", base=10, by=by, t=102.0)]
    state = fold(*left)
    found = verdict(state)
    assert (found.state, found.branch, found.since) == ("rolled back", "b1", 10)
    assert not found.fallen and found.onset is not None and found.onset.step == 20
    back = found.rollback
    assert back is not None
    assert (back.left, back.asked, back.base) == ("main", 20, 10)
    assert (back.by, back.method) == (by, "n-fgsm")
    assert ("rolled back from 20 to 10" in policy_words(state, found)) == (by == "policy")


def test_a_roll_back_to_after_the_onset_leaves_it_standing():
    late = [*HEALTHY, steps(10), FALLEN, ONSET, steps(20)]
    assert stands(*late, *roll_back("b1", base=25, asked=30)) == "onset"


def test_what_is_found_on_the_new_branch_stands_on_it():
    left = [*HEALTHY, steps(10), FALLEN, ONSET, *roll_back("b1", base=10, t=102.0)]
    assert stands(*left, on("b1", probe(12, 0.4, t=103.0))) == "rolled back"
    again = on("b1", alert("onset", 30, onset_step=30, t=104.0))
    found = verdict(fold(*left, again))
    assert (found.state, found.branch, found.since) == ("onset", "b1", 30)


def test_a_roll_back_from_a_healthy_run_leaves_no_onset_behind():
    found = verdict(fold(*HEALTHY, steps(10), *roll_back("b1", base=10)))
    assert (found.state, found.onset, found.cause) == ("rolled back", None, "")


def test_a_roll_back_that_failed_changes_nothing():
    failed = record("ctl.failed", {"id": "b1-00000000", "op": "rollback", "reason": "…"}, 20)
    asked = roll_back("b1", base=10)[0]
    assert stands(*HEALTHY, steps(10), FALLEN, ONSET, asked, failed) == "onset"


def test_what_was_known_when_a_branch_was_left_stays_its_cause():
    told = diagnosis(20, onset_step=20)
    left = [*HEALTHY, FALLEN, ONSET, told, *roll_back("b1", base=10, t=102.0)]
    assert verdict(fold(*left)).cause == "self-fitting"


# ---- attempts ------------------------------------------------------------------------------------
def test_after_a_kill_and_a_resume_to_before_the_onset_it_is_not_known_again():
    fallen = [*HEALTHY, steps(10), FALLEN, ONSET]
    resumed = record("resumed", {"ckpt": "main-10", "step": 10, "branch": "main"}, 10, attempt=2)
    assert stands(*fallen, resumed) == "healthy"
    same = [record(item.k, item.d, item.s, attempt=2) for item in (FALLEN, ONSET)]
    found = verdict(fold(*fallen, resumed, *same))
    assert (found.state, found.since) == ("onset", 20)


def test_identity_belongs_to_an_attempt():
    """Between the supervisor's word of an attempt and the trainer's, the one before is gone."""
    dead = {"run": "r", "host": "elsewhere", "boot": "b", "pid": 7, "pstart": 5}
    me = here()
    now = {"run": "r", **me.as_data()}
    state = fold(
        record("open", dead),
        record("end", {"how": "stopped"}),
        record("open", dead, stream="supervisor"),
        record("sup.exit", {"how": "stopped"}, stream="supervisor"),
        record("open", now, attempt=2, stream="supervisor"),
    )
    assert state.now.identity == me
    assert state.ending is None and state_word(state, True, 101.0) == "starting"


# ---- what is said of it --------------------------------------------------------------------------
STORIES = {
    "nothing": [start()],
    "healthy": HEALTHY,
    "suspect": [*HEALTHY, alert("suspect", 15, t=101.0)],
    "onset": [*HEALTHY, FALLEN, ONSET],
    "rolled back": [*HEALTHY, FALLEN, ONSET, *roll_back("b1", base=10, t=102.0)],
    "diverged": [*HEALTHY, DIVERGED],
    "weakened": [*HEALTHY, *WEAK],
}


@pytest.mark.parametrize("story", STORIES)
def test_the_sentence_begins_with_the_name_of_what_stands(story):
    state = fold(*STORIES[story])
    found = verdict(state)
    assert sentence(state, found).startswith(found.state)
    told = status_dict(state, "training", 101.0)["verdict"]
    assert set(told) == {"state", "cause", "branch", "since", "first", "policy", "answer"}
    assert (told["state"], told["branch"], told["since"]) == (
        *(found.state, found.branch),
        found.since,
    )


def test_status_tells_of_each_alert_where_it_was_raised_and_whether_it_stands():
    state = fold(*STORIES["rolled back"], on("b1", alert("suspect", 30, t=103.0)))
    told = status_dict(state, "training", 104.0)["alerts"]
    assert [(a["level"], a["branch"], a["stands"]) for a in told] == [
        ("onset", "main", False),
        ("suspect", "b1", True),
    ]


def test_the_newest_cause_is_told_beside_the_first_one():
    first = alert("onset", 20, onset_step=20, disease="undecided")
    state = fold(*HEALTHY, FALLEN, first, diagnosis(40, onset_step=20))
    (told,) = status_dict(state, "training", 104.0)["alerts"]
    assert (told["disease"], told["first"]) == ("self-fitting", "undecided")


# ---- borders -------------------------------------------------------------------------------------
def test_no_measurement_is_carried_over_the_border_of_a_branch():
    state = fold(*HEALTHY, steps(10), FALLEN, *roll_back("b1", base=10))
    assert state.current(kinds.RobustProbe).step == 10  # of the line; the fallen one was left
    assert state.setting("eps") == 0.16  # the schedule's value of step 20 was main's
    late = fold(*HEALTHY, steps(10), FALLEN, *roll_back("b1", base=5))
    assert late.current(kinds.RobustProbe) is None
    assert status_dict(late, "training", 101.0)["last"] is None


def test_time_left_is_none_rather_than_nan():
    assert status_dict(fold(start()), "training", 101.0)["eta_s"] is None
    assert not math.isnan(status_dict(fold(*HEALTHY), "training", 101.0)["eta_s"])
