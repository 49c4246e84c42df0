"""What happened, newest first: what is important, or all of it, or what was looked for."""

from collections.abc import Sequence

from selffit.eventlog import kinds
from selffit.eventlog.kinds import Event
from selffit.numbers import count, duration
from selffit_tui.draw.format import fit
from selffit_tui.draw.spans import Line, Span, framed
from selffit_tui.model.scene import OVERVIEW, Scene
from selffit_tui.panels.panel import Panel
from selffit_tui.words.brief import brief_words, news

NAME = 11  # cells of the name of a kind
AT = 19  # cells of time and step before it


class EventPanel(Panel):
    """What happened."""

    name = "events"
    title = "what happened"
    help = "events alone: what happened"
    keys = ("5", "f6")
    side = "bottom"

    @staticmethod
    def overview_lines(room: int, narrow: bool) -> int:
        """A few lines, a single one in a narrow terminal; `room` is that of the whole overview."""
        if narrow:
            return 1 if room >= 16 else 0
        return 6 if room < 44 else 8

    @staticmethod
    def scrolls(scene: Scene) -> int:
        """Event by event."""
        return len(shown(scene))

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The list in its border."""
        return event_lines(scene, width, height)


def in_time(scene: Scene) -> list[Event]:
    """The events by the clock.

    A recorded run is read stream by stream, so what the supervisor said comes last.
    """
    return sorted(scene.state.events, key=lambda event: event.t)


def shown(scene: Scene) -> list[Event]:
    """The events of the list, in their order: important ones, all of them, or those looked for."""
    events, wanted = in_time(scene), scene.view.find.lower()
    if wanted:
        return [event for event in events if wanted in " ".join(brief_words(event)[:2]).lower()]
    return events if scene.view.every else news(events)


def event_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The list in its border; a single line has none."""
    rows = height - 2 if height >= 3 else height
    events = shown(scene)
    free = rows - len(events)
    if not (scene.view.find or scene.view.every) and free > 0:
        events = _filled(scene, events, free)
    title = [(EventPanel.title, "title"), *_title(scene, width)]
    if not events:
        none = "nothing was found" if scene.view.find else "nothing has been logged yet"
        return framed([[(f"  {none}", "dim")]], width, height, scene.glyphs, title)
    skip = 0
    if scene.view.panel in (OVERVIEW, EventPanel.name):
        skip = min(scene.view.scroll, max(0, len(events) - rows))
    newest = len(events) - 1 - skip
    told = {id(event) for event in news(in_time(scene))}
    body = [
        _line(events[index], scene, width, id(events[index]) in told)
        for index in range(newest, -1, -1)[:rows]
    ]
    foot: list[Span] = []
    if len(events) > rows:
        foot = [(f"{skip + 1}-{skip + rows} of {count(len(events))}", "faint")]
    return framed(body, width, height, scene.glyphs, title, _note(scene), foot)


def _filled(scene: Scene, events: Sequence[Event], free: int) -> list[Event]:
    """Important events and, where there is room, the newest others between them."""
    told = {id(event) for event in events}
    others = [
        event
        for event in in_time(scene)
        if id(event) not in told and not isinstance(event, kinds.CheckpointPruned)  # housekeeping
    ][-free:]
    return sorted([*events, *others], key=lambda event: event.t)


def _title(scene: Scene, width: int) -> list[Span]:
    every, view = len(scene.state.events), scene.view
    if view.find:
        return [(f"  with '{view.find}': {count(len(shown(scene)))} of {count(every)}", "cursor")]
    if view.every:
        told = f"  all {count(every)}, newest first; v: important ones, /: find"
    else:
        told = f"  {count(len(shown(scene)))} important of {count(every)} events; v: all, /: find"
    return [(told, "dim")] if len(told) + 24 < width else []


def _note(scene: Scene) -> list[Span]:
    if scene.view.panel == OVERVIEW:
        return [("5: list", "dim")]
    return [("g first  G last", "dim")]


def _line(event: Event, scene: Scene, width: int, important: bool) -> Line:
    glyphs = scene.glyphs
    name, words, style = brief_words(event)
    if not important:
        style = "dim"
    since = duration(event.t - scene.state.started)
    step = count(event.step) if event.step else ""
    if width < 60:
        return [
            (f" {step:>7} ", "dim"),
            (fit(f"{name} {words}", max(0, width - 11), glyphs.ellipsis), style),
        ]
    return [
        (f" {since:>8}", "faint"),
        (f" {step:>8}  ", "dim"),
        (fit(name, NAME, glyphs.ellipsis), style),
        (fit(words, max(0, width - AT - NAME - 4), glyphs.ellipsis), style),
    ]
