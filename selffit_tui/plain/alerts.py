"""Alerts as plain lines that stand out, each with what could be done about it."""

from collections.abc import Iterator

from selffit.eventlog import kinds
from selffit.numbers import count
from selffit.run.folded.state import RunState
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import cause_words
from selffit.vocabulary import level_of
from selffit_tui.words.next_steps import advice

NAME = 10  # cells of a level


def alert_lines(alert: kinds.Alert, state: RunState, run: str, live: bool) -> Iterator[str]:
    """The alert in a line, and where the run is still live a line with what to do.

    run: as it has to be typed.
    """
    level = level_of(alert.level)
    mark = "!!" if level.serious else "! "
    cause = cause_words(alert.disease)
    words = f"{cause}: {alert.text}" if cause else alert.text
    yield f"{mark} {level.label:<{NAME}}step {count(alert.about)}  {words}"
    if live and (what := advice(state, level.name, verdict(state), run)):
        yield f"→ {what}"
