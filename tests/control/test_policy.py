"""Policies: how they are written, and which command an alert calls for."""

import pytest

from selffit.control.policy import parse_policy
from selffit.errors import UserError


def test_the_default_policy_only_alerts():
    policy = parse_policy()
    assert [policy.reaction(level, 0) for level in ("watch", "onset", "recovered", "masked")] == [None] * 4


@pytest.mark.parametrize("action", ["pause", "stop"])
def test_an_onset_calls_for_the_action(action):
    policy = parse_policy(action)
    command = policy.reaction("onset", 0)
    assert (command.op, command.by) == (action, "policy")
    assert policy.reaction("watch", 0) is None


@pytest.mark.parametrize("action", ["probe", "checkpoint"])
def test_a_watch_alert_calls_for_the_action(action):
    assert parse_policy(on_watch=action).reaction("watch", 0).op == action
    assert parse_policy(on_watch=action).reaction("onset", 0) is None


def test_a_rollback_brings_method_and_settings_to_the_healthy_checkpoint():
    command = parse_policy("rollback: n-fgsm, eps=8/255, alpha=1.25eps, lr-scale=0.5").reaction("onset", 0, t=5.0)
    assert command.op == "rollback"
    assert command.args == {
        "to": "healthy",
        "exact": False,
        "method": "n-fgsm",
        "eps": 8 / 255,
        "alpha": "1.25eps",
        "lr_scale": 0.5,
    }
    assert command.t == 5.0


def test_after_the_last_rollback_only_a_note_says_so():
    policy = parse_policy("rollback:n-fgsm", max_rollbacks=1)
    assert policy.reaction("onset", 0).op == "rollback"
    note = policy.reaction("onset", 1)
    assert note.op == "note"
    assert "max_rollbacks 1" in note.args["text"]


@pytest.mark.parametrize(
    ("on_co", "on_watch", "limit", "says"),
    [
        ("paus", "none", 1, "did you mean 'pause'"),
        ("stop:now", "none", 1, "nothing after a colon"),
        ("alert", "prob", 1, "did you mean 'probe'"),
        ("alert", "none", -1, "at least 0"),
        ("rollback", "none", 1, "rollback:METHOD"),
        ("rollback:", "none", 1, "rollback:METHOD"),
        ("rollback:nfgsm", "none", 1, "did you mean 'n-fgsm'"),
        ("rollback:n-fgsm,eps", "none", 1, "KEY=VALUE"),
        ("rollback:n-fgsm,", "none", 1, "KEY=VALUE"),
        ("rollback:n-fgsm,epz=1", "none", 1, "did you mean 'eps'"),
        ("rollback:n-fgsm,eps=1,eps=1", "none", 1, "twice"),
        ("rollback:n-fgsm,eps=8", "none", 1, "write 8/255, not 8"),
        ("rollback:n-fgsm,alpha=fast", "none", 1, "alpha must be a number"),
    ],
)
def test_a_malformed_policy_is_refused_with_what_to_do(on_co, on_watch, limit, says):
    with pytest.raises(UserError) as caught:
        parse_policy(on_co, on_watch, limit)
    assert says in str(caught.value)
