"""The order of a list: by one of its columns, unknown values last whichever way it is turned."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from selffit.run.listing.row import Row
from selffit_tui.model.listing.values import ORDERS, Asked, Value


@dataclass(frozen=True)
class Order:
    """What a list is sorted by; `turned`: the other way round than is usual for that."""

    by: int = 0  # in ORDERS
    turned: bool = False

    @property
    def asked(self) -> Asked:
        """What it goes by."""
        return ORDERS[self.by]

    @property
    def falling(self) -> bool:
        """Whether the greatest comes first."""
        return (self.asked.number and self.asked.falls) != self.turned

    def next(self, by: int = 1) -> "Order":
        """The order by the next column."""
        return Order((self.by + by) % len(ORDERS))

    def round(self) -> "Order":
        """The same, the other way round."""
        return replace(self, turned=not self.turned)


def in_order(rows: Sequence[Row], order: Order, now: float) -> list[Row]:
    """The rows in that order; of equals, and of those without a value, the newest first."""
    values = [order.asked.of(row, now) for row in rows]
    there = [index for index, value in enumerate(values) if _known(value)]
    rest = [index for index, value in enumerate(values) if not _known(value)]
    there.sort(key=lambda index: _key(values[index]), reverse=order.falling)  # equals stay
    return [rows[index] for index in (*there, *rest)]


def _known(value: Value) -> bool:
    return not math.isnan(value) if isinstance(value, float) else bool(value)


def _key(value: Value) -> float | str:
    if isinstance(value, tuple):
        return value[0].casefold()
    return value.casefold() if isinstance(value, str) else value
