"""All that a run's log has said, read once, and how the run stood at a place of it."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from selffit.errors import UserError
from selffit.eventlog.fields import without_nan
from selffit.eventlog.folder import held
from selffit.run.folded.state import RunState
from selffit.run.folded.word import state_word
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.in_time import TimedSource
from selffit.run.judged.summary import status_dict, verdict_dict
from selffit.run.recording.moments import Moment
from selffit.run.recording.places import position_at
from selffit.run.recording.recording import Recording
from selffit.run.recording.units import Unit

_SLICE = 10_000  # items of one read


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A run with its recording; `follower`: who has read it, and knows how it stands now."""

    name: str
    recording: Recording
    follower: Follower

    @classmethod
    def of(cls, run: RunDir) -> "Recorded":
        """Return all that the log of a run has now."""
        follower = Follower(TimedSource(held(run.place)), run.name, record=True)
        while follower.poll(_SLICE):
            pass
        assert follower.recording is not None
        return cls(name=run.name, recording=follower.recording, follower=follower)

    @property
    def unreadable(self) -> bool:
        """Whether a part of the log could not be read."""
        return any(notice.kind == "unreadable" for notice in self.recording.newest.notices)

    def position(self, place: str) -> int:
        """Return the position of a place as a person names it. Raises UserError."""
        return position_at(self.recording, place)

    def positions(self, place: str, unit: Unit | None) -> list[int]:
        """Return where a replay from a place on stops: at every unit, or at every moment.

        And first at the place itself, unless that is before anything was read. Raises UserError
        for no such place, and where nothing was recorded.
        """
        recording, begin = self.recording, self.position(place)
        if not len(recording):
            raise UserError(f"the log of {self.name} holds no event yet: nothing to replay")
        if unit is None:
            found = [moment.position for moment in recording.moments]
        else:
            found = recording.positions(unit)
        first = {begin} if begin else set()
        return sorted(first | {position for position in found if position >= begin})

    def word(self, position: int, state: RunState) -> str:
        """Return the state of the run in a word as it was at a position.

        Its trainer lived, for it had just been heard of; at the end it stands as it does now.
        """
        if position == len(self.recording):
            return self.follower.word()
        return state_word(state, None, state.heard)

    def summary(self, position: int) -> dict[str, Any]:
        """Return what `selffit status --json` printed there."""
        state, follower = self.recording.state_at(position), self.follower
        word = self.word(position, state)
        if position == len(self.recording):
            told = status_dict(state, word, follower.now(), follower.ahead)
        else:
            told = status_dict(state, word, state.heard)
        return {**told, "run": self.name}

    def lines(self, positions: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Return what a replay prints: one JSON-able object a position, which have to rise.

        Each with the moments that became known since the one before; the first one with those
        that became known at its step.
        """
        recording, moments, told = self.recording, self.recording.moments, 0
        positions = list(positions)
        for position, state in zip(positions, recording.states(positions), strict=True):
            until = bisect_right(moments, position, key=lambda moment: moment.position)
            known = list(moments[told:until])
            if position == positions[0]:  # of what was before, only what became known there
                here = recording.place_at(position)
                known = [one for one in known if recording.place_at(one.position) == here]
            told = until
            yield self._line(position, state, known)

    def _line(self, position: int, state: RunState, known: list[Moment]) -> dict[str, Any]:
        recording = self.recording
        t = recording.time_at(position)
        word = self.word(position, state)
        told = status_dict(state, word, state.heard)
        keys = ("state", "attempt", "branch", "step", "epoch", "last", "settings", "ending")
        found: dict[str, Any] = without_nan(
            {
                "run": self.name,
                "position": position,
                "t": round(t, 3) or None,
                "elapsed_s": round(t - recording.started, 3),
                "kind": recording.kind_at(position) or None,
                **{key: told[key] for key in keys},
                "verdict": verdict_dict(state),
                "moments": [moment_dict(moment) for moment in known],
            }
        )
        return found


def moment_dict(moment: Moment) -> dict[str, Any]:
    """Return a moment for `--json`: its kind, and what it is about."""
    return {
        "kind": moment.kind,
        "branch": moment.branch,
        "step": moment.step,
        "id": moment.id or None,
        "text": moment.text,
    }
