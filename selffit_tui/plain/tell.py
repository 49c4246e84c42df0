"""A run as `status` and `runs` tell it: its summary, what stands, and what else has to be said."""

import time
from dataclasses import dataclass
from typing import Any

from selffit.numbers import count, duration
from selffit.run.folded.clocks import clock_words
from selffit.run.folded.word import host_of
from selffit.run.folder.run_dir import RunDir
from selffit.run.judged.summary import status_dict
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import sentence
from selffit.run.listing import cache, memory
from selffit.vocabulary import LOST
from selffit_tui.plain.follow import look


@dataclass(frozen=True, kw_only=True)
class Told:
    """What `status --json` prints, what stands in a sentence, and further sentences.

    unreadable: a part of the log could not be read.
    """

    summary: dict[str, Any]
    stands: str
    more: tuple[str, ...] = ()
    unreadable: bool = False


def tell(run: RunDir, *, watch: bool = True) -> Told:
    """Tell how a run stands now; `watch` as in `look`."""
    prints = cache.prints(run.path)  # from before anything is read
    if (known := memory.remembered(run, prints)) is not None:
        # a folder that was renamed goes by its name of today
        return Told(summary={**known.summary(time.time()), "run": run.name}, stands=known.stands)
    seen = look(run, watch=watch)
    state, word = seen.state, seen.word()
    if (told := memory.ended(seen, run.name)) is not None:
        memory.keep(run, prints, told)
        summary, stands = told.told, told.stands
    else:
        found = status_dict(state, word, seen.now(), seen.ahead)
        summary, stands = {**found, "run": run.name}, sentence(state, verdict(state))
    more = [f"lost: {seen.loss()}"] if word == LOST.word else []
    if said := clock_words(seen.ahead, host_of(state)):
        more.append(said)
    return Told(
        summary=summary,
        stands=stands,
        more=tuple(more),
        unreadable=any(notice.kind == "unreadable" for notice in state.notices),
    )


def tell_at(run: RunDir, place: str) -> Told:
    """Tell how a run stood at a place, as `tell` did then. Raises UserError for no such place."""
    from selffit.run.recorded import Recorded

    recorded = Recorded.of(run)
    recording, position = recorded.recording, recorded.position(place)
    state = recording.state_at(position)
    after = duration(recording.time_at(position) - recording.started)
    return Told(
        summary=recorded.summary(position),
        stands=sentence(state, verdict(state)),
        more=(
            f"as it stood at step {count(state.step)} of {state.branch}, {after} after it began",
        ),
        unreadable=recorded.unreadable,
    )
