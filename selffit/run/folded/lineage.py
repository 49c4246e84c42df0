"""The active line of a branching history: what still counts, and what a roll-back left behind."""

import math
from dataclasses import dataclass

from selffit.control.ledger import Branch, Ledger


@dataclass(frozen=True)
class Piece:
    """What belongs to the line of one branch: its steps up to `end`, where the next one begins."""

    branch: str
    end: float = math.inf


@dataclass(frozen=True)
class ActiveLine:
    """The pieces that lead to the active branch, oldest first; everything else was abandoned."""

    pieces: tuple[Piece, ...] = (Piece("main"),)

    @property
    def branch(self) -> str:
        """The active branch."""
        return self.pieces[-1].branch

    def end(self, branch: str) -> float:
        """Return the step at which a branch was left.

        ∞ for the active one, −∞ for one that is no part of the line.
        """
        return next((piece.end for piece in self.pieces if piece.branch == branch), -math.inf)

    def holds(self, branch: str, step: float) -> bool:
        """Whether what was measured there still counts."""
        return step <= self.end(branch)


def line_of(ledger: Ledger, branch: str) -> ActiveLine:
    """Return the line that leads to a branch."""
    line = ledger.lineage(branch) or [Branch(branch)]
    ends = [float(child.base_step) for child in line[1:]]
    pairs = zip(line, [*ends, math.inf], strict=True)
    return ActiveLine(tuple(Piece(here.name, end) for here, end in pairs))


def line_to(ledger: Ledger, branch: str, step: int) -> ActiveLine:
    """Return the line that leads to a step of a branch, and ends there."""
    return ActiveLine((*line_of(ledger, branch).pieces[:-1], Piece(branch, step)))
