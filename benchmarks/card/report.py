"""What a part has found: a line for people, and the same for the results file."""

import json
from typing import Any

from benchmarks.card.plan import MARK


def keep(**found: Any) -> None:
    """Hand something to whoever writes the results file."""
    print(MARK + json.dumps(found), flush=True)


class Report:
    """Says what one part finds, as soon as it is found."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.good = True

    def say(self, what: str, value: str, holds: bool | None = None) -> None:
        """One line; `holds` is None where nothing is claimed."""
        word = {True: "ok", False: "WRONG", None: ""}[holds]
        print(f"{self.part:<8} {what:<44} {value:>30}  {word}".rstrip(), flush=True)
        keep(found={"part": self.part, "what": what, "value": value, "holds": holds})
        self.good = self.good and holds is not False
