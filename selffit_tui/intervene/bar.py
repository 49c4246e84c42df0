"""The life of the newest request in a line: requested, received, applied or refused."""

from rich.cells import cell_len

from selffit.numbers import age, count
from selffit_tui.draw.format import fit, wrap
from selffit_tui.draw.spans import Line, Span, crop, fill, width_of
from selffit_tui.model.requests import PATIENCE, Request, answer, hindrance, shown
from selffit_tui.model.scene import Scene
from selffit_tui.panels.widget import LineWidget
from selffit_tui.words.commands import asked

REASON_LINES = 3
LEAST_WORDS = 12  # cells of what was asked, without which it is left out
ARROW: Span = (" → ", "faint")


class RequestBar(LineWidget):
    """Shown while a request is waiting, and for a while after its answer."""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The request, and a reason below it."""
        return fill(request_lines(scene, width), width, height)


def request_lines(scene: Scene, width: int) -> list[Line]:
    """What was asked and how far it has come; below it the reason where there is one.

    Empty when nothing is shown.
    """
    request = shown(scene.requests, scene.now)
    if request is None:
        return []
    glyphs = scene.glyphs
    way, reason = _way(request, scene)
    waiting = [
        other
        for other in scene.requests
        if other.answered is None and not other.error and other is not request
    ]
    if waiting:
        way.append((f"  +{len(waiting)} waiting", "dim"))
    words = asked(request.command.op, request.command.args)
    room = width - width_of(way) - 7
    if room < cell_len(words):  # how it stands matters more than how it came there
        way = _newest(way)
        room = width - width_of(way) - 7
    what: Line = []
    if room >= LEAST_WORDS:
        shown_words = fit(words, room, glyphs.ellipsis) if cell_len(words) > room else words
        what = [(shown_words, "strong"), ("   ", "text")]
    first: Line = [(f" {glyphs.symbols['applied']} ", "act"), *what, *way]
    parts = wrap(reason, max(1, width - 4))
    if len(parts) > REASON_LINES:
        parts = [*parts[: REASON_LINES - 1], parts[REASON_LINES - 1][: width - 5] + glyphs.ellipsis]
    return [crop(first, width, glyphs.ellipsis), *([(f"   {part}", "text")] for part in parts)]


def _newest(way: list[Span]) -> list[Span]:
    """The last stage alone, with what is said behind it."""
    begin = max((place + 1 for place, span in enumerate(way) if span == ARROW), default=0)
    return way[begin:]


def _way(request: Request, scene: Scene) -> tuple[list[Span], str]:
    """The stages of a request, the last one bright, and why it came to that."""
    if request.error:
        return [("not sent", "alert"), ("   esc: dismiss", "dim")], request.error
    state = scene.newest.state
    found = answer(request.command.id, state)
    past: list[Span] = [("requested", "faint"), ARROW]
    if found.state in ("submitted", "received"):
        stage = "requested" if request.written else "being sent"
        if found.state == "received":
            stage = "received"
        stages: list[Span] = [*(past if stage == "received" else []), (stage, "act")]
        waited = scene.now - request.sent
        if waited < PATIENCE and scene.working:
            return [*stages, (f"  {age(waited)}", "dim")] if waited >= 1 else stages, ""
        why = hindrance(state, scene.present_word, scene.now + scene.newest.ahead)
        return [
            *stages,
            ARROW,
            (f"no answer for {age(waited)}", "alert"),
            ("   esc: dismiss", "dim"),
        ], why
    if found.state == "applied":
        branch, step = (
            found.branch,
            count(found.step or 0),
        )
        words = f"applied at step {step}"
        if request.command.op == "rollback":
            words += f", on as branch {branch}"
        return [*past, ("received", "faint"), ARROW, (words, "good")], ""
    return [
        *past,
        ("refused" if found.state == "rejected" else "failed and undone", "alert"),
    ], found.reason
