"""Policies: how they are written, and which commands an alert calls for."""

from collections.abc import Sequence

import pytest

from selffit.control import lines
from selffit.control.admission import admit, new_settings
from selffit.control.commands import Command
from selffit.control.ledger import Ledger
from selffit.control.policy import parse_policy
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.kinds import Place, of_data

LAYERS = [{"name": "conv1", "channels": 16}, {"name": "layer1.0.conv2", "channels": 32}]


class Log:
    """What a trainer has decided so far, as its ledger."""

    def __init__(self) -> None:
        config = {"method": "fgsm", "holdout": 512}
        start = of_data("run.start", {"config": config, "layers": LAYERS}, Place())
        self.ledger = Ledger().after(start)

    def add(self, event: kinds.Event, step: int = 10) -> None:
        """Log an event on the active branch."""
        at = Place(self.ledger.branch, step)
        self.ledger = self.ledger.after(of_data(event.KIND.name, event.data(), at))

    def roll_back(self) -> None:
        """The policy rolls back, to the branch b1."""
        id = "c" + "1" * 20
        self.add(kinds.Applied(id=id, op="rollback", by="policy", onto="b1", args={}))

    def take(self, command: Command, channels: Sequence[int] = (3, 5)) -> str:
        """Decide a command as the trainer does.

        Returns the rule under which it is refused, '' when it is applied.
        """
        refusal = admit(command, self.ledger, command.t)
        if refusal is not None:
            self.add(lines.rejected(command, refusal))
            return refusal.rule
        if command.op == "zero":
            layer = {command.args["layer"]: {"channels": list(channels)}}
            new = {"zeroed": {**self.ledger.zeroed, **layer}}
        else:
            new = new_settings(command, self.ledger)
        self.add(lines.applied(self.ledger, command, new))
        return ""


@pytest.fixture
def log() -> Log:
    return Log()


def ops(commands):
    return [command.op for command in commands]


def test_the_default_policy_only_alerts(log):
    policy = parse_policy()
    assert [
        policy.reaction(level, log.ledger) for level in ("suspect", "onset", "recovered", "masked")
    ] == [[]] * 4


@pytest.mark.parametrize("action", ["pause", "stop"])
def test_an_onset_calls_for_the_action(log, action):
    policy = parse_policy(action)
    (command,) = policy.reaction("onset", log.ledger)
    assert (command.op, command.by) == (action, "policy")
    assert policy.reaction("suspect", log.ledger) == []


@pytest.mark.parametrize("action", ["probe", "checkpoint"])
def test_every_suspect_alert_calls_for_the_action(log, action):
    policy = parse_policy(on_suspect=action)
    for _ in range(3):
        (command,) = policy.reaction("suspect", log.ledger)
        assert command.op == action and log.take(command) == ""
    assert policy.reaction("onset", log.ledger) == []


def test_a_rollback_brings_method_and_settings_to_the_healthy_checkpoint(log):
    policy = parse_policy("rollback: n-fgsm, eps=8/255, alpha=1.25eps, lr-scale=0.5")
    (command,) = policy.reaction("onset", log.ledger, t=5.0)
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


def test_after_the_last_rollback_only_a_note_says_so(log):
    policy = parse_policy("rollback:n-fgsm", max_rollbacks=1)
    assert ops(policy.reaction("onset", log.ledger)) == ["rollback"]
    log.roll_back()
    (note,) = policy.reaction("onset", log.ledger)
    assert note.op == "note"
    assert "1 of max_rollbacks 1 are made" in note.args["text"]


# ---- a divergence --------------------------------------------------------------------------------
@pytest.mark.parametrize("action", ["pause", "stop"])
def test_a_divergence_calls_for_its_own_action_and_an_onset_for_none_of_it(log, action):
    policy = parse_policy(on_diverged=action)
    assert ops(policy.reaction("diverged", log.ledger)) == [action]
    assert policy.reaction("onset", log.ledger) == []
    assert parse_policy(action).reaction("diverged", log.ledger) == []


@pytest.mark.parametrize(
    ("written", "args"),
    [
        ("rollback", {}),
        ("rollback:n-fgsm", {"method": "n-fgsm"}),
        ("rollback: pgd, lr-scale=0.5", {"method": "pgd", "lr_scale": 0.5}),
        ("rollback:lr_scale=0.5", {"lr_scale": 0.5}),
        ("rollback:,lr_scale=0.5", {"lr_scale": 0.5}),
    ],
)
def test_after_a_divergence_a_roll_back_goes_to_what_was_sound_and_needs_no_method(
    log, written, args
):
    (command,) = parse_policy(on_diverged=written).reaction("diverged", log.ledger)
    assert command.args == {"to": "sound", "exact": False, **args}


def test_roll_backs_after_onsets_and_divergences_are_counted_together(log):
    policy = parse_policy("rollback:n-fgsm", max_rollbacks=1, on_diverged="rollback")
    log.roll_back()
    assert ops(policy.reaction("diverged", log.ledger)) == ["note"]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("rolback", "did you mean 'rollback'"),
        ("stop:now", "--on-diverged stop takes nothing after a colon"),
        ("rollback:nfgsm", "did you mean 'n-fgsm'"),
        ("rollback:n-fgsm,pgd", "NAME=VALUE; write it as rollback or rollback:[METHOD]"),
        ("rollback:lr_scle=1", "did you mean 'lr_scale'"),
        ("rollback:lr_scale=-1", "lr_scale"),
    ],
)
def test_a_malformed_policy_for_divergences_is_refused_with_what_to_do(written, says):
    with pytest.raises(UserError) as caught:
        parse_policy(on_diverged=written)
    assert says in str(caught.value)


# ---- changes on a suspicion ----------------------------------------------------------------------
def test_a_suspect_alert_may_zero_channels_in_several_layers(log):
    commands = parse_policy(on_suspect="zero: conv1=2, layer1.0.conv2=4").reaction(
        "suspect", log.ledger
    )
    assert [command.args for command in commands] == [
        {"layer": "conv1", "top": 2},
        {"layer": "layer1.0.conv2", "top": 4},
    ]
    assert {command.op for command in commands} == {"zero"} and {c.by for c in commands} == {
        "policy"
    }
    assert [log.take(command) for command in commands] == ["", ""]
    assert list(log.ledger.zeroed) == ["conv1", "layer1.0.conv2"]


def test_a_suspect_alert_may_change_settings(log):
    (command,) = parse_policy(on_suspect="set: mix-signs=0.3, method=n-fgsm").reaction(
        "suspect", log.ledger
    )
    assert (command.op, command.args) == ("set", {"mix_signs": 0.3, "method": "n-fgsm"})
    assert log.take(command) == ""
    assert (log.ledger.settings["mix_signs"], log.ledger.settings["method"]) == (0.3, "n-fgsm")


@pytest.mark.parametrize("on_suspect", ["zero:conv1=2,layer1.0.conv2=4", "set:mix_signs=0.3"])
def test_only_the_first_suspect_alert_of_a_branch_changes_anything(log, on_suspect):
    policy = parse_policy(on_suspect=on_suspect)
    for command in policy.reaction("suspect", log.ledger):
        log.take(command)
    assert policy.reaction("suspect", log.ledger) == []
    log.roll_back()
    assert log.ledger.branch == "b1"
    assert len(policy.reaction("suspect", log.ledger)) == on_suspect.count("=")


@pytest.mark.parametrize("change", ["zero:conv1=2,layer1.0.conv2=4", "set:mix_signs=0.3"])
def test_the_first_onset_of_a_branch_may_change_what_a_suspicion_may(log, change):
    policy = parse_policy(change, on_suspect=change)
    at_suspect = policy.reaction("suspect", log.ledger)
    for command in at_suspect:
        log.take(command)
    at_onset = policy.reaction("onset", log.ledger)
    assert [(c.op, c.args) for c in at_onset] == [(c.op, c.args) for c in at_suspect]
    for command in at_onset:
        log.take(command)
    assert policy.reaction("onset", log.ledger) == []
    assert policy.reaction("diverged", log.ledger) == []
    log.roll_back()
    assert len(policy.reaction("onset", log.ledger)) == change.count("=")


def test_what_a_person_has_undone_is_not_done_again(log):
    policy = parse_policy(on_suspect="zero:conv1=2")
    log.take(policy.reaction("suspect", log.ledger)[0])
    undone = kinds.Applied(id="c" + "0" * 20, op="unzero", by="ann", args={}, new={"zeroed": {}})
    log.add(undone, step=12)
    assert not log.ledger.zeroed and policy.reaction("suspect", log.ledger) == []


def test_a_change_that_is_refused_is_refused_once(log):
    policy = parse_policy(on_suspect="zero:conv9=2")
    (command,) = policy.reaction("suspect", log.ledger)
    assert log.take(command) == "bad-argument"
    assert policy.reaction("suspect", log.ledger) == []


def test_a_crash_between_two_layers_leaves_the_second_one_to_do(log):
    policy = parse_policy(on_suspect="zero:conv1=2,layer1.0.conv2=4")
    first, second = policy.reaction("suspect", log.ledger, t=1.0)
    log.take(first)
    assert [c.id for c in policy.reaction("suspect", log.ledger, t=2.0)] == [second.id]


def test_what_an_older_version_did_at_a_suspicion_is_not_done_again_after_a_resume(log):
    policy = parse_policy(on_suspect="suppress:conv1=2")
    # as version 0.1 named the command: policy, main, suppress, conv1, mode mask, top 2
    done = kinds.Applied(
        id="cf3030956279208a7f191",
        op="suppress",
        by="policy",
        args={"layer": "conv1", "channels": [0, 3], "mode": "mask"},
        new={"suppress": {"conv1": {"channels": [0, 3], "mode": "mask"}}},
    )
    log.add(done, step=12)
    assert log.ledger.zeroed == {"conv1": {"channels": [0, 3]}}
    assert policy.reaction("suspect", log.ledger) == []


# ---- what is written wrongly ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("on_co", "on_suspect", "limit", "says"),
    [
        ("paus", "none", 1, "did you mean 'pause'"),
        ("stop:now", "none", 1, "nothing after a colon"),
        ("zero", "none", 1, "'' in --on-co zero is no NAME=VALUE; write it as zero:LAYER=TOP"),
        ("zero:conv1=0", "none", 1, "--on-co zero: top must be in [1, "),
        ("set:mix_sings=1", "none", 1, "did you mean 'mix_signs'"),
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
