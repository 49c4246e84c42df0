"""What a person may say of places in a run, for options and help: no more than the words."""

from typing import Literal, get_args

Unit = Literal["event", "block", "probe", "epoch"]
UNITS: tuple[Unit, ...] = get_args(Unit)  # that a recording can be gone through by
PLACES = (
    "a step, BRANCH:STEP, epoch:N, onset, alert:N, checkpoint:ID, a time (1:22, 82s), start or end"
)
