"""A training that comes apart: the alert, what is done about it, and what is gone on from."""

import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from selffit.config import resolve
from selffit.control.ledger import Ledger
from selffit.control.policy import parse_policy
from selffit.detect import ProbePoint
from selffit.detect.divergence import OF_STEPS
from selffit.eventlog.liveness import here
from selffit.run.folded.word import state_word
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.judged.verdict import verdict
from selffit.train import checkpoints
from selffit.train.__main__ import Trainer
from selffit.train.requests import Requests
from selffit.train.stopping import StopSwitch

SGD = {"optimizer": "sgd", "clip_grad": 0, "eps_ramp": 0, "lr_warmup": 0, "lr_schedule": "constant"}
ILL = {**SGD, "lr": 100.0, "input_scale": 1.0}  # NaN from its fifth step on


@pytest.fixture
def quick(start):
    """Make a run that measures robust accuracy only."""
    return lambda **settings: start(**{"channel_images": 0, "self_images": 0, **settings})


def poison(trained):
    """What an overflow does to the weights."""
    with torch.no_grad():
        next(trained.session.setup.model.parameters()).view(-1)[0] = math.nan


def kill(trained):
    trained.kill()


def alerts(trained):
    return [(step, data) for step, data in trained.of("alert") if data["level"] == "diverged"]


def saved(trained):
    return [data["id"] for _, data in trained.of("ckpt.saved")]


def stands(trained):
    return verdict(Follower.of(trained.run).read_all())


# ---- the alert -----------------------------------------------------------------------------------
def test_a_learning_rate_that_is_far_too_large_is_told_of_with_its_evidence(start):
    run = start(**ILL, epochs=1).go()
    [(step, told)] = alerts(run)
    assert (step, told["n"], told["evidence"]) == (5, 32, {"nonfinite": 32.0})
    assert 0 <= told["onset_low"] < told["onset_step"] < 5
    assert "answers not finite for 32 of 32 images" in told["text"]
    assert "smaller learning rate" in told["advice"]
    assert stands(run).state == "diverged"


def test_a_loss_that_is_not_finite_alerts_within_a_block_and_a_probe_looks_at_once(start):
    run = start(block_steps=1).go(at={6: poison})
    [(step, told)] = alerts(run)
    assert (step, told["onset_step"], told["onset_low"]) == (8, 6, 5)
    assert told["text"] == "training has diverged: its loss is NaN since step 6"
    probes = {at: data for at, data in run.of("probe.robust")}
    assert probes[9]["why"] == "suspicion"
    for data in (probes[9], probes[10]):
        assert data["nonfinite"] == data["n"] == 32
        assert all(math.isnan(data[name]) for name in ("clean", "fgsm", "pgd"))
    assert not probes[5]["nonfinite"]


def test_nothing_else_is_measured_of_a_network_whose_answers_are_not_finite(start):
    run = start().go(at={6: poison})
    for kind in ("probe.self", "probe.channels", "probe.strong", "probe.images"):
        assert not [step for step, _ in run.of(kind) if step > 6], kind
    of_steps = {step: data["cols"] for step, data in run.of("steps")}
    for name in ("loss_adv", "acc_adv", "abnormal"):
        assert all(math.isnan(value) for value in of_steps[9][name]), name


def test_a_healthy_training_is_not_told_of(start):
    assert not alerts(start(epochs=4).go())


def test_a_training_that_catches_itself_is_told_so(quick):
    def judge(trained, step, accuracy):
        point = ProbePoint(step, accuracy, accuracy, accuracy, 512)
        trained.session.monitor.judge_divergence(point)

    def fall_and_rise(trained):
        for step, accuracy in ((1, 0.8), (2, 0.1), (3, 0.1), (4, 0.8), (5, 0.8)):
            judge(trained, step, accuracy)

    run = quick().go(at={6: fall_and_rise})
    assert [(s, d["level"]) for s, d in run.of("alert")] == [(3, "diverged"), (5, "recovered")]
    assert stands(run).state == "recovered"
    assert not run.of("ckpt.saved")[-1][1]["diverged"]


# ---- checkpoints ---------------------------------------------------------------------------------
def test_what_is_not_finite_is_not_saved_and_the_last_finite_checkpoint_stays(quick):
    run = quick(checkpoint_every=1, keep=1, epochs=4).go(at={7: poison})
    assert saved(run)[-1] == "main-7"
    told = [data for _, data in run.of("ckpt.failed")]
    assert [data["id"] for data in told][:2] == ["main-8", "main-9"]
    assert all("is not finite" in data["reason"] for data in told)
    assert "main-7" in {path.name for path in run.run.ckpt.iterdir()}


@pytest.mark.parametrize("step", [8, 10])
def test_a_resumed_run_goes_on_from_the_newest_finite_checkpoint(quick, equal, step):
    settings = {"checkpoint_every": 2}
    run = quick(**settings).go(at={7: poison, step: kill})
    run.go()
    [(_, told)] = run.of("resumed")
    assert told["ckpt"] == "main-6" and not told["skipped"]
    assert equal(run, quick(**settings).go())
    assert stands(run).state != "diverged"


def test_a_checkpoint_that_an_older_version_saved_is_set_aside_and_saved_anew(
    quick, equal, monkeypatch
):
    run = quick(checkpoint_every=2)
    with monkeypatch.context() as older:
        older.setattr(checkpoints, "_check_finite", lambda content: None)
        run.go(at={5: poison, 7: kill})
    assert saved(run)[-1] == "main-6"
    run.go()
    [(_, told)] = run.of("resumed")
    assert told["ckpt"] == "main-4"
    [skipped] = told["skipped"]
    assert skipped["id"] == "main-6" and "is not finite" in skipped["reason"]
    assert (run.run.ckpt / ".damaged-main-6").is_dir()
    assert equal(run, quick(checkpoint_every=2).go())
    shutil.rmtree(run.run.ckpt / ".damaged-main-6")
    assert run.loop.checkpoints.store.verify("main-6")


def test_checkpoints_from_after_a_divergence_that_is_finite_are_neither_healthy_nor_sound(quick):
    def explode(trained):
        with torch.no_grad():
            for weight in trained.session.setup.model.parameters():
                weight.mul_(100.0)

    run = quick(**SGD, lr=1e-7, checkpoint_every=10, epochs=20, keep=2).go(at={15: explode})
    [(step, told)] = alerts(run)
    assert (told["onset_step"], told["onset_low"]) == (15, 14)
    assert step == 15 + OF_STEPS.far - 1
    assert (
        told["evidence"]["loss_adv"]
        > told["evidence"]["loss_bound"]
        == pytest.approx(2 * math.log(10), rel=1e-4)
    )
    known = run.session.log.ledger.checkpoints
    assert "main-10" in known and known["main-10"].sound  # pinned, though two newer ones are kept
    assert [c.id for c in known.values() if c.sound] == ["main-10"]
    assert not any(c.healthy for c in known.values() if c.step > 14)
    assert run.session.log.ledger.target("sound").id == "main-10"


# ---- the policy ----------------------------------------------------------------------------------
def test_the_policy_pauses_at_a_divergence(quick):
    def go_on(trained):
        trained.send("resume")

    run = quick(on_diverged="pause", block_steps=1)
    hold = []

    def watch(trained):
        commander = trained.loop.commander
        before = commander._hold

        def held():
            hold.append(trained.session.done)
            go_on(trained)
            before()

        commander._hold = held

    run.go(at={6: poison, 7: watch})
    assert hold == [9]
    (step, told), *_ = run.of("ctl.applied")
    assert (step, told["op"], told["by"]) == (9, "pause", "policy")


def test_the_policy_stops_at_a_divergence_and_the_run_goes_on_from_before_it(quick, equal):
    run = quick(on_diverged="stop", block_steps=1).go(at={6: poison})
    assert (run.stopped.how, str(run.stopped)) == ("stopped", "stopped by policy")
    assert run.session.done == 9
    assert stands(run).state == "diverged"
    run.ended("stopped")
    assert equal(run.go(), quick(on_diverged="stop", block_steps=1).go())


@pytest.mark.parametrize(
    ("policy", "method", "scale"),
    [
        ("rollback", "fgsm", 1.0),
        ("rollback:pgd,lr-scale=0.25", "pgd", 0.25),
    ],
)
def test_the_policy_goes_back_to_the_last_finite_checkpoint_before_it(quick, policy, method, scale):
    run = quick(on_diverged=policy, block_steps=1, checkpoint_every=1).go(at={7: poison})
    [(step, told)] = run.of("ctl.applied")
    # main-7, made before the weights were poisoned there, leads to a loss that is not finite
    assert (step, told["op"], told["by"], told["args"]["to"]) == (
        10,
        "rollback",
        "policy",
        "main-6",
    )
    assert run.session.done == 10 and run.session.log.branch == "b1"
    assert run.session.settings["method"] == method
    assert run.session.settings["lr_scale"] == scale
    assert all(torch.isfinite(weight).all() for weight in run.weights)
    found = stands(run)
    assert found.state == "rolled back" and found.rollback.diverged.about == 7
    assert not found.fallen


def test_without_a_finite_checkpoint_a_roll_back_is_refused_and_says_why(quick):
    run = quick(on_diverged="rollback", block_steps=1, keep=0).go(at={6: poison})
    [(_, told)] = run.of("ctl.rejected")
    assert told["rule"] == "no-checkpoint" and "before the divergence" in told["reason"]


def test_a_policy_for_onsets_does_nothing_at_a_divergence(quick):
    run = quick(on_co="rollback:n-fgsm", on_suspect="probe").go(at={6: poison})
    assert alerts(run) and not run.of("ctl.applied")


# ---- the end -------------------------------------------------------------------------------------
def test_a_run_that_ends_diverged_has_not_finished(tmp_path: Path):
    small = {"train_images": 64, "batch_size": 32, "epochs": 3, "threads": 1, "device": "cpu"}
    probes = {"holdout": 32, "probe_images": 32, "probe_steps": 1, "channel_images": 0}
    config = resolve("patterns", {**small, **probes, "self_images": 0, **ILL})
    run = RunDir.create(tmp_path, "ill", {"config": config.as_dict()})
    assert Trainer(run, run.claim_attempt(here()), StopSwitch()).main() == 4
    state = Follower.of(run).read_all()
    assert state.ending is not None and state.ending.how == "diverged"
    assert state_word(state, False, state.t) == "diverged"
    assert verdict(state).state == "diverged"


def test_an_onset_beside_a_divergence_calls_for_no_second_rollback(tmp_path):
    run = RunDir.create(tmp_path, "r", {})
    policy = parse_policy("rollback:n-fgsm", on_diverged="rollback")
    log: Any = SimpleNamespace(ledger=Ledger())
    requests = Requests(run, log, policy, 1)
    requests.react("diverged")
    requests.react("onset")
    first, second = requests.take_waiting(), requests.take_waiting()
    assert first is not None and second is not None
    assert (first.op, second.op) == ("rollback", "note") and requests.take_waiting() is None
    assert first.args == dict(policy.rollback_diverged)
    assert "no second roll-back for onset" in second.args["text"]
