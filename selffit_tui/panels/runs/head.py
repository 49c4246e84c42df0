"""The first line of the Runs screen."""

from selffit_tui.draw.spans import Line, Span, spread
from selffit_tui.model.listing.scene import ListScene
from selffit_tui.panels.runs.table import living
from selffit_tui.panels.widget import LineView


class RunsHead(LineView[ListScene]):
    """How many runs there are, what is shown of them, and in which order."""

    def draw(self, scene: ListScene, width: int, height: int) -> list[Line]:
        """The line."""
        return [head_line(scene, width)]


def head_line(scene: ListScene, width: int) -> Line:
    """Counts at the left; filter and order, which give way first, at the right."""
    total, shown = len(scene.rows), len(scene.shown)
    left: list[Span] = [(" runs ", "strong")]
    said = [f"{shown} of {total}" if scene.view.query.text else str(total)]
    if alive := living(scene):
        said.append(f"{alive} live")
    if scene.view.marks:
        said.append(f"{len(scene.view.marks)} marked")
    left.append((f"  {', '.join(said)}", "text"))
    if scene.unread:
        left.append((f"  reading, {scene.unread} to go", "warn"))
    if scene.view.query.text:
        left += [("  filter ", "dim"), (scene.view.query.text, "key")]
    order = scene.view.order
    way = "highest first" if order.falling else "lowest first"
    if order.asked.name == "age":
        way = "oldest first" if order.falling else "newest first"
    elif not order.asked.number:
        way = "Z to A" if order.falling else "A to Z"
    elif order.asked.name == "verdict":
        way = "gravest first" if order.falling else "gravest last"
    right: list[Span] = [(f"by {order.asked.title}, {way}", "dim")]
    if width >= 100:
        right.append((f"   {scene.folder} ", "faint"))
    return spread(left, [*right, (" ", "text")], width, scene.glyphs.ellipsis)
