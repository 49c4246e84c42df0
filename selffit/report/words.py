"""What the diagnosis of several networks comes to, in plain words."""

from selffit.numbers import count, plural
from selffit.report.findings import Findings
from selffit.vocabulary import DIVERGED, WEAKENED

NOT_FALLEN = "not fallen"
_NO_COLLAPSE = (DIVERGED.name, WEAKENED.name)  # of another kind than catastrophic overfitting
TYPICAL_SHARE = 0.1  # of a stage's channels, where only one is shown


def verdict_word(found: Findings) -> str:
    """The disease, or that there is none to speak of."""
    return found.diagnosis.disease if found.diagnosis is not None else NOT_FALLEN


def lead_sentence(found: list[Findings]) -> str:
    """When the index became clear, and how far that lies before or after the onset.

    Both are known at probes only.
    """
    told = [one.diagnosis for one in found if one.diagnosis is not None]
    diagnosis = next((d for d in reversed(told) if d.disease not in _NO_COLLAPSE), None)
    if diagnosis is None and told:
        names = [one.disease for one in told]
        counts = [f"{names.count(name)} {name}" for name in _NO_COLLAPSE if name in names]
        return f"No collapse; of {plural(len(found), 'network')}: {', '.join(counts)}."
    if diagnosis is None:
        return "Robust accuracy has not fallen in any of these networks."
    onset = (
        "the onset is not in a log"
        if diagnosis.onset_step is None
        else f"onset at step {count(diagnosis.onset_step)}"
    )
    if diagnosis.index_step is None:
        return f"{onset.capitalize()}; the self-fitting index is not clear."
    index = f"the self-fitting index is clear from step {count(diagnosis.index_step)} on"
    if diagnosis.lead is None:
        return f"{index.capitalize()}; {onset}."
    where = "with it"
    if diagnosis.lead:
        side = "before" if diagnosis.lead > 0 else "after"
        where = f"{plural(abs(diagnosis.lead), 'step')} {side} it"
    return f"{onset.capitalize()}; {index}, {where} (as far as probes tell)."
