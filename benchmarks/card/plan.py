"""Which parts there are, in which order, and how long they take on a card; loads no torch."""

from dataclasses import dataclass

MARK = "@ "  # begins a line that is for the results file and not for people


@dataclass(frozen=True)
class Part:
    """One process. needs: seconds that it takes on an H100; an estimate, for none has measured."""

    name: str
    needs: float

    def limit(self, left: float) -> float:
        """Seconds after which it is broken off, where so many are left for all parts.

        It may run a little over these, so that a slow part that was begun is told in full.
        """
        return min(3 * self.needs + 30, left + 60)


PARTS = (
    Part("bits", 60),
    Part("runs", 40),
    Part("failure", 10),
    Part("speed", 40),
    Part("pause", 40),
    Part("start", 60),
    Part("levers", 60),
    Part("larger", 60),
)
