"""A real trainer process, killed at random moments: nothing is lost that was promised, nothing
happens twice.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from selffit.config import resolve
from selffit.control.commands import new_command
from selffit.control.ledger import Ledger
from selffit.control.submit import submit
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice
from selffit.run.folder.run_dir import RunDir

# A process that has torch loaded and forks a trainer for each run directory that it reads: starting
# one then takes milliseconds. It answers with the trainer's process id, and with its exit status
# when it has ended.
NURSERY = """
import os, sys
import torch
torch.set_num_threads(1)
torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)  # loads the rest of torch
import selffit.train.begin
from selffit.train.__main__ import main
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os._exit(main([line.strip()]))
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""
SETTINGS = {
    "train_images": 640,
    "batch_size": 32,
    "epochs": 40,
    "block_steps": 3,
    "holdout": 32,
    "probe_images": 32,
    "probe_steps": 1,
    "channel_images": 0,
    "self_images": 16,
    "causal_images": 0,
    "checkpoint_every": 7,
    "method": "rs-fgsm",
    "threads": 1,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def nursery():
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait()


def attempt(nursery, run, seconds=None, during=lambda: None):
    """One attempt; killed after `seconds`. Returns whether it ended by itself."""
    nursery.stdin.write(f"{run.path}\n")
    nursery.stdin.flush()
    child = int(nursery.stdout.readline())
    if seconds is not None:
        time.sleep(seconds)
        during()
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    status = int(nursery.stdout.readline())
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0, nursery.stderr.readline()
    return not os.WIFSIGNALED(status)


def new_run(root, name, **settings):
    return RunDir.create(
        root, name, {"config": resolve("patterns", {**SETTINGS, **settings}).as_dict()}
    )


def final_weights(run):
    """Id and hash of the newest checkpoint's network."""
    newest = max(
        run.ckpt.glob("[!.]*"),
        key=lambda path: (path.stat().st_mtime, int(path.name.split("-")[1])),
    )
    manifest = json.loads((newest / "manifest.json").read_text())
    return newest.name, manifest["files"]["model.safetensors"]["sha256"]


def read(run):
    reader, items = RunReader(run.path), []
    while new := reader.poll():
        items += new
    return items


def bombard(nursery, root, kills, seed):
    """A run under fire, with commands sent meanwhile; then left to finish. It is long enough for
    all the kills.
    """
    chance = random.Random(seed)
    run = new_run(root, f"bombed-{seed}")
    sent = []

    def meddle():
        if chance.random() < 0.5:
            commands: list[tuple[str, dict[str, Any]]] = [
                ("set", {"eps": chance.choice([0.05, 0.1, 0.15])}),
                ("set", {"method": chance.choice(["fgsm", "n-fgsm"])}),
                ("zero", {"layer": "conv2", "channels": [chance.randrange(32)]}),
                ("unzero", {}),
                ("checkpoint", {}),
                ("note", {"text": "hello"}),
            ]
            op, args = chance.choice(commands)
            sent.append(new_command(op, args, by="test"))
            submit(run.path, sent[-1])
        time.sleep(chance.uniform(0, 0.15))

    for killed in range(kills):
        assert not attempt(nursery, run, chance.uniform(0.02, 0.8), meddle), (
            f"finished after {killed} kills"
        )
    assert attempt(nursery, run)
    return run, sent


def check(run, sent, start):
    items = read(run)
    assert {item.kind for item in items if isinstance(item, Notice)} <= {"torn"}
    records = [item for item in items if not isinstance(item, Notice) and item.stream == "trainer"]
    decided = Counter(r.d["id"] for r in records if r.k in ("ctl.applied", "ctl.rejected"))
    assert all(decided[command.id] <= 1 for command in sent)
    late = [command.id for command in sent if not decided[command.id]]
    assert len(late) <= 1  # the last may have come when the run was over
    ledger = Ledger.fold(items)
    assert ledger.ended == "finished"
    assert not list(run.ckpt.glob(".tmp-*"))  # of saves that were killed
    # The same changes, made at the same steps in a run that nobody disturbs, end with the same
    # bits.
    changes = lasting([r for r in records if r.k == "ctl.applied" and r.d["new"]])
    calm = start(**SETTINGS)
    steps: dict[int, list] = {}
    for step, op, args in changes:
        steps.setdefault(step, []).append(
            (op, {name: value for name, value in args.items() if value is not None})
        )
    calm.go(
        at={
            step: lambda t, todo=todo: [t.send(op, **args) for op, args in todo]
            for step, todo in steps.items()
        }
    )
    assert calm.session.settings == ledger.settings
    assert final_weights(run) == final_weights(calm.run)


def lasting(applied):
    """Step, operation and arguments of what the last attempt did; `applied` in the log's order.

    Steps that a kill took back are done again. What is decided then takes the place of what had
    been decided, before the kill, for later steps.
    """
    kept: list[Any] = []
    for record in applied:
        names = set(record.d["new"])
        later = [one for one in kept if one.s > record.s and names & set(one.d["new"])]
        assert all(set(one.d["new"]) <= names for one in later)
        kept = [one for one in kept if one not in later]
        kept.append(record)
    return [(record.s, record.d["op"], record.d["args"]) for record in kept]


def test_a_run_killed_again_and_again_ends_as_if_left_alone(nursery, tmp_path, start):
    run, sent = bombard(nursery, tmp_path, kills=12, seed=1)
    check(run, sent, start)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 22))
def test_two_hundred_kills(nursery, tmp_path, start, seed):
    run, sent = bombard(nursery, tmp_path, kills=10, seed=seed)
    check(run, sent, start)
