"""What a checkpoint keeps of a session, also one of an older selffit; what killed saves leave."""

import json
import subprocess
from pathlib import Path

import msgspec
import pytest
from made_up.store import Store

from selffit.checkpoint.manifest import STATE
from selffit.eventlog.liveness import ProcessIdentity, for_pid, here
from selffit.eventlog.writer import EventWriter

FIELDS = {"format", "step", "branch", "attempt", "version", "settings", "optimizer"}
PARTS = {"detector", "divergence", "explainer", "summary", "pgd"}


def kill(trained):
    trained.kill()


def rewrite(run, id: str, change) -> None:
    """Put another state.json into a checkpoint, with a manifest to match."""
    store = Store(run.ckpt.parent, 1, reserve=0)
    _, files = store.read(id)
    state = json.loads(files[STATE])
    change(state)
    (store.path / id).rename(store.path / f".damaged-{id}")
    store.write(id, {**files, STATE: json.dumps(state).encode()})


def test_state_json_holds_the_fields_and_the_parts_by_their_names(start):
    run = start(epochs=1).go()
    state = json.loads((run.run.ckpt / "main-5" / STATE).read_text())
    assert set(state) == FIELDS | PARTS
    assert state["pgd"] == run.of("probe.robust")[-1][1]["pgd"]


def test_a_checkpoint_with_fields_that_nobody_knows_is_resumed_from(start, equal):
    whole = start().go()
    old = start().go(at={7: kill})
    rewrite(old.run, "main-5", lambda state: state.update(rng={}, elsewhere=[1]))
    assert equal(old.go(), whole)
    assert old.of("resumed")[0][1]["ckpt"] == "main-5"
    assert old.summary == whole.summary


@pytest.mark.parametrize("part", ["explainer", "summary", "pgd"])
def test_a_part_that_is_newer_than_the_checkpoint_begins_anew(start, equal, part):
    old = start().go(at={7: kill})
    rewrite(old.run, "main-5", lambda state: state.pop(part))
    fresh = {}
    old.go(at={5: lambda t: fresh.update({part: t.session._parts[part].state()})})
    assert old.of("resumed")[0][1]["ckpt"] == "main-5"
    assert fresh[part] == old.session._beginning[part]
    assert equal(old, start().go())


# ---- temporary folders ---------------------------------------------------------------------------
@pytest.fixture
def dead() -> ProcessIdentity:
    """A process that has run on this machine and runs no more."""
    process = subprocess.Popen(["sleep", "60"])
    identity = for_pid(process.pid)
    process.kill()
    process.wait()
    assert identity is not None
    return identity


def half_saved(run, trainer: ProcessIdentity) -> Path:
    """An attempt by this process that was cut short while it saved: the folder that it left."""
    attempt = run.claim_attempt(here())  # as a supervisor does, which lives on
    EventWriter(run.path, "trainer", attempt, opening=trainer.as_data()).close("cut short")
    folder = run.ckpt / f".tmp-{attempt:06d}-main-5"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"half")
    return folder


def test_what_a_killed_save_left_is_gone_once_the_next_attempt_has_begun(start, dead):
    run = start()
    folders = [half_saved(run.run, dead), half_saved(run.run, dead)]
    seen: list[bool] = []
    run.go(at={0: lambda _: seen.extend(folder.exists() for folder in folders)})
    assert seen == [False, False]


def test_the_save_of_a_trainer_that_lives_or_may_live_is_left_alone(start, dead):
    run = start()
    elsewhere = msgspec.structs.replace(dead, host="another-machine")
    living, unknown = half_saved(run.run, here()), half_saved(run.run, elsewhere)
    run.go()
    assert living.exists() and unknown.exists()


def test_an_attempt_without_a_log_counts_as_alive(start):
    run = start()
    folder = run.run.ckpt / f".tmp-{run.run.claim_attempt(here()):06d}-main-5"
    folder.mkdir()
    run.go()
    assert folder.exists()
