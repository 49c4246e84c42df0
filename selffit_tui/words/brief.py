"""What happened in the few words that a strip has room for, from the numbers of the event."""

from collections.abc import Iterable

from selffit.eventlog import kinds
from selffit.eventlog.kinds import Event
from selffit.numbers import count, share
from selffit.run.judged.wording import cause_words, moved_words
from selffit.vocabulary import ONSET, SUSPECT, ended_badly, level_of
from selffit_tui.words.events import event_words


def news(events: Iterable[Event]) -> list[Event]:
    """The important ones of events in the order of time.

    A diagnosis that names what is known already is no news, nor is an end that is none to look at.
    """
    found: list[Event] = []
    disease = ""
    for event in events:
        if not event.KIND.important:
            continue
        if isinstance(event, kinds.Alert):
            disease = event.disease or disease
        elif isinstance(event, kinds.Diagnosis):
            if event.disease == disease:
                continue
            disease = event.disease
        elif isinstance(event, kinds.Exited) and not ended_badly(event.how):
            continue
        found.append(event)
    return found


def brief_words(event: Event) -> tuple[str, str, str]:
    """Return (short name, words, style) of an event; untrusted text, as the log has it."""
    if not isinstance(event, kinds.Alert):
        return event_words(event)
    level = level_of(event.level)
    name = level.label if level.serious else level.name
    words = event_words(event)[1].removeprefix(level.label).strip()
    if level is SUSPECT:
        words = next(iter(moved_words(event)), words)
    elif level is ONSET:
        words = _onset(event) or words
    return name, words, level.style


def _onset(event: kinds.Alert) -> str:
    """The fall in numbers, where the log has them."""
    best, pgd, fgsm = (event.evidence.get(name) for name in ("best", "pgd", "fgsm"))
    if best is None or pgd is None or fgsm is None:
        return ""
    parts = [cause_words(event.disease)] if event.disease else []
    parts.append(f"PGD {share(best)} → {share(pgd)} while FGSM {share(fgsm)}")
    if event.healthy_step is not None:
        parts.append(f"last healthy step {count(event.healthy_step)}")
    return "; ".join(parts)
