"""What the trainer does by itself when the detector speaks: decided once at the start, in the words of a command."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selffit.config import METHODS, nearest
from selffit.control.commands import POLICY, Command, new_command
from selffit.control.refusal import Refusal
from selffit.errors import UserError

ON_CO = ("alert", "pause", "stop", "rollback")
ON_WATCH = ("none", "probe", "checkpoint")
ROLLBACK_KEYS = ("eps", "alpha", "lr_scale")
_FORM = "write it as rollback:METHOD[,eps=…,alpha=…,lr_scale=…], e.g. rollback:n-fgsm,lr_scale=0.5"


@dataclass(frozen=True)
class Policy:
    """Reactions to alerts. `rollback` holds the arguments of a roll-back; `max_rollbacks` ends a series of them."""

    on_co: str = "alert"
    on_watch: str = "none"
    max_rollbacks: int = 3
    rollback: Mapping[str, Any] = field(default_factory=dict)

    def reaction(self, level: str, rollbacks: int, *, t: float | None = None) -> Command | None:
        """The command that an alert of this level calls for, None for none; it takes the same way as a person's.

        `rollbacks` is how many this policy has made (`Ledger.rollbacks`). When the limit is reached the reaction
        is a note that says so. `t` is the wall clock in seconds.
        """
        if level == "watch" and self.on_watch != "none":
            return new_command(self.on_watch, by=POLICY, t=t)
        if level != "onset" or self.on_co == "alert":
            return None
        if self.on_co != "rollback":
            return new_command(self.on_co, by=POLICY, t=t)
        if rollbacks >= self.max_rollbacks:
            said = f"no roll-back: {rollbacks} of max_rollbacks {self.max_rollbacks} are made; a person has to decide"
            return new_command("note", {"text": said}, by=POLICY, t=t)
        return new_command("rollback", self.rollback, by=POLICY, t=t)


def parse_policy(on_co: str = "alert", on_watch: str = "none", max_rollbacks: int = 3) -> Policy:
    """The policy that the options --on-co, --on-watch and --max-rollbacks describe. Raises UserError."""
    if on_watch not in ON_WATCH:
        raise UserError(f"unknown --on-watch '{on_watch}'; {nearest(on_watch, ON_WATCH)}")
    if max_rollbacks < 0:
        raise UserError(f"--max-rollbacks must be at least 0, not {max_rollbacks}")
    action, colon, rest = on_co.partition(":")
    if action not in ON_CO:
        raise UserError(f"unknown --on-co '{action}'; {nearest(action, ON_CO)}")
    if action != "rollback":
        if colon:
            raise UserError(f"--on-co {action} takes nothing after a colon; write --on-co {action}")
        return Policy(action, on_watch, max_rollbacks)
    return Policy(action, on_watch, max_rollbacks, _rollback_args(rest))


def _rollback_args(text: str) -> dict[str, Any]:
    method, *pairs = (part.strip() for part in text.split(","))
    if not method:
        raise UserError(f"--on-co rollback names no method; {_FORM}")
    if method not in METHODS:
        raise UserError(f"unknown method '{method}' in --on-co rollback; {nearest(method, METHODS)}")
    settings: dict[str, Any] = {"method": method}
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not value:
            raise UserError(f"'{pair}' in --on-co rollback is no KEY=VALUE; {_FORM}")
        key = key.replace("-", "_")
        if key not in ROLLBACK_KEYS:
            raise UserError(f"unknown key '{key}' in --on-co rollback; {nearest(key, ROLLBACK_KEYS)}")
        if key in settings:
            raise UserError(f"--on-co rollback names {key} twice; leave one out")
        settings[key] = value
    try:
        return dict(new_command("rollback", settings, by=POLICY).args)
    except Refusal as refusal:
        raise UserError(f"--on-co rollback: {refusal.reason}") from None
