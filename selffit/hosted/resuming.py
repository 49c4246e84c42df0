"""The run that a loop is watched in: a new one, or one that another attempt at it goes on with.

By the rules for our own trainings: not while it may be alive, not after it has finished, under the
next number of an attempt, on the line of history that leads to the present. The loop restores its
own checkpoint; what the detectors knew there is what the log says that they were told until then.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.folder import root_of
from selffit.eventlog.liveness import here
from selffit.hosted.program import FILE
from selffit.run.again.rerun import Judge, Rules, blocks_of, heard_until
from selffit.run.folded.lineage import line_to
from selffit.run.folded.state import RunState
from selffit.run.folder.making import is_hosted
from selffit.run.folder.run_dir import RunDir
from selffit.run.resumable import taken_over
from selffit.train.monitor import Monitor as Measuring
from selffit.train.resume import read_past, wait_for_predecessors


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A start of somebody's loop: its run, held, its number, and what the log told before it.

    step: of the loop when it starts. id: of the checkpoint that it has loaded, "" where none was
    named. again: the run was there before.
    """

    run: RunDir
    number: int
    step: int = 0
    id: str = ""
    past: RunState = field(default_factory=RunState)
    again: bool = False


def attempt_at(
    runs: Path,
    name: str | None,
    info: Mapping[str, Any],
    stem: str,
    resume: int | str | None,
    take_over: bool,
) -> Attempt:
    """Make a run, or claim the next attempt of the one called `name`.

    resume: None for a new run, else the steps that the loop has done, or the id of the checkpoint
    that it has loaded; where there is no such run it begins at that step. Raises UserError where
    the run is alive, has finished, or is no loop's, and for a checkpoint that leads nowhere.
    """
    if isinstance(resume, int) and (isinstance(resume, bool) or resume < 0):
        raise UserError(f"resume={resume}: give the steps that the loop has done, from 0 on")
    if resume is None or name is None or not (runs / name).exists():
        if isinstance(resume, str):
            what = "name the run" if name is None else f"there is no run {name} in {runs}"
            raise UserError(f"resume={resume!r}: {what} to go on with")
        run = RunDir.create(runs, name, info, stem=stem).held()
        return Attempt(run=run, number=run.claim_attempt(here()), step=resume or 0)
    run = RunDir.open(runs / name).held()
    _check_is_a_loops(run)
    if isinstance(resume, str):
        _step_of(resume, read_past(run), run)  # before anything is claimed
    newest = taken_over(run, take_over=take_over, loops=True, hint="; watch it", tell=_say)
    number = run.claim_attempt(here(), after=newest)
    wait_for_predecessors(run)
    past = read_past(run)
    step, id = (resume, "") if isinstance(resume, int) else (_step_of(resume, past, run), resume)
    run.amend(info["config"])
    again = past.start is not None
    return Attempt(run=run, number=number, step=step, id=id, past=past, again=again)


def _check_is_a_loops(run: RunDir) -> None:
    with root_of(run.place) as folder:
        is_command = folder.holds(FILE)
    if is_command or not is_hosted(run.info()):
        raise UserError(
            f"run {run.name} is none that a Monitor has begun; choose another name for this one"
        )


def _step_of(id: str, past: RunState, run: RunDir) -> int:
    known = past.ledger.target(id) if id in past.ledger.checkpoints else None
    if known is None:
        ids = ", ".join(list(past.ledger.checkpoints)[-5:]) or "none"
        raise UserError(f"resume={id!r}: run {run.name} knows no such checkpoint; it has {ids}")
    if not past.line.holds(known.branch, known.step):
        raise UserError(
            f"resume={id!r} lies on a line of history that was left; run {run.name} goes on from a "
            f"checkpoint that leads to {past.ledger.branch}"
        )
    return known.step


def remember(measuring: Measuring, past: RunState, run: RunDir, branch: str, step: int) -> None:
    """Let the detectors know what they knew at a step of a branch, by what the log says."""
    judge = Judge(Rules.of(past))
    for _ in judge.hear(heard_until(past, blocks_of(run.place), branch, step)):
        pass
    measuring.detector.restore(judge.detector.state())
    measuring.divergence.restore(judge.divergence.state())
    measuring.explainer.restore(judge.diagnoser.state())
    measuring.pgd.value = None
    for event in heard_until(past, (), branch, step):
        if isinstance(event, kinds.RobustProbe):
            measuring.pgd.value = event.pgd
            measuring.summary.probed(event)
    line = line_to(past.ledger, branch, step)
    for alert in past.all(kinds.Alert):
        if alert.level == "onset" and line.holds(alert.branch, alert.step):
            measuring.summary.fell(alert.onset_step)


def _say(text: str) -> None:
    print(f"selffit: {text}", file=sys.stderr)
