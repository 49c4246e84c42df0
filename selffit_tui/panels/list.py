"""The list of panels, the only one: whatever there is for every panel is made from it."""

from selffit_tui.model.scene import OVERVIEW, Scene
from selffit_tui.panels.accuracy import AccuracyPanel
from selffit_tui.panels.alerts import AlertPanel
from selffit_tui.panels.channels import ChannelPanel
from selffit_tui.panels.dose import DosePanel
from selffit_tui.panels.events import EventPanel
from selffit_tui.panels.heat import HeatPanel
from selffit_tui.panels.images import ImagePanel
from selffit_tui.panels.panel import Panel, Side
from selffit_tui.panels.selfinfo import SelfPanel
from selffit_tui.panels.signals import SignalPanel
from selffit_tui.panels.why import WhyPanel

# from the top down in each side of the overview
PANELS: tuple[type[Panel], ...] = (
    AccuracyPanel,
    SignalPanel,
    HeatPanel,
    DosePanel,
    ImagePanel,
    WhyPanel,
    SelfPanel,
    AlertPanel,
    ChannelPanel,
    EventPanel,
)
OVERVIEW_KEYS = ("0", "f12")

# those with keys, in the order of the keys on their tabs
TABBED = tuple(sorted((panel for panel in PANELS if panel.keys), key=lambda panel: panel.keys[0]))
TABS = (OVERVIEW, *(panel.name for panel in TABBED))
NAMES = (OVERVIEW, *(panel.name for panel in PANELS))


def on_side(side: Side) -> tuple[type[Panel], ...]:
    """The panels of a side, from the top down."""
    return tuple(panel for panel in PANELS if panel.side == side)


def next_tab(name: str, by: int) -> str:
    """The view `by` tabs further on, round in a circle."""
    here = TABS.index(name) if name in TABS else 0
    return TABS[(here + by) % len(TABS)]


def scroll_limit(scene: Scene) -> int:
    """How far what is shown can be scrolled: the chosen panel, in the overview the longest one."""
    chosen = scene.view.panel
    return max(
        (panel.scrolls(scene) for panel in PANELS if chosen in (OVERVIEW, panel.name)), default=0
    )
