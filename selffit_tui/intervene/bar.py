"""The life of the newest request in a line: requested, received, applied or refused."""

from rich.cells import cell_len

from selffit.numbers import age, count
from selffit_tui.draw.format import wrap
from selffit_tui.draw.spans import Line, Span, crop, fill, width_of
from selffit_tui.model.requests import PATIENCE, Request, answer, hindrance, shown
from selffit_tui.model.scene import Scene
from selffit_tui.panels.widget import LineWidget
from selffit_tui.words.commands import asked

REASON_LINES = 3


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
    room = max(12, width - width_of(way) - 7)
    what = (
        crop([(words, "strong")], room, glyphs.ellipsis)
        if cell_len(words) > room
        else [(words, "strong")]
    )
    first: Line = [(f" {glyphs.symbols['applied']} ", "act"), *what, ("   ", "text"), *way]
    parts = wrap(reason, max(1, width - 4))
    if len(parts) > REASON_LINES:
        parts = [*parts[: REASON_LINES - 1], parts[REASON_LINES - 1][: width - 5] + glyphs.ellipsis]
    return [crop(first, width, glyphs.ellipsis), *([(f"   {part}", "text")] for part in parts)]


def _way(request: Request, scene: Scene) -> tuple[list[Span], str]:
    """The stages of a request, the last one bright, and why it came to that."""
    arrow: Span = (" → ", "faint")
    if request.error:
        return [("not sent", "alert"), ("   esc: dismiss", "dim")], request.error
    state = scene.newest.state
    found = answer(request.command.id, state)
    past: list[Span] = [("requested", "faint"), arrow]
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
            arrow,
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
        return [*past, ("received", "faint"), arrow, (words, "good")], ""
    return [
        *past,
        ("refused" if found.state == "rejected" else "failed and undone", "alert"),
    ], found.reason
