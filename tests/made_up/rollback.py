"""The made-up run with checkpoints, and a roll-back that saves it. No training.

`with_checkpoints` is the run of `made_up.run` as a trainer that saves checkpoints logs it;
`rolled_back` goes on after the fall with a roll-back to a healthy checkpoint on branch b1.
"""

import random
from typing import Any

from made_up import run as synthetic
from selffit.control import lines
from selffit.control.admission import new_settings
from selffit.control.commands import Command, new_command
from selffit.control.ledger import Ledger
from selffit.eventlog import kinds
from selffit.eventlog.records import Record

SAVE_EVERY = 2 * synthetic.PROBE_EVERY
NEVER = 5_000  # a step of onset that is not reached
BY = "ann@lab"


class Log:
    """Records in the order of a log, and the ledger of them."""

    def __init__(self, records: list[Record]) -> None:
        self.records: list[Record] = []
        self.ledger = Ledger()
        self.branch = "main"
        for record in records:
            self.keep(record)

    def keep(self, record: Record) -> None:
        self.records.append(record)
        self.ledger = self.ledger.after(kinds.of_record(record))

    def emit(self, event: kinds.Event, step: int) -> None:
        """One more event of the trainer."""
        self.add(event.KIND.name, event.data(), step)

    def add(self, kind: str, data: dict[str, Any], step: int) -> None:
        """One more record of the trainer, 0.02 s after the last."""
        t = self.records[-1].t + 0.02
        self.keep(Record(1, 1, len(self.records) + 1, t, kind, self.branch, step, data))

    def ask(self, op: str, args: dict[str, Any], step: int, by: str = BY) -> Command:
        """A command is received and applied, or refused."""
        command = new_command(op, args, by=by, t=self.records[-1].t)
        self.emit(lines.received(command), step)
        if op == "rollback":
            target = self.ledger.target(command.args["to"])
            assert target is not None
            branch = self.ledger.next_branch()
            told = {**command.args, "to": target.id}
            new = new_settings(command, self.ledger)
            self.emit(lines.applied(self.ledger, command, new, branch=branch, args=told), step)
            self.branch = branch
            begun = kinds.BranchBegun(
                name=branch, parent=target.branch, base_step=target.step, ckpt=target.id
            )
            self.emit(begun, target.step)
        else:
            new = new_settings(command, self.ledger)
            self.emit(lines.applied(self.ledger, command, new), step)
        return command


def with_checkpoints(upto: int = 702) -> Log:
    """The run up to a step, with a checkpoint at every second probe."""
    log = Log([])
    for record in synthetic.records(upto):
        log.keep(record)
        if (
            record.k == "probe.robust"
            and record.s % SAVE_EVERY == 0
            and record.s
            and record.d["why"] == "interval"
        ):
            pgd = record.d["pgd"]
            saved = {
                "id": f"main-{record.s}",
                "step": record.s,
                "branch": "main",
                "pgd": pgd,
                "bytes": 2_134_000,
            }
            log.add("ckpt.saved", saved | {"healthy": pgd > 0.6}, record.s)
    return log


def rolled_back(upto: int = 702, then: int = 820) -> Log:
    """The run that fell, rolled back to its newest healthy checkpoint.

    The roll-back comes at step `upto`; the branch is trained to step `then`.
    """
    log = with_checkpoints(upto)
    log.ask("rollback", {"method": "n-fgsm"}, upto)
    rng = random.Random(11)
    base = log.ledger.branches["b1"].base_step
    for step in range(base, then + 1):
        if step % synthetic.PROBE_EVERY == 0:
            log.add(
                "probe.robust",
                synthetic.probe(step, NEVER, rng, "branch" if step == base else "interval"),
                step,
            )
            log.add("probe.channels", synthetic.channel_probe(step, NEVER), step)
        first = step - synthetic.BLOCK
        if first >= base and (step - base) % synthetic.BLOCK == 0:
            rows = [synthetic.signals(s, NEVER, rng) for s in range(first, step)]
            cols = {key: [row[key] for row in rows] for key in rows[0]}
            timing = {"img_s": 6380.0, "sec": 0.4, "epoch": step / synthetic.STEPS_PER_EPOCH}
            log.add("steps", {"n": len(rows), "cols": cols, **timing}, first)
    return log
