"""How a person acts on the run from its screen: the dialog, and what has become of requests."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from rich.style import Style
from textual.screen import Screen

from selffit.control.commands import Command
from selffit.control.submit import submit
from selffit.errors import UserError
from selffit.eventlog.folder import Place
from selffit_tui.intervene.actions import Action, actions
from selffit_tui.intervene.branching import branch_from_here
from selffit_tui.intervene.dialog import Dialog
from selffit_tui.intervene.screen import InterveneScreen
from selffit_tui.model.requests import Request, watched
from selffit_tui.model.scene import Scene, Snapshot
from selffit_tui.talk import me


def possible(scene: Scene) -> list[Action]:
    """What can be done to the run now."""
    state = scene.newest.state
    if not scene.may_act:
        return []
    return actions(scene.ledger, state, scene.verdict.fallen, scene.layer_name())


class Acting:
    """The requests that were made here, oldest first, and what has become of them.

    `screen` is the one whose app shows the dialog; `redraw` is called when a request has gone a
    step on.
    """

    def __init__(
        self,
        screen: Screen[None],
        redraw: Callable[[], None],
        styles: dict[str, Style],
        place: Place,
        clock: Callable[[], float],
    ) -> None:
        self._screen = screen
        self._redraw = redraw
        self._inks = styles
        self._place = place
        self._clock = clock
        self.requests: tuple[Request, ...] = ()

    def take(self, snapshot: Snapshot) -> None:
        """The newest snapshot: what the log says of the requests."""
        self.requests = watched(self.requests, snapshot.state.ledger, self._clock())

    def open(self, scene: Scene, id: str = "") -> None:
        """Shows the dialog: at the action of that id, else at the recommended one or the first.

        On show of the past: at a roll-back to there.
        """
        state = scene.newest.state
        fallen = scene.verdict.fallen
        dialog = Dialog(scene.ledger, state, fallen, scene.layer_name(), me(), self._clock)
        if not scene.replay.live and not id:
            branch_from_here(dialog, scene)
        elif id and dialog.choose(id) and dialog.action.fields:
            dialog.enter()
        self._screen.app.push_screen(InterveneScreen(self._inks, dialog, scene), self.send)

    def send(self, command: Command | None) -> None:
        """Puts a command on its way; its fate shows in `requests`."""
        if command is None:
            return
        self.requests = (*self.requests, Request(command=command, sent=self._clock()))
        self._screen.run_worker(self._submit(command), name="submit")
        self._redraw()

    async def _submit(self, command: Command) -> None:
        try:
            await asyncio.to_thread(submit, self._place, command)  # it waits for the disk
        except UserError as error:
            self._note(command, error=str(error))
        else:
            self._note(command, written=True)

    def _note(self, command: Command, written: bool = False, error: str = "") -> None:
        self.requests = tuple(
            replace(request, written=written, error=error)
            if request.command.id == command.id
            else request
            for request in self.requests
        )
        self._redraw()

    def dismiss(self) -> bool:
        """Forgets the requests that wait for nothing any more, or have waited long.

        Says whether there were any.
        """
        now = self._clock()
        left = tuple(request for request in self.requests if not request.may_go(now))
        gone = len(left) < len(self.requests)
        self.requests = left
        return gone
