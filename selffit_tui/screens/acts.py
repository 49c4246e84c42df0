"""What people do to runs from a list of them: tags, a note, and deleting them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.run.folder.labels import LONGEST_NOTE, Labels, parse_tags
from selffit.run.folder.labels_file import read_labels, write_labels
from selffit.run.listing.removal import remove_run
from selffit_tui.model.listing.scene import ListScene, ListView
from selffit_tui.model.roster_feed import RosterFeed, Rows
from selffit_tui.screens.asking import AskingScreen
from selffit_tui.screens.prompt import Prompt


class ActsOnRuns(AskingScreen):
    """A screen with a list of runs, of which one is under the cursor and some may be marked."""

    feed: RosterFeed
    view: ListView
    rows: Rows
    _root: Path

    def scene(self) -> ListScene:
        """What there is to draw now."""
        raise NotImplementedError

    def _labelled(self) -> list[str]:
        """The names of the marked runs, else of the one under the cursor."""
        row = self.scene().row
        return list(self.view.marks) or ([row.name] if row is not None else [])

    def action_tag(self) -> None:
        """Types the tags."""
        names = self._labelled()
        if not names:
            self.app.bell()
            return
        several = len(names) > 1
        row = next(row for row in self.rows.rows if row.name == names[0])
        self.ask_for(
            Prompt(
                f"add tags to {len(names)} marked runs:"
                if several
                else f"tags of {clean(names[0])}:",
                "" if several else " ".join(row.labels.tags),
                hint="words with blanks between; -word takes one away"
                if several
                else "words with blanks between",
                checked=lambda text: _tags(text, several),
                entered=lambda text: self._set_tags(names, text, several),
            )
        )

    def _set_tags(self, names: list[str], text: str, several: bool) -> None:
        more, less = _tags(text, several)

        def tagged(labels: Labels) -> Labels:
            kept = labels.tags if several else ()
            tags = dict.fromkeys([*kept, *more])
            return Labels(tuple(tag for tag in tags if tag not in less), labels.note)

        self._relabel(names, tagged)

    def action_note(self) -> None:
        """Types the note of the run under the cursor."""
        row = self.scene().row
        if row is None:
            self.app.bell()
            return
        self.ask_for(
            Prompt(
                f"note to {row.shown}:",
                row.labels.note,
                hint=f"at most {LONGEST_NOTE} characters; an empty line takes it away",
                entered=lambda text: self._relabel(
                    [row.name], lambda labels: Labels(labels.tags, text.strip())
                ),
            )
        )

    def _relabel(self, names: list[str], change: Callable[[Labels], Labels]) -> None:
        """Keeps other labels of runs, in a thread: it waits for the disk."""
        runs = [(name, run) for name in names if (run := self.feed.run(name)) is not None]

        async def write() -> None:
            troubles = []
            for name, run in runs:
                try:
                    labels = await asyncio.to_thread(read_labels, run)
                    await asyncio.to_thread(write_labels, run, change(labels))
                except UserError as error:
                    troubles.append(str(error))
                self.feed.relabel(name)
            self.say(troubles[0] if troubles else "", trouble=True)

        self.run_worker(write(), name="label")

    def action_delete(self) -> None:
        """Asks whether to delete the marked runs, or the one under the cursor."""
        names = self._labelled()
        if not names:
            self.app.bell()
            return
        shown = ", ".join(map(clean, names))
        what = shown if len(names) == 1 else f"these {len(names)} runs: {shown}"
        question = f"delete {what}? Log and checkpoints are gone for good.  y: delete  n: keep"
        self.ask_whether(question, lambda: self._delete(names))

    def _delete(self, names: list[str]) -> None:
        async def delete() -> None:
            done, troubles = [], []
            for name in names:
                self.say(f"deleting {clean(name)} …")
                try:
                    await asyncio.to_thread(remove_run, self._root, name)
                    done.append(clean(name))
                except UserError as error:
                    troubles.append(str(error))
            self.feed.survey()
            told = f"deleted {', '.join(done)}" if done else ""
            self.say("; ".join([*troubles, told] if told else troubles), trouble=bool(troubles))

        self.run_worker(delete(), name="delete")


def _tags(text: str, several: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tags to add and to take away. Raises UserError."""
    words = text.replace(",", " ").split()
    less = [word[1:] for word in words if several and word.startswith("-") and len(word) > 1]
    more = [word for word in words if not (several and word.startswith("-"))]
    return parse_tags(" ".join(more)), parse_tags(" ".join(less))
