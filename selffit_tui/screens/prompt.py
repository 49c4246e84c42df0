"""A line that is being typed on a screen: what for, what is wrong with it, what it leads to."""

from collections.abc import Callable

from selffit.errors import UserError
from selffit_tui.intervene.dialog import Edit
from selffit_tui.model.listing.scene import Ask

MOST = 500  # characters


def _nothing(text: str) -> object:
    return None


class Prompt:
    """One line. What is called with its text may raise UserError, which is shown beside it."""

    def __init__(
        self,
        what: str,
        text: str,
        *,
        entered: Callable[[str], object],
        changed: Callable[[str], object] = _nothing,
        checked: Callable[[str], object] = _nothing,
        cancelled: Callable[[], object] = lambda: None,
        hint: str = "",
    ) -> None:
        """`what` stands before it.

        `changed` and `checked` hear of every key, `entered` of its end, `cancelled` of its other
        end.
        """
        self._what = what
        self._edit = Edit(text, len(text), fresh=False)
        self._hint = hint
        self._entered = entered
        self._changed = changed
        self._checked = checked
        self.cancel = cancelled
        self._trouble = ""

    @property
    def ask(self) -> Ask:
        """What is drawn of it."""
        return Ask(
            what=self._what,
            text=self._edit.text,
            cursor=self._edit.at,
            trouble=self._trouble,
            hint=self._hint,
        )

    def key(self, name: str, character: str | None) -> None:
        """A key."""
        before = self._edit.text
        self._edit = self._edit.key(name, character)
        self._changed_from(before)

    def paste(self, text: str) -> None:
        """Some text at once, made one line."""
        before = self._edit.text
        more = "".join(c if c.isprintable() else " " for c in text)
        self._edit = self._edit.typed(more[: MOST - len(before)])
        self._changed_from(before)

    def enter(self) -> bool:
        """Whether the text was taken."""
        return self._told(self._entered)

    def _changed_from(self, before: str) -> None:
        if len(self._edit.text) > MOST:
            self._edit = Edit(before, len(before), fresh=False)
        if self._edit.text != before and self._told(self._checked):
            self._told(self._changed)

    def _told(self, whom: Callable[[str], object]) -> bool:
        try:
            whom(self._edit.text)
        except UserError as error:
            self._trouble = str(error)
            return False
        self._trouble = ""
        return True
