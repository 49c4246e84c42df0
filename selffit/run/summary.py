"""What a run's state amounts to in a few words and numbers: for headers, `status` and `runs`."""

import math
from collections.abc import Mapping
from typing import Any

from selffit.eventlog.entries import Alert
from selffit.run.state import RunState
from selffit.vocabulary import LOST, STARTING, ending_word

# seconds without an event, the heartbeat included, before a run on another host is called silent
SILENT_AFTER = 30.0


def run_state_word(state: RunState, alive: bool | None, now: float) -> str:
    """The state of a run in one word.

    `alive` says whether the trainer's process exists (None: it runs on another host, so only its
    heartbeat can tell), `now` is the wall clock in seconds. `lost` means: the process is gone and
    nobody recorded why.
    """
    if state.ending is not None:
        return ending_word(state.ending.how)
    if state.restarting:
        return "restarting"
    if alive is False:
        return LOST.word
    if alive is None and now - state.t > SILENT_AFTER:
        return "silent"
    return state.phase or STARTING.word


def seconds_left(state: RunState) -> float:
    """Estimated seconds to the end of training from the pace of the last 30 blocks, probes
    included; NaN if unknown.
    """
    blocks = state.steps[-30:]
    if len(blocks) < 2 or not state.steps_total:
        return math.nan
    steps = blocks[-1].step - blocks[0].step
    if steps <= 0:
        return math.nan
    return max(0, state.steps_total - state.step) * (blocks[-1].t - blocks[0].t) / steps


def _json_number(value: Any) -> Any:
    """Plain JSON has no NaN: null stands for a number that is not known."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _alert_dict(alert: Alert) -> dict[str, Any]:
    return {
        "level": alert.level,
        "step": alert.step,
        "text": alert.text,
        "disease": alert.disease,
        "onset_step": alert.onset_step,
        "onset_low": alert.onset_low,
        "confidence": _json_number(alert.confidence),
        "n": alert.n,
        "evidence": {name: _json_number(value) for name, value in alert.evidence.items()},
        "healthy": None
        if alert.healthy_step is None
        else {"step": alert.healthy_step, "pgd": _json_number(alert.healthy_pgd)},
        "advice": alert.advice,
    }


def _selfinfo_dict(state: RunState) -> dict[str, Any] | None:
    """The newest self-information of the active branch and what was made of it; None where nothing
    was measured.
    """
    probe = next((entry for entry in reversed(state.selfs) if entry.branch == state.branch), None)
    if probe is None:
        return None
    named = next(
        (entry for entry in reversed(state.diagnoses) if entry.branch == state.branch), None
    )
    return {
        "step": probe.step,
        "n": probe.n,
        "index": _json_number(probe.index),
        "components": {name: _json_number(value) for name, value in probe.components.items()},
        "disease": named.disease if named else None,
        "onset_step": named.onset_step if named else None,
        "index_step": named.index_step if named else None,
        "lead": named.lead if named else None,
    }


def status_dict(state: RunState, word: str, now: float) -> Mapping[str, Any]:
    """What `selffit status --json` prints: JSON-able, unknown numbers are null, accuracies in [0,
    1].
    """
    probe = state.probes.last
    last = None
    if probe is not None:
        last = {
            "step": probe.step,
            "clean": _json_number(probe.clean),
            "fgsm": _json_number(probe.fgsm),
            "pgd": _json_number(probe.pgd),
            "n": probe.n,
            "eps": _json_number(probe.eps),
        }
    block = state.steps.last
    ending = state.ending
    return {
        "run": state.run,
        "state": word,
        "attempt": state.attempt,
        "branch": state.branch,
        "step": state.step,
        "steps_total": state.steps_total or None,
        "epoch": _json_number(round(state.epoch, 3)),
        "epochs": _json_number(state.config.get("epochs")),
        "eta_s": None if ending else _json_number(round(seconds_left(state), 1)),
        "img_s": _json_number(block.img_s) if block else None,
        "data_age_s": round(now - state.t, 1) if state.t else None,
        "last": last,
        "selfinfo": _selfinfo_dict(state),
        "alerts": [_alert_dict(alert) for alert in state.alerts],
        "settings": {
            name: _json_number(state.setting(name)) for name in ("method", "eps", "alpha", "lr")
        },
        "dropped": state.dropped,
        "log_faults": len(state.notices),
        "ending": {"how": ending.how, "text": ending.text, "stderr": list(ending.stderr)}
        if ending
        else None,
    }
