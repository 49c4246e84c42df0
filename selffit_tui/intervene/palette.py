"""The command palette's list: the interventions by their titles, so that one can be found by
typing.
"""

from collections.abc import Iterator

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from selffit_tui.intervene.actions import Action
from selffit_tui.intervene.sending import possible


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
        scene = getattr(self.screen, "scene", None)
        yield from possible(scene()) if scene is not None else []

    def _open(self, id: str) -> None:
        self.screen.action_intervene(id)  # type: ignore[attr-defined]
