"""Since when a sign has been there, and whether that was before or after an onset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# clear probes that make a stretch more than an outlier, and unclear ones in a row that end it
LASTING = 2


class Stretches:
    """The stretches of probes in which something was clear, fed in the order of steps.

    Our operational definition: a stretch begins with a clear probe. A second clear one makes it
    last; until then the next unclear probe ends it, so that an outlier is forgotten at once. A
    lasting stretch bears one unclear probe and ends with two in a row. Lasting stretches are
    remembered, because a network that fitted itself when the onset came may stop doing so later,
    and yet the sign moved first.
    """

    def __init__(self) -> None:
        # first and last clear step of the lasting stretches that are over
        self._ended: list[list[int]] = []
        self._now: list[int] | None = None  # of the present one
        self._clear = 0  # probes of the present stretch
        self._unclear = 0  # in a row, at its end
        self._step: int | None = None  # of the newest probe

    def add(self, step: int, clear: bool) -> None:
        """Take one probe; a second one of a step changes nothing."""
        if step == self._step:
            return
        self._step = step
        if clear:
            self._now = [step, step] if self._now is None else [self._now[0], step]
            self._clear += 1
            self._unclear = 0
            return
        self._unclear += 1
        if self._now is None or (self._clear >= LASTING and self._unclear < LASTING):
            return
        if self._clear >= LASTING:
            self._ended.append(self._now)
        self._now = None
        self._clear = 0

    @property
    def since(self) -> int | None:
        """First probe of the present stretch, None while there is none."""
        return None if self._now is None else self._now[0]

    def since_for(self, onset_step: int | None) -> int | None:
        """Where the stretch began that tells about an onset, None when there is none.

        It is the stretch in which the onset lies, otherwise the first one after it; for an onset
        whose step is not known, the present stretch.
        """
        if onset_step is None:
            return self.since
        for first, last in self._ended:
            if last >= onset_step:
                return first
        return self.since

    def lead(self, onset_step: int | None) -> int | None:
        """How many steps before the onset it became clear; negative: after it.

        None when it never did.
        """
        began = self.since_for(onset_step)
        return None if began is None or onset_step is None else onset_step - began

    def state(self) -> dict[str, Any]:
        """Everything that later answers depend on, as plain JSON values."""
        return {
            "ended": [list(stretch) for stretch in self._ended],
            "now": self._now,
            "clear": self._clear,
            "unclear": self._unclear,
            "step": self._step,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Stretches:
        """As it was where `state()` was taken; an empty state is the beginning."""
        found = cls()
        found._ended = [list(stretch) for stretch in state.get("ended", [])]
        found._now = state.get("now")
        found._clear = state.get("clear", 0)
        found._unclear = state.get("unclear", 0)
        found._step = state.get("step")
        return found
