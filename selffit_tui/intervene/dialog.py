"""The conversation that leads to a command: choose an action, fill in its form, confirm.

Knows no screen.
"""

from collections.abc import Callable
from dataclasses import dataclass

from selffit.control.admission import admit, new_settings
from selffit.control.commands import OPERATIONS, Command, new_command
from selffit.control.ledger import Ledger
from selffit.control.refusal import Refusal
from selffit.run.folded.state import RunState
from selffit_tui.intervene.actions import Action, actions, not_offered
from selffit_tui.words.commands import change

LIST, FORM, CONFIRM = "list", "form", "confirm"


@dataclass(frozen=True)
class Edit:
    """A line of text with a cursor in it.

    `fresh`: nothing was typed yet, so the first character replaces it all.
    """

    text: str
    at: int
    fresh: bool = True

    def key(self, name: str, character: str | None) -> "Edit":
        """The line after a key."""
        text, at = self.text, self.at
        if name == "left":
            return Edit(text, max(0, at - 1), False)
        if name == "right":
            return Edit(text, min(len(text), at + 1), False)
        if name in ("home", "ctrl+a"):
            return Edit(text, 0, False)
        if name in ("end", "ctrl+e"):
            return Edit(text, len(text), False)
        if name == "ctrl+u":
            return Edit("", 0, False)
        if name in ("backspace", "ctrl+h"):
            return Edit(text[: max(0, at - 1)] + text[at:], max(0, at - 1), False)
        if name == "delete":
            return Edit(text[:at] + text[at + 1 :], at, False)
        return self.typed(character) if character and character.isprintable() else self

    def typed(self, more: str) -> "Edit":
        """The line with some more text at the cursor."""
        if self.fresh:
            return Edit(more, len(more), False)
        return Edit(self.text[: self.at] + more + self.text[self.at :], self.at + len(more), False)


class Dialog:
    """`stage` is LIST, FORM or CONFIRM. `notice` says what somebody else changed meanwhile."""

    def __init__(
        self,
        ledger: Ledger,
        state: RunState,
        fallen: bool,
        layer: str,
        by: str,
        clock: Callable[[], float],
    ) -> None:
        self._by = by
        self._clock = clock
        self._layer = layer
        self.ledger = ledger
        self.version = ledger.version
        self._attempt = state.addressed
        self.actions = actions(ledger, state, fallen, layer)
        self.index = 0
        self.stage = LIST
        self.notice = not_offered(ledger)
        self.edits: list[Edit] = []
        self.field = 0
        self.tried = False

    @property
    def touched(self) -> bool:
        """Whether it is time to say what is wrong: not before anything was typed into a form."""
        return self.stage != FORM or self.tried or not all(edit.fresh for edit in self.edits)

    @property
    def action(self) -> Action:
        """The chosen action."""
        return self.actions[self.index]

    def update(self, ledger: Ledger, state: RunState, fallen: bool) -> None:
        """The log went on.

        When the settings changed, what was typed counts no more: the person looks again.
        """
        id = self.action.id
        self.ledger = ledger
        if ledger.version != self.version:
            changes = [c for c in ledger.history if c.version > self.version]
            told = [f"{c.by}: {change(c.old, c.new) or c.op}" for c in changes[-2:]]
            self.notice = f"the settings have just changed, look again: {'; '.join(told)}"
            self.version, self.stage = ledger.version, LIST
        if self.stage == LIST:
            self.actions = actions(ledger, state, fallen, self._layer)
            self.index = self._place(id, min(self.index, len(self.actions) - 1))

    def choose(self, id: str) -> bool:
        """Goes straight to an action, False where there is none of that id now."""
        if (place := self._place(id, -1)) < 0:
            return False
        self.index = place
        return True

    def _place(self, id: str, otherwise: int) -> int:
        return next(
            (place for place, action in enumerate(self.actions) if action.id == id), otherwise
        )

    def fill(self, name: str, text: str) -> None:
        """Puts a text into the field of that name of the form that is filled in."""
        for place, field in enumerate(self.action.fields):
            if field.name == name and self.stage == FORM:
                self.edits[place] = Edit(text, len(text))

    def move(self, by: int) -> None:
        """To another action, or another field of the form."""
        if self.stage == LIST:
            self.index = min(max(0, self.index + by), len(self.actions) - 1)
        elif self.stage == FORM:
            self.field = (self.field + by) % len(self.edits)

    def key(self, name: str, character: str | None) -> None:
        """A key for the field that is being edited; space goes through choices."""
        choices = self.action.fields[self.field].choices
        if choices and name == "space":
            now = self.edits[self.field].text
            following = choices[(choices.index(now) + 1) % len(choices) if now in choices else 0]
            self.edits[self.field] = Edit(following, len(following))
        else:
            self.edits[self.field] = self.edits[self.field].key(name, character)

    def paste(self, text: str) -> None:
        """Text for the field that is being edited, on one line."""
        self.edits[self.field] = self.edits[self.field].typed(" ".join(text.split()))

    def back(self) -> bool:
        """One stage back; False when there is none before."""
        if self.stage == LIST:
            return False
        self.stage = FORM if self.stage == CONFIRM and self.action.fields else LIST
        return True

    def enter(self) -> Command | None:
        """One stage on; the command once nothing is left to ask. A problem keeps the stage."""
        if self.stage == LIST and self.action.fields:
            self.stage, self.field, self.tried = FORM, 0, False
            self.edits = [Edit(field.text, len(field.text)) for field in self.action.fields]
            return None
        self.tried = True
        if self.problem():
            return None
        if self.action.costs and self.stage != CONFIRM:
            self.stage = CONFIRM
            return None
        return self.command()

    def command(self) -> Command:
        """The command as it stands.

        What changes settings is for the settings that are shown: `expect`.

        Raises Refusal.
        """
        args = dict(self.action.args)
        if self.stage != LIST:
            for field, edit in zip(self.action.fields, self.edits, strict=True):
                if text := edit.text.strip():
                    args[field.name] = text
        expect = self.version if OPERATIONS[self.action.op].changes else None
        return new_command(
            self.action.op,
            args,
            by=self._by,
            expect=expect,
            t=self._clock(),
            attempt=self._attempt,
        )

    def problem(self) -> str:
        """Why the command would be refused as it stands, '' when it would not.

        By the trainer's own rules.
        """
        if self.stage == LIST and self.action.fields:
            return ""
        try:
            command = self.command()
        except Refusal as refusal:
            return refusal.reason
        refused = admit(command, self.ledger, self._clock())
        return refused.reason if refused is not None else ""

    def changes(self) -> str:
        """Current → new value of every setting that would change.

        '' when none would or that is not known.
        """
        if self.problem() or (self.stage == LIST and self.action.fields):
            return ""
        command = self.command()
        # which channels: the trainer will know
        if not OPERATIONS[command.op].changes or "top" in command.args:
            return ""
        return change(self.ledger.settings, new_settings(command, self.ledger))
