"""Which disease an onset is: what its alert said, and what was diagnosed since."""

from selffit import vocabulary
from selffit.eventlog.entries import Alert, Diagnosis
from selffit.numbers import plural
from selffit.run.lineage import ActiveLine
from selffit.run.state import RunState
from selffit_tui.model.marks import mark_step


def diagnosis_of(alert: Alert, state: RunState, line: ActiveLine) -> Diagnosis | None:
    """The newest diagnosis of an onset on the active line, None before the first."""
    for diagnosis in reversed(state.diagnoses):
        if diagnosis.onset_step == mark_step(alert) and line.holds(
            diagnosis.branch, diagnosis.step
        ):
            return diagnosis
    return None


def disease_of(alert: Alert, newest: Diagnosis | None) -> str:
    """The disease as it is known now, '' where nothing was said about it."""
    return newest.disease if newest is not None else alert.disease


def disease_words(disease: str) -> str:
    """The disease as people read it beside an onset."""
    return disease if not disease or vocabulary.disease_of(disease).sure else f"disease {disease}"


def lead_words(lead: int | None) -> str:
    """Whether the self-fitting index moved before or after the onset, in plain words; `lead` in
    steps.
    """
    if lead is None:
        return "the index has not moved"
    if lead == 0:
        return "index moved with the onset"
    return f"index moved {plural(abs(lead), 'step')} {'before' if lead > 0 else 'after'} the onset"
