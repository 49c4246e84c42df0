"""Self-information before and after an onset, as on `patterns`; the light set, and full ones."""

from made_up.looks import plain_text
from selffit_tui.model.scene import View

ONSET, EVERY = 620, 62
FULL_SETS = (310, 620)
DOSES = [i / 8 for i in range(13)]
SHARES = [0.0, 0.25, 0.5, 0.75, 1.0]
HEALTHY = {
    "clean": 0.72,
    "own": 0.31,
    "signs": 0.70,
    "abnormal": 0.0,
    "swap": 0.06,
    "carrier_grey": 0.10,
}
HEALTHY |= {"conflict_self": 0.02, "conflict_data": 0.66}
FALLEN = {
    "clean": 0.57,
    "own": 0.95,
    "signs": 0.56,
    "abnormal": 0.98,
    "swap": 0.12,
    "carrier_grey": 0.82,
}
FALLEN |= {"conflict_self": 0.37, "conflict_data": 0.47, "other": 0.28, "gap": 0.67}
ONLY_FULL = {
    "shuffled": 0.52,
    "carrier_mean": 0.79,
    "carrier_noise": 0.23,
    "p_abnormal": 0.83,
    "p_dominate": 0.44,
}
DOSE_HEALTHY = [0.72 - 0.33 * k for k in DOSES]
DOSE_FALLEN = [0.57, 0.42, 0.31, 0.24, 0.21, 0.33, 0.62, 0.86, 0.95, 0.96, 0.94, 0.9, 0.85]
MIX_HEALTHY, MIX_FALLEN = [0.31, 0.41, 0.53, 0.63, 0.70], [0.95, 0.78, 0.34, 0.43, 0.56]


def self_data(step, full=False, fallen=None, **more):
    """The data of a `probe.self` record: as on `patterns` before and after the fall."""
    fallen = step >= ONSET if fallen is None else fallen
    data = {
        "n": 512 if full else 128,
        "full": full,
        "why": "interval",
        "eps": 0.16,
        "attack": "fgsm",
    }
    data |= {"values": dict(FALLEN if fallen else HEALTHY), "dose": None, "mix": None, "sec": 0.2}
    data |= {"reference": {"step": 558, "branch": "main"} if fallen else None}
    data |= {"index": 0.59 if fallen else 0.02}
    data |= {
        "components": {"carrier": 0.80, "conflict": 0.44, "abnormal": 0.98, "swap": 0.02}
        if fallen
        else {}
    }
    if full:
        data["values"] |= ONLY_FULL if fallen else dict.fromkeys(ONLY_FULL, 0.11)
        data["dose"] = {"k": DOSES, "acc": DOSE_FALLEN if fallen else DOSE_HEALTHY}
        data["mix"] = {"share": SHARES, "acc": MIX_FALLEN if fallen else MIX_HEALTHY}
    return data | more


def diagnosis_data(lead=62, disease="self-fitting"):
    index_step = None if lead is None else ONSET - lead
    found = {
        "disease": disease,
        "text": "it reads itself",
        "index": 0.59,
        "components": {},
        "evidence": {},
    }
    return found | {"onset_step": ONSET, "index_step": index_step, "lead": lead}


def run_records(made_up, record, upto=702, **settings):
    """The start of a run, its probes (light, and full at FULL_SETS), an onset alert and a
    diagnosis.
    """
    start = made_up.run_start()
    start["config"] = {**start["config"], **settings}
    items = [record("run.start", start)]
    for step in range(EVERY, upto + 1, EVERY):
        items.append(record("probe.self", self_data(step, step in FULL_SETS), step))
        if step == ONSET:
            items.append(
                record(
                    "alert", {"level": "onset", "onset_step": step, "disease": "self-fitting"}, step
                )
            )
            items.append(record("diagnosis", diagnosis_data(), step))
    return items


def alone(panel="self", cursor=None):
    return View(panel=panel, cursor=cursor)


def row(lines, name):
    """The line of that name."""
    return next(line for line in plain_text(lines).splitlines() if line[1:].startswith(f" {name} "))
