"""What a run's state amounts to in a few words and numbers: for headers, `status` and `runs`."""

import math
from dataclasses import asdict
from typing import Any

from selffit.detect.alone import alone
from selffit.eventlog import kinds
from selffit.eventlog.fields import without_nan
from selffit.run.folded.state import RunState
from selffit.run.judged.answered import answered
from selffit.run.judged.reacting import policy_words
from selffit.run.judged.trouble import troubles
from selffit.run.judged.verdict import explained, stands, verdict
from selffit.vocabulary import COPY


def seconds_left(state: RunState) -> float:
    """Return estimated seconds to the end of training; NaN if unknown.

    From the time that the newest steps of this attempt took on this branch: without probes, pauses,
    and what another attempt or branch did.
    """
    steps = 0
    seconds = 0.0
    blocks = state.blocks
    for index in range(len(blocks) - 1, max(-1, len(blocks) - 1 - kinds.PACE_BLOCKS), -1):
        attempt, branch, n, sec = blocks.timing(index)
        if attempt != state.attempt or branch != state.branch:
            break
        if math.isfinite(sec) and n > 0:
            steps += n
            seconds += sec
    if not steps or not state.last_step:
        return math.nan
    return max(0, state.last_step - state.step) * seconds / steps


def status_dict(state: RunState, word: str, now: float, ahead: float = 0.0) -> dict[str, Any]:
    """Return what `selffit status --json` prints: JSON-able, unknown numbers are null.

    Accuracies are in [0, 1]. `word`: the state in one word; `now`: wall clock in seconds of the
    machine that it runs on; `ahead`: seconds by which that one is ahead of ours.
    """
    block = state.last(kinds.Steps)
    ending = state.ending
    found: dict[str, Any] = without_nan(
        {
            "run": state.run,
            "state": word,
            "copy_of": state.run if word == COPY.word or state.copied else None,
            "attempt": state.attempt,
            "branch": state.branch,
            "step": state.step,
            "steps_total": state.steps_total or None,
            "epoch": round(state.epoch, 3) if math.isfinite(state.epoch) else None,
            "epochs": state.config.get("epochs"),
            "eta_s": None if ending else _rounded(seconds_left(state)),
            "img_s": block.img_s if block is not None else None,
            "data_age_s": data_age(state.heard, now),
            "clock_ahead_s": round(ahead, 1) or None,
            "last": _last(state),
            "verdict": verdict_dict(state),
            "selfinfo": _selfinfo(state),
            "channels": _channels(state),
            "alerts": [alert_dict(state, alert) for alert in state.all(kinds.Alert)],
            "settings": {name: state.setting(name) for name in SETTINGS},
            "checkpoints": {"saved": state.saves, "failed": state.failed_saves},
            "dropped": state.dropped,
            "log_faults": len(state.notices),
            "troubles": [
                {"name": one.name, "text": one.text, "serious": one.serious}
                for one in troubles(state)
            ],
            "ending": None
            if ending is None
            else {"how": ending.how, "text": ending.text, "stderr": list(ending.stderr)},
        }
    )
    return found


SETTINGS = ("method", "eps", "alpha", "lr")


def verdict_dict(state: RunState) -> dict[str, Any]:
    """Return the standing verdict for `--json`: state, cause, branch, since, first, policy, answer.

    answer: what was done about it, by anybody; None where nothing was.
    """
    found = verdict(state)
    answer = answered(state, found)
    return {
        "state": found.state,
        "cause": found.cause or None,
        "branch": found.branch,
        "since": found.since,
        "first": found.first or None,
        "policy": policy_words(state, found) or None,
        "answer": None if answer is None else without_nan({**asdict(answer), "text": answer.text}),
    }


def alert_dict(state: RunState, alert: kinds.Alert) -> dict[str, Any]:
    """Return an alert for `--json`: its data, where it was raised, and its newest cause.

    `stands`: whether it is about the active line; `first`: what the cause was first called.
    """
    cause, first = explained(state, alert) if alert.level == "onset" else ("", "")
    return {
        "level": alert.level,
        "step": alert.step,
        "branch": alert.branch,
        "stands": stands(alert, state.line),
        **{name: value for name, value in alert.data().items() if name != "level"},
        "disease": cause or alert.disease,
        "first": first or alert.disease,
    }


def data_age(t: float, now: float) -> float | None:
    """Return the seconds since the newest event, heard at the wall clock `t`; None if none."""
    return round(max(0.0, now - t), 1) if t else None


def _rounded(value: float) -> float | None:
    return round(value, 1) if math.isfinite(value) else None


def _last(state: RunState) -> dict[str, Any] | None:
    """The newest probe that stands."""
    probe = state.current(kinds.RobustProbe)
    if probe is None:
        return None
    names = ("step", "clean", "fgsm", "pgd", "n", "eps", "nonfinite")
    return {name: getattr(probe, name) for name in names}


def _selfinfo(state: RunState) -> dict[str, Any] | None:
    """The newest self-information that stands and what was made of it; None without any."""
    probe = state.current(kinds.SelfProbe)
    if probe is None:
        return None
    named = state.current(kinds.Diagnosis)
    return {
        "step": probe.step,
        "n": probe.n,
        "index": probe.index,
        "components": dict(probe.components),
        "disease": named.disease if named else None,
        "onset_step": named.onset_step if named else None,
        "index_step": named.index_step if named else None,
        "lead": named.lead if named else None,
    }


def _channels(state: RunState) -> dict[str, Any] | None:
    """The channels that alone carry FGSM accuracy, by the newest check that stands; None without.

    fgsm, pgd: changes without the channel; base: of the whole network.
    """
    probe = state.current(kinds.CausalProbe)
    if probe is None:
        return None
    return {
        "step": probe.step,
        "n": probe.n,
        "base": {"fgsm": probe.base.fgsm, "pgd": probe.base.pgd},
        "alone": [
            {
                "layer": one.layer,
                "channel": one.channel,
                "fgsm": round(one.fgsm - probe.base.fgsm, 5),
                "pgd": round(one.pgd - probe.base.pgd, 5),
            }
            for one in alone(probe)
        ],
    }
