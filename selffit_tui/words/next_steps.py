"""What a person could type next: at an alert, and once a run has ended; each as it has to be typed.

`run` is the run as this person has to name it.
"""

from shlex import quote

from selffit.config import preset_names
from selffit.run.folded.state import RunState
from selffit.run.judged.answered import answered, wants_rollback
from selffit.run.judged.reacting import policy_words, the_policy
from selffit.run.judged.verdict import Verdict
from selffit.vocabulary import DIVERGED, ENDINGS, LOST, MASKED, ONSET
from selffit_tui.talk import typed

HOLDS = "n-fgsm"  # the cheapest method that held where others fell
SURER = "pgd"  # where it was that one
UNFINISHED = ("stopped", "preempted", "unsaved")


def method_that_holds(state: RunState) -> str:
    """The method to go on with after an onset."""
    return SURER if state.setting("method") == HOLDS else HOLDS


def advice(state: RunState, level: str, stands: Verdict, run: str) -> str:
    """What to do about an alert of a run that goes on, "" for nothing: a command, or a policy."""
    if level not in (ONSET.name, MASKED.name, DIVERGED.name):
        return ""
    policy, answer = the_policy(state), answered(state, stands)
    done = f"{answer.by}: {answer.text}" if answer is not None else ""
    if done and not wants_rollback(state, stands):
        return done
    if not done and policy is not None and policy.to(level)[0] != "alert":
        return f"policy: {policy_words(state, stands)}"
    command = _going_back(state, level, run)
    return f"{done}; {command}" if done else command


def _going_back(state: RunState, level: str, run: str) -> str:
    """The roll-back that is to be made, as it has to be typed; to stop where there is none."""
    saved = state.ledger.checkpoints.values()
    if level == DIVERGED.name and any(one.sound for one in saved):
        return typed(f"ctl {run} rollback --to sound --lr-scale 0.5")
    if level != DIVERGED.name and any(one.healthy for one in saved):
        return typed(f"ctl {run} rollback --to healthy --method {method_that_holds(state)}")
    return typed(f"ctl {run} stop")


def next_commands(
    state: RunState, word: str, stands: Verdict, run: str, *, preset: str = "", weights: bool = True
) -> list[str]:
    """Three commands after the end of a run, the most likely one first.

    preset: that it was started with, "" where that is not known; weights: its checkpoints are here.
    """
    ending = state.ending
    how = ending.how if ending is not None else word
    accident = word == LOST.word or (how in ENDINGS and ENDINGS[how].accident)
    found: list[str] = []
    if accident or how in UNFINISHED:
        found.append(f"train --resume {run}")
    if wants_rollback(state, stands):
        again = f"--preset {quote(preset)} " if preset in preset_names() else ""
        if stands.state == DIVERGED.name:
            found.append(f"train {again}--on-diverged rollback:lr_scale=0.5")
        else:
            found.append(f"train {again}--on-co rollback:{method_that_holds(state)}")
    if weights:
        found.append(f"diagnose {run}")
    if state.heard:  # else there is nothing to look at
        found += [f"detect {run}", f"watch {run}"]
    found.append("runs")
    return [typed(command) for command in found[:3]]
