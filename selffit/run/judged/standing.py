"""How a run stands, in one line that is always there: what stands in it, and how it goes.

The parts are those of the standing verdict (`selffit.run.judged.wording`); a run that ended badly,
or that nobody works on any more, says so first. A line is fitted into the room that there is: words
get shorter first, then the least important ones are left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from selffit.numbers import count
from selffit.run.folded.state import RunState
from selffit.run.judged.trouble import shut_out
from selffit.run.judged.verdict import Verdict, verdict
from selffit.run.judged.wording import COMING, Part, part, parts
from selffit.vocabulary import COPY, LEVELS, RECOVERED, UNMEASURED, WEAKENED, ended_badly, state_of

WIDE_JOINT, JOINT = " │ ", "  "  # between two parts
ENDED = "ended"  # the ink of a bad end, see `selffit_tui.draw.styles`
CAUTION = "caution"
HELD = ("paused", "silent", "restarting")  # states of a run whose steps do not go on
LOUD = {level.name for level in (*LEVELS.values(), WEAKENED)} - {
    RECOVERED.name
}  # their names in capitals


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The line in its parts.

    symbol, banner: names of its symbol and of its ink, as `selffit.vocabulary` has them. head: its
    first words. parts: what follows, in the order in which it is read.
    """

    symbol: str
    banner: str
    head: str
    parts: tuple[Part, ...] = ()

    def with_part(self, rank: int, *forms: str) -> "Standing":
        """Return the line with one part more."""
        return replace(self, parts=(*self.parts, part(rank, *forms)))

    def line(self, width: int, wide: str = WIDE_JOINT, measure: Callable[[str], int] = len) -> str:
        """Return its words in at most `width` cells where possible, without the symbol.

        `wide` stands between parts where there is room for it; `measure` says how many cells a
        text takes.
        """
        return fitted(self.head, self.parts, width, wide, measure)


def standing(state: RunState, word: str = "", why: str = "") -> Standing:
    """Return how a run stands.

    `word` is its state in a word (`state_word`), "" for a moment of its past; `why` tells more
    about a run that is lost.
    """
    found = verdict(state)
    looks, ending = state_of(word), state.ending
    if (shut := shut_out(state)) is not None:
        shown = (part(2, shut.text),)
        return Standing(symbol="unknown", banner=CAUTION, head=shut.name.upper(), parts=shown)
    if word and (looks.left or (ending is not None and looks.bad and word != found.state)):
        of = f"of {state.run[:64]}" if word == COPY.word else ""
        told = why or (looks.meaning if ending is None else "")
        last = ending.stderr[-1] if ending is not None and ending.stderr else ""
        reason = part(2, "; ".join(filter(None, (told, ending.text if ending else "", last))))
        before = (_brief(state, found),) if found.state != UNMEASURED.name else ()
        again = part(4, f"go on: selffit train --resume {state.run}", "go on: train --resume")
        going_on = (again,) if _can_go_on(state, word) else ()
        said = tuple(one for one in (part(1, of), reason, *before, *going_on) if one.forms)
        banner = ENDED if looks.bad else CAUTION
        return Standing(symbol=looks.symbol, banner=banner, head=word.upper(), parts=said)
    level = found.level
    head = level.label if level.name in LOUD else level.name
    line = Standing(
        symbol=level.symbol, banner=level.banner, head=head, parts=tuple(parts(state, found))
    )
    return _going(line, state, found, word)


def _can_go_on(state: RunState, word: str) -> bool:
    """Whether a run that nobody works on any more was begun, and can be resumed."""
    return word != COPY.word and state.start is not None and bool(state.run)


def _brief(state: RunState, found: Verdict) -> Part:
    """What stood when the run ended badly."""
    told = [one.words for one in parts(state, found)]
    return part(3, f"{found.state} {told[0]}" if told else found.state, found.state)


def _going(line: Standing, state: RunState, found: Verdict, word: str) -> Standing:
    """The line with how the run goes, where that is not simply training."""
    looks, at = state_of(word), f" at step {count(state.step)}"
    if word in ("", "training", found.state):
        return line
    if found.state == UNMEASURED.name:
        if state.ending is not None:
            return replace(line, symbol=looks.symbol, head=f"{word}:")
        doing = part(1, looks.meaning)
        return replace(line, symbol=looks.symbol, head=f"{word}:", parts=(doing, *line.parts))
    if state.ending is not None:
        bad = ended_badly(state.ending.how)
        return line.with_part(3 if bad else 7, f"{word}{at}", word)
    if line.banner == "onset" or word not in HELD:
        return line.with_part(2, f"{word}{at}", word)
    kept = [one for one in line.parts if not one.words.startswith(COMING)]  # nobody knows when
    stands = part(2, line.head)
    if kept and kept[0].rank == 1:
        stands = part(2, *(f"{line.head} {form}" for form in kept.pop(0).forms))
    head, said = f"{word}{at}", (stands, *kept)
    return replace(line, symbol=looks.symbol, banner=CAUTION, head=head, parts=said)


def fitted(
    head: str,
    found: Sequence[Part],
    width: int,
    wide: str = WIDE_JOINT,
    measure: Callable[[str], int] = len,
) -> str:
    """Return the words of parts behind a head, as many and as long as fit into `width` cells.

    All get a little shorter before one gets much shorter, and what matters least goes before what
    matters most gets that short; what is left of the room then goes back to those that were
    shortened. A first part of rank 1 goes on with the head's sentence; it is never left out.
    """
    kept = [(one, 0) for one in found if one.forms]  # and how often it was shortened

    def fits(parts: list[tuple[Part, int]], joint: str = wide) -> bool:
        return measure(_joined(head, parts, joint)) <= width

    for stage in range(1, max((len(one.forms) for one, _ in kept), default=0) + 1):
        for _ in range(2 * len(kept)):
            if fits(kept):
                return _joined(head, _more(kept, fits), wide)
            kept = _less(kept, stage)
    while not fits(kept, JOINT) and len(less := _without(kept, 2)) < len(kept):
        kept = less
    return _joined(head, kept, wide if fits(kept) else JOINT)


def _more(
    kept: list[tuple[Part, int]], fits: Callable[[list[tuple[Part, int]]], bool]
) -> list[tuple[Part, int]]:
    """The parts with longer words again where those fit, the most important first."""
    for index in sorted(range(len(kept)), key=lambda index: kept[index][0].rank):
        one, cut = kept[index]
        for longer in range(cut):
            tried = [*kept[:index], (one, longer), *kept[index + 1 :]]
            if fits(tried):
                kept = tried
                break
    return kept


def _less(kept: list[tuple[Part, int]], stage: int) -> list[tuple[Part, int]]:
    """The parts with one of them shorter, at most `stage` times; then without one that may go."""
    longer = [
        index for index, (one, cut) in enumerate(kept) if cut < min(stage, len(one.forms) - 1)
    ]
    if not longer:
        return _without(kept, 7 - stage)
    place = max(longer, key=lambda index: (kept[index][0].rank, index))
    one, cut = kept[place]
    return [*kept[:place], (one, cut + 1), *kept[place + 1 :]]


def _without(kept: list[tuple[Part, int]], rank: int) -> list[tuple[Part, int]]:
    """The parts without the least important one, where that has at least this rank.

    One of the second rank stays: it is what there is to tell, and may be cut.
    """
    optional = [index for index, (one, _) in enumerate(kept) if one.rank >= max(2, rank)]
    if not optional or (max(kept[index][0].rank for index in optional) == 2 and len(optional) == 1):
        return kept
    place = max(optional, key=lambda index: (kept[index][0].rank, index))
    return [*kept[:place], *kept[place + 1 :]]


def _joined(head: str, kept: Sequence[tuple[Part, int]], joint: str) -> str:
    words = [one.forms[cut] for one, cut in kept]
    goes_on = bool(kept) and kept[0][0].rank == 1
    first = f"{head} {words.pop(0)}" if goes_on else head
    return joint.join([first, *words])
