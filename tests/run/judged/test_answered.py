"""What was done about an onset, what became of PGD since, and whether a roll-back comes next."""

import json

import pytest
from made_up.records import alert, on, probe, record, roll_back, start, steps

from selffit.control.policy import parse_policy
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.judged.answered import answered, wants_rollback
from selffit.run.judged.reacting import in_brief, policy_words
from selffit.run.judged.summary import status_dict, verdict_dict
from selffit.run.judged.verdict import verdict
from selffit_tui.plain.lines import status_lines
from selffit_tui.words import end_card
from selffit_tui.words.next_steps import advice, next_commands

FALL = [
    start(on_co="zero:conv1=3"),
    steps(0),
    probe(10, 0.40, fgsm=0.5),
    record("ckpt.saved", {"id": "main-10", "step": 10, "pgd": 0.4, "healthy": True}, 10),
    steps(10),
    probe(20, 0.01, fgsm=0.9),
    alert("onset", 20, onset_step=20, onset_low=10, healthy={"step": 10, "pgd": 0.4}),
]
BACK = probe(30, 0.38, fgsm=0.5)
LOST = probe(40, 0.02, fgsm=0.9)


def zeroing(channels):
    return {"zeroed": {"conv1": {"channels": list(range(channels))}}}


def change(op="zero", new=None, *, step=20, by="policy", id="c1", old=None):
    new = {"zeroed": {"conv1": {"channels": [3, 6, 15]}}} if new is None else new
    data = {"id": f"{id}-{'0' * 8}", "op": op, "args": {}, "by": by, "version": 1}
    return record("ctl.applied", data | {"old": old or {"zeroed": {}}, "new": new}, step)


ZEROED = change()


def fold(*items):
    return reduce_all(RunState(run="r"), items)


def told(*items):
    """The state, what was done, and whether a roll-back comes next."""
    state = fold(*FALL, *items)
    found = verdict(state)
    return state, answered(state, found), wants_rollback(state, found)


def test_where_nothing_was_done_a_roll_back_comes_next():
    assert told()[1:] == (None, True)
    assert told(record("ctl.applied", {"id": "c-00000001", "op": "pause", "by": "me"}, 20))[1:] == (
        None,
        True,
    )


def test_what_was_done_is_told_with_its_step_and_until_a_probe_has_looked_nobody_goes_back():
    state, answer, next = told(ZEROED, steps(20))
    assert answer is not None
    assert (answer.by, answer.step, answer.back, next) == ("policy", 20, None, False)
    assert answer.text == "zeroed 3,6,15 of conv1 at step 20 (PGD .01 then, no probe since)"
    as_json = json.dumps(verdict_dict(state), allow_nan=False)  # what is not known is null
    assert '"now": null' in as_json
    ended = fold(*FALL, ZEROED, record("end", {"how": "finished"}, 25))
    assert wants_rollback(ended, verdict(ended))  # nobody looks any more


def test_a_roll_back_comes_next_only_where_pgd_has_not_come_back():
    _, answer, next = told(ZEROED, BACK)
    assert answer is not None and answer.back and not next
    assert answer.became == "PGD .01 then, now .38: back"
    _, answer, next = told(ZEROED, BACK, LOST)
    assert answer is not None and answer.back is False and next
    assert answer.became == "PGD .01 then, .38 at 30, now .02: not back"


def test_what_a_strong_attack_has_called_masked_has_not_come_back():
    masked = alert("masked", 30, evidence={"strong": 0.01, "pgd": 0.38})
    state, answer, next = told(ZEROED, BACK, masked)
    assert verdict(state).state == "masked" and answer is not None
    assert (answer.back, next) == (False, True)


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (change(by="ann"), "zeroed 3,6,15 of conv1"),
        (change(new=zeroing(9)), "zeroed 9 channels of conv1"),
        (change("set", {"method": "n-fgsm", "lr_scale": 0.5}), "changed method, lr scale"),
        (change("set", {"probe_every": 10}), ""),
        (change("set", {"stop_epoch": 3.0}), ""),
        (change(step=15), ""),
    ],
)
def test_only_what_changes_training_after_the_fall_answers_it(done, words):
    answer = told(done, BACK)[1]
    assert (answer.did if answer else "") == words


def test_what_was_undone_or_left_behind_answers_nothing():
    undone = change("unzero", {"zeroed": {}}, step=25, id="c2", old=change().d["new"])
    assert told(ZEROED, undone, BACK)[1] is None
    failed = record("ctl.failed", {"id": ZEROED.d["id"], "op": "zero", "reason": "why"}, 20)
    assert told(ZEROED, failed, BACK)[1] is None
    assert told(ZEROED, *roll_back("b1", base=10, asked=30))[1] is None
    recovered = alert("recovered", 40)
    assert told(ZEROED, BACK, recovered)[1] is None  # nothing stands


def test_the_channels_of_two_layers_are_told_together():
    second = {"conv1": {"channels": [3, 6, 15]}, "conv2": {"channels": [1]}}
    more = change(new={"zeroed": second}, id="c2", old=change().d["new"])
    answer = told(ZEROED, more)[1]
    assert answer is not None and answer.did == "zeroed 3,6,15 of conv1, zeroed 1 of conv2"


def test_every_surface_says_the_same():
    for items, back in (((BACK,), True), ((BACK, LOST), False)):
        state, answer, _ = told(ZEROED, *items)
        found = verdict(state)
        assert answer is not None
        summary = status_dict(state, "training", 100.0)
        assert summary["verdict"]["answer"]["back"] is back
        assert any(answer.text in line for line in status_lines(summary, "stands"))
        assert advice(state, "onset", found, "r").startswith(f"policy: {answer.text}")
        again = "rollback --to healthy" in advice(state, "onset", found, "r")
        ended = fold(*FALL, ZEROED, *items, record("end", {"how": "finished"}, 50))
        stands = verdict(ended)
        offered = any("--on-co rollback" in line for line in next_commands(ended, "", stands, "r"))
        assert again == offered == (not back)
        place = end_card.Place(name="r", run="r", folder="runs/r")
        assert ("", f"policy: {answer.text}", "text") in end_card.rows(ended, "finished", place)


def test_what_a_person_did_is_told_once_beside_the_policy():
    state, answer, _ = told(change(by="ann"), BACK)
    assert answer is not None
    lines = status_lines(status_dict(state, "training", 100.0), "stands")
    assert sum(answer.text in line for line in lines) == 1 and f"  ann: {answer.text}" in lines


def test_a_policy_that_acts_once_on_a_branch_says_that_it_has():
    policy = fold(*FALL)
    assert in_brief(policy) == "onset: zero"
    assert policy_words(policy, verdict(policy)) == "zeroes channels now"
    (command,) = parse_policy("zero:conv1=3").reaction("onset", policy.ledger)
    data = {**ZEROED.d, "id": command.id}
    done = fold(*FALL, record("ctl.applied", data, 20), BACK)
    assert in_brief(done) == "onset: zero (done)"
    assert policy_words(done, verdict(done)).endswith("; does no more on this branch")
    elsewhere = fold(*FALL, record("ctl.applied", data, 20), *roll_back("b1", base=10))
    assert in_brief(elsewhere) == "onset: zero"  # a new branch, a new time
    assert on("b1", BACK).b == "b1"
