"""The end card of a run: what happened, the best and the last of it, where it lies, what now.

Shown on the screen when a run ends, and printed where a view of an ended run is left: the last
thing that is read should not be the newest line of a log.
"""

import math
from dataclasses import dataclass

from rich.cells import cell_len

from selffit.eventlog import kinds
from selffit.numbers import budget, count, duration, known, plural, share
from selffit.run.folded.state import RunState
from selffit.run.judged.answered import answered
from selffit.run.judged.trouble import troubles
from selffit.run.judged.verdict import Verdict, stands, verdict
from selffit.run.judged.wording import not_finite, sentence
from selffit.vocabulary import ACCURACY, LEVELS, LOST, state_of
from selffit_tui.draw.format import wrap
from selffit_tui.draw.spans import Line
from selffit_tui.words.next_steps import next_commands

LABEL = 8  # cells of the words at the left
WIDTH = 76  # cells of a card
MOST_LEFT = 2  # alerts that were left behind, of which each is said
SAME_BUDGET = 1e-4


@dataclass(frozen=True, kw_only=True)
class Place:
    """What the log does not tell.

    name: of the run's folder; run: as it has to be typed; folder: where it lies, as shown; preset:
    that it was started with; weights: its checkpoints are there.
    """

    name: str
    run: str
    folder: str
    preset: str = ""
    weights: bool = True


Row = tuple[str, str, str]  # label, words, style


def title(state: RunState, word: str, name: str) -> Row:
    """How and after how long: `("", words, style)`."""
    ending = state.ending
    took = ending.t - state.started if ending is not None else math.nan
    after = f" after {duration(took)}" if known(took) and took > 0 else ""
    return "", f"{name}: {word}{after}", state_of(word).style


def rows(state: RunState, word: str, place: Place, *, below: bool = False) -> list[Row]:
    """The card below its title, a row each; `below`: the verdict has been said just above."""
    found = verdict(state)
    said = "" if below else sentence(state, found)
    told = [
        ("", "" if below else _why(state), "text"),
        ("verdict", said, found.level.style),
        ("", _answer(state, found), "text"),
        *(("", words, "dim") for words in _left_behind(state)),
        ("best", _best(state), "text"),
        ("final", _final(state), "text"),
        *(("also", "" if below else f"{one.name}: {one.text}", "warn") for one in troubles(state)),
        ("lies in", _lies(state, place), "text"),
        *(
            ("next" if number == 0 else "", command, "title")
            for number, command in enumerate(_next(state, word, found, place))
        ),
    ]
    return [row for row in told if row[1]]


def lines(
    state: RunState, word: str, place: Place, width: int = WIDTH, *, below: bool = False
) -> list[Line]:
    """The rows of the card as lines of at most `width` cells."""
    found: list[Line] = []
    for label, words, style in rows(state, word, place, below=below):
        # a command is never broken: it is to be copied
        parts = [words] if style == "title" else wrap(words, max(8, width - LABEL))
        for number, part in enumerate(parts):
            head = label if number == 0 else ""
            found.append([(head + " " * (LABEL - cell_len(head)), "dim"), (part, style)])
    return found


def _why(state: RunState) -> str:
    ending = state.ending
    if ending is None:
        return ""
    last = ending.stderr[-1] if ending.stderr else ""
    return "; ".join(part for part in dict.fromkeys((ending.text, last)) if part)


def _answer(state: RunState, found: Verdict) -> str:
    """What was done about it."""
    answer = answered(state, found)
    return "" if answer is None else f"{answer.by}: {answer.text}"


def _left_behind(state: RunState) -> list[str]:
    """Serious alerts that a roll-back has left behind."""
    gone = [
        alert
        for alert in state.all(kinds.Alert)
        if alert.level in LEVELS and LEVELS[alert.level].serious and not stands(alert, state.line)
    ]
    told = [
        f"{alert.level} at step {count(alert.about)} of {alert.branch}, left behind"
        for alert in gone[:MOST_LEFT]
    ]
    more = len(gone) - MOST_LEFT
    return [*told, f"and {plural(more, 'alert')} more, left behind"] if more > 0 else told


def _best(state: RunState) -> str:
    """The best PGD accuracy of the line at the budget of its last probe."""
    last = state.current(kinds.RobustProbe)
    if last is None:
        return ""
    measured = [
        reached
        for probe in state.all(kinds.RobustProbe)
        if state.line.holds(probe.branch, probe.step)
        for reached in _reached(probe, last.eps)
    ]
    if not measured:
        return ""
    pgd, step = max(measured)
    at = f" at eps {budget(last.eps)}" if known(last.eps) else ""
    return f"{ACCURACY['pgd'].label} {share(pgd)}{at}, step {count(-step)}"


def _reached(probe: kinds.RobustProbe, eps: float) -> list[tuple[float, int]]:
    """PGD accuracies of a probe at a budget, each with the negative step: the first counts."""
    found = [(probe.eps, probe.pgd)]
    if probe.final is not None:
        found.append((probe.final.eps, probe.final.pgd))
    return [
        (pgd, -probe.step)
        for at, pgd in found
        if known(pgd) and (not known(eps) or abs(at - eps) < SAME_BUDGET)
    ]


def _final(state: RunState) -> str:
    last = state.current(kinds.RobustProbe)
    if last is None:
        return ""
    if last.nonfinite:
        return f"{not_finite(last)} at step {count(last.step)}"
    told = "  ".join(
        f"{ACCURACY[name].label} {share(getattr(last, name))}" for name in ("clean", "fgsm", "pgd")
    )
    strong = state.current(kinds.StrongProbe)
    if strong is not None and strong.step == last.step and known(strong.pgd):
        told += f"  under a strong attack {share(strong.pgd)}"
    return f"{told}, step {count(last.step)} (n {count(last.n)})"


def _lies(state: RunState, place: Place) -> str:
    saved = list(state.ledger.checkpoints.values())
    if not saved:
        return place.folder
    if not place.weights:
        return f"{place.folder}, without its checkpoints"
    healthy = [one for one in saved if one.healthy]
    sound = f", last healthy {healthy[-1].id}" if healthy else ", none healthy"
    return f"{place.folder}, {plural(len(saved), 'checkpoint')}{sound}"


def _next(state: RunState, word: str, found: Verdict, place: Place) -> list[str]:
    return next_commands(state, word, found, place.run, preset=place.preset, weights=place.weights)


def ended(state: RunState, word: str) -> bool:
    """Whether there is an end to tell of."""
    return state.ending is not None or word == LOST.word
