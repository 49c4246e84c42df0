"""Commands and policies in a real, tiny training: applied at a step, written down first, exactly
once.
"""

import time

import pytest

from selffit.control.commands import new_command
from selffit.control.submit import submit
from selffit.eventlog import kinds
from selffit.run.follow import Follower


def send(op, **args):
    return lambda trained: trained.send(op, **args)


def kill(trained):
    trained.kill()


def applied(trained):
    return [(step, data["op"], data["new"]) for step, data in trained.of("ctl.applied")]


def columns(trained, name):
    """The logged value of a signal at every step."""
    return {
        step + i: v for step, data in trained.of("steps") for i, v in enumerate(data["cols"][name])
    }


def test_a_change_of_settings_takes_effect_at_the_step_it_is_logged_at(start):
    run = start(eps_ramp=0, eps=0.16, lr_schedule="constant", lr_warmup=0, lr=0.01).go(
        at={4: send("set", eps="0.08", lr_scale="0.5")}
    )
    [(step, op, new)] = applied(run)
    assert (step, op, new["eps"], new["lr_scale"]) == (4, "set", 0.08, 0.5)
    assert columns(run, "eps")[3] == pytest.approx(0.16) and columns(run, "eps")[
        4
    ] == pytest.approx(0.08)
    assert columns(run, "lr")[3] == pytest.approx(0.01) and columns(run, "lr")[4] == pytest.approx(
        0.005
    )
    assert columns(run, "delta")[4] < 0.081 < columns(run, "delta")[3]


def test_the_log_line_comes_before_the_effect_and_after_the_steps_before(start):
    run = start().go(at={3: send("set", eps="0.08")})
    kinds = [
        (kind, step)
        for kind, step, _, _ in run.records
        if kind in ("steps", "ctl.received", "ctl.applied")
    ]
    at = kinds.index(("ctl.applied", 3))
    assert kinds[at - 1] == ("ctl.received", 3)
    assert kinds[at - 2] == ("steps", 2)
    assert kinds[at + 1] == ("steps", 3)


def test_a_new_method_is_trained_with_from_the_next_step(start, equal):
    switched = start(eps_ramp=0).go(at={0: send("set", method="n-fgsm")})
    assert equal(switched, start(eps_ramp=0, method="n-fgsm").go())


def test_a_refused_command_says_why_and_changes_nothing(start, equal):
    run = start().go(at={6: send("set", stop_epoch="0.5")})
    [(_, told)] = run.of("ctl.rejected")
    assert (told["rule"], "has passed" in told["reason"]) == ("out-of-range", True)
    assert equal(run, start().go())


def test_the_second_of_two_conflicting_commands_is_refused_and_names_the_first(start):
    def both(trained):
        trained.send("set", eps="0.1", expect=0)
        trained.send("set", eps="0.2", expect=0)

    run = start().go(at={3: both})
    assert [new["eps"] for _, _, new in applied(run)] == [0.1]
    [(_, told)] = run.of("ctl.rejected")
    assert told["rule"] == "stale"
    assert "test" in told["reason"]


def test_a_paused_run_waits_and_changes_nothing_by_it(start, equal):
    def pause(trained):
        trained.send("pause")
        trained.send("resume")

    run = start().go(at={4: pause})
    assert [op for _, op, _ in applied(run)] == ["pause", "resume"]
    assert equal(run, start().go())


def test_stop_probes_saves_and_ends_and_the_run_can_go_on_later(start, equal):
    run = start().go(at={4: send("stop")})
    assert run.stopped.how == "stopped"
    assert run.of("probe.robust")[-1][1]["why"] == "end"
    assert run.of("ckpt.saved")[-1][0] == 4
    run.ended("stopped")
    assert equal(run.go(), start().go())


def test_stop_now_ends_at_once(start):
    run = start().go(at={4: send("stop", now=True)})
    assert run.stopped.how == "stopped"
    assert not run.of("ckpt.saved")


def test_a_probe_and_a_checkpoint_on_request(start, equal):
    run = start().go(at={3: send("probe"), 4: send("checkpoint")})
    assert (3, "asked") in [(step, data["why"]) for step, data in run.of("probe.robust")]
    assert 4 in [step for step, _ in run.of("ckpt.saved")]
    assert equal(run, start().go())


def test_a_note_is_in_the_log(start):
    run = start().go(at={3: send("note", text="looks odd")})
    assert run.of("ctl.applied")[0][1]["args"] == {"text": "looks odd"}


def test_zeroed_channels_are_silent_until_unzeroed(start, equal):
    run = start(epochs=1).go(at={2: send("zero", layer="conv2", channels="0,3")})
    maps = run.session.setup.model.sites()["conv2"](run_maps(run))
    assert maps[:, [0, 3]].abs().max() == 0
    assert maps[:, 1].abs().max() > 0
    masked = start(epochs=1).go(
        at={2: send("zero", layer="conv2", channels="0,3"), 3: send("unzero")}
    )
    assert not equal(masked, start(epochs=1).go())
    assert run.session.settings["zeroed"] and not masked.session.settings["zeroed"]


def run_maps(run):
    import torch

    return torch.randn(4, 32, 7, 7).abs()


def test_zeroing_the_top_channels_names_the_most_dominant_ones(start):
    run = start().go(at={7: send("zero", layer="conv1", top="2")})
    [(_, _, new)] = applied(run)
    _, probe = next(entry for entry in run.of("probe.channels") if entry[0] == 5)
    dominance = probe["layers"][0]["dominance"]
    best = sorted(range(len(dominance)), key=lambda c: -dominance[c])[:2]
    assert new["zeroed"]["conv1"]["channels"] == sorted(best)


def test_a_roll_back_continues_on_a_new_branch_and_keeps_what_was(start):
    run = start().go(at={8: send("rollback", to="main-5", method="n-fgsm")})
    assert [(kind, step, branch) for kind, step, branch, _ in run.records if kind == "branch"] == [
        ("branch", 5, "b1")
    ]
    assert run.session.done == 10
    assert run.session.setup.config.method == "n-fgsm"
    branches = {branch for kind, _, branch, _ in run.records if kind == "steps"}
    assert branches == {"main", "b1"}
    assert (run.run.ckpt / "main-5").exists()


def test_a_run_that_was_finishing_trains_again_after_a_roll_back(start):
    run = start().go(at={10: send("rollback", to="main-5")})
    phases = [(data["name"], branch) for kind, _, branch, data in run.records if kind == "phase"]
    assert phases == [
        ("training", "main"),
        ("finishing", "main"),
        ("training", "b1"),
        ("finishing", "b1"),
    ]


def test_an_exact_roll_back_repeats_the_old_stream_and_a_plain_one_does_not(start, equal):
    whole = start(method="rs-fgsm").go()
    exact = start(method="rs-fgsm").go(at={8: send("rollback", to="main-5", exact=True)})
    plain = start(method="rs-fgsm").go(at={8: send("rollback", to="main-5")})
    assert equal(whole, exact)
    assert not equal(whole, plain)


@pytest.mark.parametrize("step", [6, 9])
def test_killed_on_a_branch_the_run_goes_on_there_with_the_same_bits(start, equal, step):
    back = {8: send("rollback", to="main-5", method="n-fgsm", exact=True)}
    whole = start(epochs=3, checkpoint_every=5).go(at=back)
    killed = start(epochs=3, checkpoint_every=5).go(at={8: lambda t: (back[8](t), later(t, step))})
    assert equal(whole, killed.go())


def later(trained, step):
    """Kill on the new branch, at a step that the old one has passed as well."""
    session, commander = trained.session, trained.loop.commander
    inner = commander.boundary

    def boundary():
        if session.log.branch == "b1" and session.done == step:
            trained.kill()
        inner()

    commander.boundary = boundary


def test_a_roll_back_from_a_roll_back(start):
    at = {8: send("rollback", to="main-5"), 9: send("rollback", to="main-5")}
    run = start(epochs=3).go(at=at)
    names = [data["name"] for _, data in run.of("branch")]
    assert names == ["b1", "b2"]
    assert run.session.log.branch == "b2"


def test_a_roll_back_to_a_damaged_checkpoint_is_refused_and_training_goes_on(start, equal):
    def harm(trained):
        trained.loop.checkpoints.collect(wait=True)
        (trained.run.ckpt / "main-5" / "state.json").write_text("{}")
        trained.send("rollback", to="main-5")

    run = start().go(at={8: harm})
    [(_, told)] = run.of("ctl.rejected")
    assert told["rule"] == "no-checkpoint"
    assert equal(run, start().go())


def test_changes_after_the_checkpoint_are_made_again_at_their_steps(start, equal):
    at = {
        6: send("set", eps="0.08", method="n-fgsm"),
        7: send("zero", layer="conv1", channels="1"),
    }
    whole = start().go(at=at)
    killed = start().go(at={**at, 9: kill}).go()
    assert equal(whole, killed)
    assert len(applied(killed)) == 2  # made again, not decided again


def test_a_command_received_before_a_kill_is_decided_once_after_it(start):
    def receive(trained):
        command = trained.send("set", eps="0.08")
        from selffit.control import lines

        trained.session.log.emit(lines.received(command), step=3)
        trained.kill()

    run = start().go(at={3: receive}).go()
    assert len(run.of("ctl.applied")) == 1
    assert len(run.of("ctl.received")) == 1
    assert not list(run.run.inbox.iterdir())


def onset(trained):
    """As if the detector had found one at this step, with step 5 the last healthy one."""
    healthy = kinds.Healthy(step=5, pgd=0.5)
    alert = kinds.Alert(level="onset", text="", onset_step=8, healthy=healthy)
    trained.session.log.emit(alert, step=trained.session.done)
    trained.loop.commander.requests.react("onset")


@pytest.fixture
def always_healthy(monkeypatch):
    from selffit.train.monitor import Monitor

    monkeypatch.setattr(Monitor, "healthy", property(lambda self: True))


def test_the_policy_rolls_back_to_the_healthy_checkpoint_and_switches_the_method(
    start, always_healthy
):
    run = start(on_co="rollback:n-fgsm,lr_scale=0.5").go(at={8: onset})
    [(step, op, new)] = applied(run)
    told = run.of("ctl.applied")[0][1]
    assert (step, op, told["by"], told["args"]["to"]) == (8, "rollback", "policy", "main-5")
    assert (new["method"], new["lr_scale"]) == ("n-fgsm", 0.5)


def test_a_roll_back_waits_for_the_checkpoint_that_is_being_saved(start, monkeypatch):
    from selffit.checkpoint.store import CheckpointStore

    write = CheckpointStore.write

    def slowly(*args, **kwargs):
        time.sleep(0.5)
        return write(*args, **kwargs)

    monkeypatch.setattr(CheckpointStore, "write", slowly)
    run = start().go(at={5: send("rollback", to="main-5")})
    assert [op for _, op, _ in applied(run)] == ["rollback"]


def test_the_policy_makes_no_more_roll_backs_than_it_may(start, always_healthy):
    run = start(epochs=4, on_co="rollback:n-fgsm", max_rollbacks=1).go(at={8: onset, 13: onset})
    assert [op for _, op, _ in applied(run)] == ["rollback", "note"]


def test_a_suspect_alert_may_save_a_checkpoint(start):
    run = start(on_suspect="checkpoint").go(
        at={7: lambda t: t.loop.commander.requests.react("suspect")}
    )
    assert "main-7" in [data["id"] for _, data in run.of("ckpt.saved")]


def suspect(trained):
    trained.loop.commander.requests.react("suspect")


def test_the_first_suspect_alert_of_a_branch_may_zero_dominant_channels_of_several_layers(start):
    run = start(on_suspect="zero:conv1=2,conv2=4").go(at={3: suspect, 7: suspect})
    masked = [
        (step, {layer: len(what["channels"]) for layer, what in new["zeroed"].items()})
        for step, _, new in applied(run)
    ]
    assert masked == [(3, {"conv1": 2}), (3, {"conv1": 2, "conv2": 4})]
    assert {data["by"] for _, data in run.of("ctl.applied")} == {"policy"}


def test_a_policy_that_names_no_layer_of_the_network_is_refused_once(start):
    run = start(on_suspect="zero:conv9=2").go(at={3: suspect, 7: suspect})
    [(step, told)] = run.of("ctl.rejected")
    assert (step, told["by"]) == (3, "policy") and "no layer 'conv9'" in told["reason"]


def test_a_suspect_alert_after_a_crash_does_not_repeat_what_the_policy_did(start, equal):
    straight = start(on_suspect="set:mix_signs=0.5").go(at={3: suspect, 7: suspect})
    assert [(step, new) for step, _, new in applied(straight)] == [(3, {"mix_signs": 0.5})]
    cut = start(on_suspect="set:mix_signs=0.5").go(at={3: suspect, 4: kill})
    cut.go(at={3: suspect, 7: suspect})
    assert len(applied(cut)) == 1 and equal(cut, straight)


def test_what_the_log_says_is_what_the_trainer_knew(start):
    at = {
        4: send("set", eps="0.08"),
        8: send("rollback", to="main-5", method="pgd", attack_steps="2"),
    }
    run = start(epochs=3).go(at=at)
    read = Follower.of(run.run).read_all().ledger
    assert read == run.session.log.ledger
    assert read.settings == run.session.settings


def send_now(trained, op, attempt=None, t=None, **args):
    command = new_command(op, args, by="test", attempt=attempt, t=t)
    submit(trained.run.path, command)
    return command


def test_a_command_is_over_with_the_attempt_that_it_was_meant_for(start):
    run = start().go(at={3: kill})
    stop = send_now(run, "stop", attempt=1)
    again = send_now(run, "set", attempt=2, eps="0.08")
    run.go()
    [(_, refused)] = run.of("ctl.rejected")
    assert (refused["id"], refused["rule"]) == (stop.id, "expired")
    assert (
        "meant for attempt 1" in refused["reason"] and "attempt 2 trains now" in refused["reason"]
    )
    [(_, done)] = run.of("ctl.applied")
    assert done["id"] == again.id
    assert run.stopped is None and run.session.done == 10


def test_a_command_of_an_older_version_is_for_the_attempt_that_was_there_when_it_was_sent(start):
    run = start().go(at={3: kill})
    old = send_now(run, "stop")  # nobody looked at it
    run.go(at={7: lambda trained: send_now(trained, "set", eps="0.08")})
    [(_, refused)] = run.of("ctl.rejected")
    assert (refused["id"], refused["rule"]) == (old.id, "expired")
    assert [data["op"] for _, data in run.of("ctl.applied")] == ["set"]


def test_a_first_attempt_takes_what_was_sent_before_it_began(start):
    run = start()
    send_now(run, "set", eps="0.08")
    assert [data["op"] for _, data in run.go().of("ctl.applied")] == ["set"]


def test_a_stop_that_its_attempt_did_not_live_to_carry_out_leaves_the_next_one_free(start):
    run = start().go()
    applied = kinds.Applied(id="c" + "0" * 20, op="stop", args={"now": False}, by="test")
    ledger = run.session.log.ledger.after(applied)
    assert ledger.stopping == "soon"
    assert ledger.after(run.session.setup.describe()).stopping == ""
