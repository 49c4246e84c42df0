"""Which changes of settings a resumed trainer makes again, and at which steps: the log decides."""

from collections.abc import Iterable
from dataclasses import replace

from selffit.control.ledger import Change, Ledger
from selffit.eventlog.records import Record


def replay_plan(
    log: Ledger | Iterable[Record], branch: str, from_step: int
) -> list[tuple[int, Change]]:
    """The changes of `branch` and its ancestors from `from_step` on, in the order to apply them.

    As (step, change). `from_step` is the step of the checkpoint that the trainer starts from.
    Changes at that very step are included: whether the checkpoint holds them or not, values are
    absolute and the last one wins. Changes that failed are not. Where steps were done twice (a
    crash, then a command while they were done again), a later decision replaces, setting by
    setting, what an earlier one did at later steps: so the end is always what the log says last,
    and no step is ever applied out of order.
    """
    ledger = log if isinstance(log, Ledger) else Ledger.fold(log)
    line = ledger.lineage(branch)
    ends = [child.base_step for child in line[1:]]
    plan: list[tuple[int, Change]] = []
    for here, end in zip(line, [*ends, None], strict=True):
        for change in _of_branch(ledger, here.name):
            if change.step >= from_step and (end is None or change.step <= end):
                plan.append((change.step, change))
    return plan


def _of_branch(ledger: Ledger, branch: str) -> list[Change]:
    """The changes of one branch by step, without what was overtaken."""
    kept: list[Change] = []
    for change in ledger.history:
        if change.branch != branch or change.failed:
            continue
        kept = [
            _without(earlier, change) if earlier.step > change.step else earlier for earlier in kept
        ]
        kept.append(change)
    return sorted((change for change in kept if change.new), key=lambda change: change.step)


def _without(earlier: Change, later: Change) -> Change:
    new = {name: value for name, value in earlier.new.items() if name not in later.new}
    return replace(earlier, new=new, old={name: earlier.old.get(name) for name in new})
