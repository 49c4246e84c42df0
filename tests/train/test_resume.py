"""Killed and resumed: the same weights as if nothing had happened, or an honest word about what was
lost.
"""

import os
import shutil
import signal
from typing import Any

import pytest

from selffit.checkpoint.manifest import STATE
from selffit.errors import UserError
from selffit.eventlog.liveness import here
from selffit.train.resume import wait_for_predecessors
from selffit.train.stopping import ENDED_BY, StopSwitch

METHODS: dict[str, dict[str, Any]] = {
    "fgsm": {},
    "rs-fgsm": {"method": "rs-fgsm"},
    "n-fgsm": {"method": "n-fgsm"},
    "pgd": {"method": "pgd", "attack_steps": 2},
    "sgd-batchnorm": {
        "model": "preact-resnet18",
        "width": 4,
        "optimizer": "sgd",
        "momentum": 0.9,
        "lr_schedule": "triangular",
        "momentum_low": 0.8,
        "lr_read": "start",
        "last_batch": "keep",
        "weight_decay": 5e-4,
        "augment": "crop-flip",
        "shortcut": "raw",
        "train_images": 150,  # the last of five batches has 22 images
        "epochs": 1,
        "checkpoint_every": 2,
        "probe_every": 1000,
    },
}


def kill(trained):
    trained.kill()


@pytest.mark.parametrize("method", METHODS)
def test_killed_and_resumed_ends_with_the_same_bits(start, equal, method):
    settings = METHODS[method]
    whole = start(**settings).go()
    for step in (1, 4) if settings.get("epochs") == 1 else (3, 5, 8):
        assert equal(whole, start(**settings).go(at={step: kill}).go()), step


def test_every_step_may_be_the_last_before_a_kill(start, equal):
    whole = start(method="rs-fgsm", checkpoint_every=3).go()
    killed = start(method="rs-fgsm", checkpoint_every=3)
    for step in range(1, 10):
        killed.go(at={step: kill})
    assert equal(whole, killed.go())


def test_resuming_tells_where_from_and_what_was_lost(start):
    run = start().go(at={8: kill}).go()
    [(step, told)] = run.of("resumed")
    assert (step, told["ckpt"], told["lost_steps"]) == (5, "main-5", 2)  # what the log knew of
    assert [at for at, _ in run.of("steps")][-3:] == [5, 7, 9]


def test_without_a_checkpoint_training_begins_again(start, equal):
    run = start(keep=0).go(at={8: kill}).go()
    assert run.of("resumed")[0][1]["ckpt"] is None
    assert equal(start(keep=0).go(), run)


def harm_weights(folder):
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def tear(folder):
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize("harm", [harm_weights, tear, shutil.rmtree])
def test_a_damaged_newest_checkpoint_is_passed_over_and_named(start, equal, harm):
    settings = {"checkpoint_every": 2}
    run = start(**settings).go(at={7: kill})
    harm(run.run.ckpt / "main-6")
    run.go()
    [(_, told)] = run.of("resumed")
    assert told["ckpt"] == "main-4"
    assert [skip["id"] for skip in told["skipped"]] == ([] if harm is shutil.rmtree else ["main-6"])
    assert equal(start(**settings).go(), run)


def test_the_detector_remembers_across_a_kill(start):
    whole = start().go()
    run = start().go(at={8: kill}).go()
    assert run.session.monitor.detector.state() == whole.session.monitor.detector.state()
    assert run.summary == whole.summary


def test_a_checkpoint_after_a_kill_is_called_what_it_would_have_been(start):
    def saved(run):
        return {data["id"]: (data["pgd"], data["healthy"]) for _, data in run.of("ckpt.saved")}

    whole = start(checkpoint_every=2).go()
    assert saved(start(checkpoint_every=2).go(at={7: kill}).go()) == saved(whole)


def test_a_finished_run_cannot_be_resumed(start):
    run = start().go()
    run.ended("finished")
    with pytest.raises(UserError, match="has finished"):
        run.go()


def test_old_checkpoints_go_and_the_newest_stay(start):
    run = start(epochs=4, checkpoint_every=2, keep=2).go()
    kept = {path.name for path in run.run.ckpt.iterdir()}
    assert {"main-20", "main-18"} <= kept
    assert "main-2" not in kept
    pruned = [data["id"] for _, data in run.of("ckpt.pruned")]
    assert not kept & set(pruned)


def test_the_last_network_is_saved_however_seldom_checkpoints_are(start):
    saved = start(epochs=1, checkpoint_every=3).go().of("ckpt.saved")  # 5 steps an epoch
    assert [step for step, _ in saved] == [3, 5]
    assert start(epochs=1, keep=0).go().of("ckpt.saved") == []


def test_a_checkpoint_that_cannot_be_saved_is_told_of_and_training_goes_on(start):
    def block(trained):
        shutil.rmtree(trained.run.ckpt)
        trained.run.ckpt.write_text("a file is in the way")

    run = start().go(at={1: block})
    assert run.session.done == 10
    assert len(run.of("ckpt.failed")) == 2
    assert not run.of("ckpt.saved")


def test_a_checkpoint_that_is_older_than_a_setting_counts_as_saved_under_its_default(start, equal):
    def forget(run):
        run.session.settings.pop("mix_signs")

    whole = start().go()
    old = start().go(at={4: forget, 7: lambda t: t.kill()})
    saved = old.loop.checkpoints.read("main-5")
    assert b"mix_signs" not in saved.files[STATE]
    assert saved.state.settings["mix_signs"] == 0.0
    assert equal(old.go(), whole)


def test_a_trainer_that_was_taken_over_saves_no_more_checkpoints(start):
    def taken(trained):
        trained.run.claim_attempt(here())

    run = start(checkpoint_every=2).go(at={3: taken})
    assert run.stopped is not None and run.stopped.how == "superseded"
    assert "attempt 2 took over" in str(run.stopped)
    assert run.loop.checkpoints.store.ids() == ["main-2"]


def test_an_attempt_waits_for_the_one_that_it_took_over(start, monkeypatch):
    run = start().go(at={3: kill})
    seen = iter((True, True, None))
    asked = []

    def alive(identity):
        asked.append(identity)
        return next(seen, None)

    monkeypatch.setattr("selffit.train.resume.is_alive", alive)
    monkeypatch.setattr("selffit.train.resume.os.getpid", lambda: -1)
    wait_for_predecessors(run.run)
    assert len(asked) == 3
    seen = iter([True] * 100)
    wait_for_predecessors(run.run, seconds=0.1)  # but not for ever


@pytest.mark.parametrize(
    ("number", "how"),
    [(signal.SIGTERM, "stopped"), (signal.SIGUSR1, "preempted"), (signal.SIGUSR2, "preempted")],
)
def test_a_signal_saves_first_and_says_how_the_run_ends(start, equal, number, how):
    before = {one: signal.getsignal(one) for one in (signal.SIGHUP, *ENDED_BY)}
    stop = StopSwitch()
    stop.install()
    try:
        run = start().go(at={3: lambda trained: os.kill(os.getpid(), number)}, stop=stop)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert run.stopped is not None and (run.stopped.how, run.stopped.save) == (how, True)
    step = run.session.done
    assert [at for at, _ in run.of("ckpt.saved")] == [step]
    assert equal(start().go(), run.go())  # nothing was lost
    assert run.of("resumed")[0][1]["step"] == step
