"""The command palette's list: the interventions by their titles, to be found by typing."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from selffit_tui.intervene.actions import Action
from selffit_tui.intervene.sending import possible
from selffit_tui.model.scene import Scene


@runtime_checkable
class Actionable(Protocol):
    """A screen of a run that can be acted on."""

    def scene(self) -> Scene:
        """What there is to act on."""

    def action_intervene(self, id: str = "") -> None:
        """Opens the interventions at one of them."""


class InterventionProvider(Provider):
    """Every action of the dialog; choosing one opens the dialog there."""

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for action in self._actions():
            yield DiscoveryHit(
                Content(action.title),
                lambda id=action.id: self._open(id),
                help=action.does,
            )

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for action in self._actions():
            title = action.title
            if (score := matcher.match(title)) > 0:
                yield Hit(
                    score,
                    Content(title),
                    lambda id=action.id: self._open(id),
                    help=action.does,
                )

    def _actions(self) -> Iterator[Action]:
        if isinstance(self.screen, Actionable):
            yield from possible(self.screen.scene())

    def _open(self, id: str) -> None:
        if isinstance(self.screen, Actionable):
            self.screen.action_intervene(id)
