"""Policies: how they are written, and which commands an alert calls for."""

import pytest

from selffit.control import lines
from selffit.control.admission import admit, new_settings
from selffit.control.ledger import Ledger
from selffit.control.policy import parse_policy
from selffit.errors import UserError

LAYERS = [{"name": "conv1", "channels": 16}, {"name": "layer1.0.conv2", "channels": 32}]


@pytest.fixture
def ledger():
    ledger = Ledger()
    ledger.note(
        "run.start",
        {"config": {"method": "fgsm", "holdout": 512}, "layers": LAYERS},
        step=0,
        branch="main",
    )
    return ledger


def made(ledger, rollbacks):
    """A ledger in which the policy has rolled back so many times."""
    for number in range(1, rollbacks + 1):
        data = {
            "id": f"c{number:020x}",
            "op": "rollback",
            "by": "policy",
            "branch": f"b{number}",
            "args": {},
        }
        ledger.note("ctl.applied", data, step=10, branch="main")
    return ledger


def take(ledger, command, step=10, channels=(3, 5)):
    """Decide a command as the trainer does; returns the rule under which it is refused, '' when it
    is applied.
    """
    refusal = admit(command, ledger, command.t)
    if refusal is not None:
        ledger.note(
            "ctl.rejected", lines.rejected(command, refusal), step=step, branch=ledger.branch
        )
        return refusal.rule
    if command.op == "zero":
        new = {
            "zeroed": {
                **ledger.zeroed,
                command.args["layer"]: {"channels": list(channels)},
            }
        }
    else:
        new = new_settings(command, ledger)
    ledger.note("ctl.applied", lines.applied(ledger, command, new), step=step, branch=ledger.branch)
    return ""


def ops(commands):
    return [command.op for command in commands]


def test_the_default_policy_only_alerts(ledger):
    policy = parse_policy()
    assert [
        policy.reaction(level, ledger) for level in ("suspect", "onset", "recovered", "masked")
    ] == [[]] * 4


@pytest.mark.parametrize("action", ["pause", "stop"])
def test_an_onset_calls_for_the_action(ledger, action):
    policy = parse_policy(action)
    (command,) = policy.reaction("onset", ledger)
    assert (command.op, command.by) == (action, "policy")
    assert policy.reaction("suspect", ledger) == []


@pytest.mark.parametrize("action", ["probe", "checkpoint"])
def test_every_suspect_alert_calls_for_the_action(ledger, action):
    policy = parse_policy(on_suspect=action)
    for _ in range(3):
        (command,) = policy.reaction("suspect", ledger)
        assert command.op == action and take(ledger, command) == ""
    assert policy.reaction("onset", ledger) == []


def test_a_rollback_brings_method_and_settings_to_the_healthy_checkpoint(ledger):
    policy = parse_policy("rollback: n-fgsm, eps=8/255, alpha=1.25eps, lr-scale=0.5")
    (command,) = policy.reaction("onset", ledger, t=5.0)
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


def test_after_the_last_rollback_only_a_note_says_so(ledger):
    policy = parse_policy("rollback:n-fgsm", max_rollbacks=1)
    assert ops(policy.reaction("onset", ledger)) == ["rollback"]
    (note,) = policy.reaction("onset", made(ledger, 1))
    assert note.op == "note"
    assert "1 of max_rollbacks 1 are made" in note.args["text"]


# ---- changes on a suspect alert -----------------------------------------------------------------
def test_a_suspect_alert_may_zero_channels_in_several_layers(ledger):
    commands = parse_policy(on_suspect="zero: conv1=2, layer1.0.conv2=4").reaction(
        "suspect", ledger
    )
    assert [command.args for command in commands] == [
        {"layer": "conv1", "top": 2},
        {"layer": "layer1.0.conv2", "top": 4},
    ]
    assert {command.op for command in commands} == {"zero"} and {c.by for c in commands} == {
        "policy"
    }
    assert [take(ledger, command) for command in commands] == ["", ""]
    assert list(ledger.zeroed) == ["conv1", "layer1.0.conv2"]


def test_a_suspect_alert_may_change_settings(ledger):
    (command,) = parse_policy(on_suspect="set: mix-signs=0.3, method=n-fgsm").reaction(
        "suspect", ledger
    )
    assert (command.op, command.args) == ("set", {"mix_signs": 0.3, "method": "n-fgsm"})
    assert take(ledger, command) == ""
    assert (ledger.settings["mix_signs"], ledger.settings["method"]) == (0.3, "n-fgsm")


@pytest.mark.parametrize("on_suspect", ["zero:conv1=2,layer1.0.conv2=4", "set:mix_signs=0.3"])
def test_only_the_first_suspect_alert_of_a_branch_changes_anything(ledger, on_suspect):
    policy = parse_policy(on_suspect=on_suspect)
    for command in policy.reaction("suspect", ledger):
        take(ledger, command)
    assert policy.reaction("suspect", ledger) == []
    made(ledger, 1)
    assert ledger.branch == "b1" and len(policy.reaction("suspect", ledger)) == on_suspect.count(
        "="
    )


def test_what_a_person_has_undone_is_not_done_again(ledger):
    policy = parse_policy(on_suspect="zero:conv1=2")
    take(ledger, policy.reaction("suspect", ledger)[0])
    undone = {"id": "c" + "0" * 20, "op": "unzero", "new": {"zeroed": {}}}
    ledger.note("ctl.applied", undone, step=12, branch="main")
    assert not ledger.zeroed and policy.reaction("suspect", ledger) == []


def test_a_change_that_is_refused_is_refused_once(ledger):
    policy = parse_policy(on_suspect="zero:conv9=2")
    (command,) = policy.reaction("suspect", ledger)
    assert take(ledger, command) == "bad-argument"
    assert policy.reaction("suspect", ledger) == []


def test_a_crash_between_two_layers_leaves_the_second_one_to_do(ledger):
    policy = parse_policy(on_suspect="zero:conv1=2,layer1.0.conv2=4")
    first, second = policy.reaction("suspect", ledger, t=1.0)
    take(ledger, first)
    assert [c.id for c in policy.reaction("suspect", ledger, t=2.0)] == [second.id]


# ---- what is written wrongly ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("on_co", "on_suspect", "limit", "says"),
    [
        ("paus", "none", 1, "did you mean 'pause'"),
        ("stop:now", "none", 1, "nothing after a colon"),
        ("alert", "prob", 1, "did you mean 'probe'"),
        ("alert", "probe:1", 1, "nothing after a colon"),
        ("alert", "none:", 1, "nothing after a colon"),
        ("alert", "none", -1, "at least 0"),
        ("rollback", "none", 1, "rollback:METHOD"),
        ("rollback:", "none", 1, "rollback:METHOD"),
        ("rollback:nfgsm", "none", 1, "did you mean 'n-fgsm'"),
        ("rollback:n-fgsm,eps", "none", 1, "NAME=VALUE"),
        ("rollback:n-fgsm,", "none", 1, "NAME=VALUE"),
        ("rollback:n-fgsm,epz=1", "none", 1, "did you mean 'eps'"),
        ("rollback:n-fgsm,eps=1,eps=1", "none", 1, "twice"),
        ("rollback:n-fgsm,lr-scale=1,lr_scale=1", "none", 1, "twice"),
        ("rollback:n-fgsm,eps=8", "none", 1, "write 8/255, not 8"),
        ("rollback:n-fgsm,alpha=fast", "none", 1, "alpha must be a number"),
        ("alert", "zeroo:conv1=2", 1, "did you mean 'zero'"),
        ("alert", "zero", 1, "zero:LAYER=TOP"),
        (
            "alert",
            "zero:conv1",
            1,
            "'conv1' in --on-suspect zero is no NAME=VALUE; write it as",
        ),
        ("alert", "zero:conv1=2,", 1, "NAME=VALUE"),
        ("alert", "zero:=2", 1, "NAME=VALUE"),
        ("alert", "zero:conv1=0", 1, "--on-suspect zero: top must be in [1, "),
        ("alert", "zero:conv1=many", 1, "whole number"),
        ("alert", "zero:conv1=1,conv1=2", 1, "names conv1 twice"),
        ("alert", "set", 1, "set:KEY=VALUE"),
        ("alert", "set:mix_signs", 1, "NAME=VALUE"),
        ("alert", "set:mix_sings=1", 1, "did you mean 'mix_signs'"),
        ("alert", "set:mix_signs=2", 1, "mix_signs must be in [0, 1]"),
        ("alert", "set:eps=0.1,eps=0.2", 1, "names eps twice"),
        ("alert", "set:seed=1", 1, "cannot change while a run trains"),
        ("alert", "set:method=nfgsm", 1, "did you mean 'n-fgsm'"),
    ],
)
def test_a_malformed_policy_is_refused_with_what_to_do(on_co, on_suspect, limit, says):
    with pytest.raises(UserError) as caught:
        parse_policy(on_co, on_suspect, limit)
    assert says in str(caught.value)
