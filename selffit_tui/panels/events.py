"""The event list: everything notable in one line each, newest first."""

from selffit.numbers import count, duration
from selffit_tui.draw.format import fit
from selffit_tui.draw.spans import Line, Span, framed
from selffit_tui.model.scene import Scene
from selffit_tui.panels.panel import Panel
from selffit_tui.words.events import event_words


class EventPanel(Panel):
    """What happened."""

    name = "events"
    title = "events"
    help = "events alone"
    keys = ("5", "f6")
    side = "bottom"

    @staticmethod
    def overview_lines(room: int, narrow: bool) -> int:
        """A few lines; `room` is that of the whole overview."""
        if narrow:
            return 0
        return 6 if room < 44 else 9

    @staticmethod
    def scrolls(scene: Scene) -> int:
        """Event by event."""
        return len(scene.state.events)

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The list in its border."""
        return event_lines(scene, width, height)


def event_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The list in its border."""
    # A recorded run is read stream by stream, so what the supervisor said comes last: by the clock
    # it belongs between.
    glyphs, events = scene.glyphs, sorted(scene.state.events, key=lambda event: event.t)
    title: list[Span] = [(EventPanel.title, "title"), ("  newest first", "dim")]
    rows = max(0, height - 2)
    if not len(events):
        return framed([[("  nothing has been logged yet", "dim")]], width, height, glyphs, title)
    skip = (
        min(scene.view.scroll, max(0, len(events) - rows))
        if scene.view.panel in ("overview", "events")
        else 0
    )
    newest = len(events) - 1 - skip
    body: list[Line] = []
    for index in range(newest, max(-1, newest - rows), -1):
        event = events[index]
        name, words, style = event_words(event)
        since = duration(event.t - scene.state.started)
        body.append(
            [
                (f" {since:>8} ", "faint"),
                (
                    f" {'step ' + count(event.step) if event.step else '':>11}  ",
                    "dim",
                ),
                (fit(name, 11, glyphs.ellipsis), style),
                (fit(words, max(0, width - 37), glyphs.ellipsis), style),
            ]
        )
    foot: list[Span] = [(f"{count(len(events))} events", "faint")]
    if len(events) > rows:
        foot = [
            (
                f"{skip + 1}-{skip + min(rows, len(events))} of {count(len(events))}",
                "faint",
            )
        ]
    return framed(body, width, height, glyphs, title, (), foot)
