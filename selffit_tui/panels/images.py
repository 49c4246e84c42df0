"""Some held-out images as the network gets them.

That is x, its perturbation, x + delta, and the perturbation on plain grey.

What is read from grey + delta can only come from the perturbation; below each picture stands what
is read.
"""

from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len
from rich.style import Style

from selffit.eventlog import kinds
from selffit.numbers import budget, count, known, share
from selffit_tui.draw.format import fit, wrap
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.pixels import (
    PixelInks,
    colours,
    half_blocks,
    perturbation,
    perturbed,
    pixels,
    shades,
    shrunk,
    signed_colours,
)
from selffit_tui.draw.spans import Line, Span, crop, framed
from selffit_tui.model.scene import Scene
from selffit_tui.panels.panel import Panel
from selffit_tui.panels.parts.empty import no_full_set

PICTURES = 4
GREY = 0.5
FEWEST_CELLS, FEWEST_LINES = 7, 2  # of a picture in which anything can be made out
FEWEST_NAME = 4  # cells in which the name of a class can be recognised
WORDY = 22  # cells of a picture from which its heading is spelt out
SMALLER = 0.75  # of its size a picture may lose so that a second image fits
REASON = (
    "grey + delta holds nothing of the image: its class can be read there only from the "
    "perturbation itself"
)


class ImagePanel(Panel):
    """Pictures and predictions."""

    name = "images"
    title = "images"
    help = "images alone: x, perturbation, both, and the answers"
    keys = ("8", "m")

    def __init__(self, styles: Mapping[str, Style]) -> None:
        """`styles` is a palette; only that of 256 colours has a paper of its own."""
        super().__init__(PixelInks(styles))
        self._coloured = styles["text"].bgcolor is not None

    @staticmethod
    def scrolls(scene: Scene) -> int:
        """Image by image."""
        return (
            max((len(strip.images) for strip in scene.state.all(kinds.ImageStrip)), default=1) - 1
        )

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The pictures in their border."""
        return image_lines(scene, width, height, self._coloured)


def image_lines(scene: Scene, width: int, height: int, coloured: bool = True) -> list[Line]:
    """The pictures in their border.

    Half blocks where there are 256 colours (`coloured`) and Unicode, else shades.
    """
    glyphs = scene.glyphs
    title: list[Span] = [(ImagePanel.title, "title")]
    strip = scene.newest_of(scene.state.all(kinds.ImageStrip))
    inner, room = width - 2, height - 2
    if strip is None:
        body = no_full_set(scene, inner, "images", len(scene.state.all(kinds.ImageStrip)) > 0)
        return framed(body, width, height, glyphs, title)
    attack = f"{strip.attack} " if width >= 50 else ""
    title.append((f"  {attack}eps {budget(strip.eps)}", "dim"))
    note: list[Span] = [(f"step {count(strip.step)}", "dim")]
    cells, lines = picture_size(strip.shape, inner, room - 1, len(strip.images))
    drawable = strip.images and strip.shape[0] in (1, 3)
    if not drawable or cells < FEWEST_CELLS or lines < FEWEST_LINES:
        words = "too small for pictures" if drawable else "none that can be drawn"
        return framed([[], [(f"  {words}", "dim")]], width, height, glyphs, title, note)
    shown, which = _shown(scene, strip, (room - 1) // (lines + 1))
    half = coloured and not glyphs.plain
    apart = len(shown) * (lines + 2) <= room - 1
    body = [_beside(_headings(strip, cells, glyphs), cells, inner)]
    for image in shown:
        drawn = _pictures(image, strip.shape, strip.eps, cells, lines, half)
        body += [_beside([picture[row] for picture in drawn], cells, inner) for row in range(lines)]
        body += [
            _beside(_captions(image, strip, cells, glyphs), cells, inner),
            *([[]] if apart else []),
        ]
    reason = wrap(REASON, inner - 2)
    if len(body) + len(reason) <= room:
        body += [[(f" {part}", "dim")] for part in reason]
    foot = "  ".join(
        words for words in (which, "" if cells >= WORDY else _amplified(strip, glyphs)) if words
    )
    return framed(body, width, height, glyphs, title, note, [(foot, "faint")] if foot else [])


def picture_size(
    shape: tuple[int, int, int], width: int, height: int, images: int
) -> tuple[int, int]:
    """Cells and lines of each picture, four side by side in `width` cells, a line below them.

    The largest that fit into `height` lines, never more than the image has; a little smaller where
    two of several `images` then fit.
    """
    one, two = _largest(shape, width, height - 1), _largest(shape, width, height // 2 - 1)
    return two if images > 1 and two[0] >= SMALLER * one[0] else one


def _largest(shape: tuple[int, int, int], width: int, height: int) -> tuple[int, int]:
    _, rows, columns = shape
    cells = min(columns, (width - PICTURES + 1) // PICTURES)
    if cells <= 0 or height <= 0 or not rows:
        return 0, 0
    lines = round(cells * rows / columns / 2)
    if lines > height:
        lines = height
        cells = min(cells, round(2 * lines * columns / rows))
    return cells, lines


def _shown(
    scene: Scene, strip: kinds.ImageStrip, fitting: int
) -> tuple[tuple[kinds.StripImage, ...], str]:
    """The images for which there is room, and which of how many they are."""
    total, fitting = len(strip.images), max(1, fitting)
    scroll = scene.view.scroll if scene.view.panel == "images" else 0
    first = min(scroll, max(0, total - fitting))
    images = strip.images[first : first + fitting]
    if len(images) == total:
        return images, ""
    numbers = f"{first + 1}-{first + len(images)}" if len(images) > 1 else f"{first + 1}"
    return images, f"{numbers} of {total}"


def _amplified(strip: kinds.ImageStrip, glyphs: Glyphs) -> str:
    """How much stronger delta is drawn than it is.

    Its budget takes the whole range of the scale.
    """
    if not known(strip.eps) or strip.eps <= 0:
        return "delta in units of eps"
    return f"delta {0.5 / strip.eps:.1f}× amplified"


def _headings(strip: kinds.ImageStrip, cells: int, glyphs: Glyphs) -> list[Line]:
    if cells >= WORDY:
        words = ("x", _amplified(strip, glyphs), "x + delta", "grey + delta")
    else:
        words = (
            ("x", "delta", "x + delta", "grey+delta")
            if cells >= 10
            else ("x", "delta", "x+delta", "on grey")
        )
    return [[(fit(word, cells, ""), "text")] for word in words]


def _beside(parts: list[Line], cells: int, width: int) -> Line:
    """Four parts of `cells` cells in a line, evenly apart."""
    gap = max(1, min(4, (width - PICTURES * cells) // (PICTURES + 1)))
    margin = min(gap, max(0, width - PICTURES * cells - (PICTURES - 1) * gap))
    line: Line = [(" " * margin, "text")]
    for index, part in enumerate(parts):
        line += [*([(" " * gap, "text")] if index else []), *crop(part, cells)]
    return line


# a panel is drawn anew with everything that comes in, its images are the same for long
@lru_cache(maxsize=32)
def _pictures(
    image: kinds.StripImage,
    shape: tuple[int, int, int],
    eps: float,
    cells: int,
    lines: int,
    half: bool,
) -> tuple[list[Line], ...]:
    """The four pictures of an image."""
    x, delta = pixels(image.x, shape), perturbation(image.delta, shape)
    budget = eps if known(eps) else 0.0
    shown = (x, perturbed(x, delta, budget), perturbed(GREY, delta, budget))
    rows = 2 * lines if half else lines
    small = [shrunk(picture, rows, cells) for picture in shown]
    signed = shrunk(delta, rows, cells)
    first, *rest = [half_blocks(colours(picture)) if half else shades(picture) for picture in small]
    return first, half_blocks(signed_colours(signed)) if half else shades(0.5 + 0.5 * signed), *rest


def _captions(
    image: kinds.StripImage, strip: kinds.ImageStrip, cells: int, glyphs: Glyphs
) -> list[Line]:
    """Below each picture the prediction and whether it is right; below delta the true class."""
    true = _name(image.y, strip, glyphs)
    word = next((w for w in ("true class ", "true ") if len(w) + cell_len(true) <= cells), "y=")
    truth: Line = [
        (word, "dim"),
        (fit(true, min(cell_len(true), max(0, cells - len(word))), glyphs.ellipsis), "text"),
    ]
    clean, own, carrier = (
        _guess(g, image.y, strip, cells, glyphs) for g in (image.clean, image.own, image.carrier)
    )
    return [clean, truth, own, carrier]


def _guess(
    guess: tuple[int, float], y: int, strip: kinds.ImageStrip, cells: int, glyphs: Glyphs
) -> Line:
    """Class, probability and whether it is right.

    Where room is short the probability goes before the class.
    """
    number, probability = guess
    mark, style = (
        (glyphs.symbols["recovered"], "good") if number == y else (glyphs.symbols["off"], "alert")
    )
    name, shown = _name(number, strip, glyphs), f" {share(probability)} "
    needed = cell_len(name) + len(mark)
    if needed + len(shown) > cells:
        shown = f" {share(probability)} "
    if min(needed, FEWEST_NAME + len(mark)) + len(shown) > cells:
        shown = " "
    room = max(0, cells - len(shown) - len(mark))
    return [
        (fit(name, min(cell_len(name), room), glyphs.ellipsis), "strong"),
        (shown, "text"),
        (mark, style),
    ]


def _name(number: int, strip: kinds.ImageStrip, glyphs: Glyphs) -> str:
    """The name of a class, else its number."""
    return strip.classes[number] if 0 <= number < len(strip.classes) else str(number)
