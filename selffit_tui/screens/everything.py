"""The command palette's list: whatever a key does, and the layers, to be found by typing."""

from collections.abc import Callable, Iterator

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from selffit_tui.panels.list import NAMES
from selffit_tui.screens.keys import keys_of, shown_keys
from selffit_tui.screens.looking import LookingScreen

LEAVE = "leave"
BEHIND = 0.5  # an intervention that matches as well comes first
Command = tuple[str, str, Callable[[], object]]  # its title, what it does, and the doing


class EverythingProvider(Provider):
    """Panels, layers, marks and whatever else has a key; interventions come from their own."""

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for title, does, do in self._commands():
            yield DiscoveryHit(Content(title), do, help=does)

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for title, does, do in self._commands():
            named = all(word in title.lower() for word in query.lower().split())
            if named and (score := matcher.match(title)) > 0:
                yield Hit(score * BEHIND, Content(title), do, help=does)

    def _commands(self) -> Iterator[Command]:
        screen = self.screen
        if not isinstance(screen, LookingScreen):
            return
        keys = keys_of(readonly=not screen.scene().may_act)
        # leaving comes last: enter, where nothing was typed yet, takes the first
        for key in sorted(keys, key=lambda key: key.id == LEAVE):
            if key.id != "palette":
                title = f"panel {key.id}: {key.help}" if key.id in NAMES else key.help
                yield title, f"key {shown_keys(key)}", _running(screen, key.action)
        for layer in screen.layer_names():
            yield f"layer {layer}", "its channels", _showing(screen, layer)


def _running(screen: LookingScreen, action: str) -> Callable[[], object]:
    async def run() -> None:
        await screen.run_action(action)

    return run


def _showing(screen: LookingScreen, layer: str) -> Callable[[], object]:
    return lambda: screen.show_layer(layer)
