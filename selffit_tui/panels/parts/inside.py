"""Words and rules inside a plot: names at the ends of lines, limits, letters along the lines."""

from collections.abc import Collection

from selffit_tui.draw.raster import Raster


def put(raster: Raster, row: int, start: int, words: str, owner: int) -> None:
    """Writes words over the cells of a row, in the ink of an owner."""
    cells = raster.rows[row]
    words = words[: max(0, len(cells) - start)]
    raster.rows[row] = cells[:start] + words + cells[start + len(words) :]
    raster.owners[row, start : start + len(words)] = owner


def place(
    raster: Raster, row: int, words: str, free: Collection[int], taken: Collection[int] = ()
) -> int | None:
    """The rightmost start at which words fit into a row, None where they do not.

    They fit over cells of the owners in `free` that are not `taken` by a mark, with one on either
    side.
    """
    owners = raster.owners[row].tolist()
    for start in range(len(owners) - len(words) - 1, 0, -1):
        cells = range(start - 1, min(len(owners), start + len(words) + 1))
        if all(owners[cell] in free and cell not in taken for cell in cells):
            return start
    return None


def dashes(raster: Raster, row: int, dash: str, owner: int) -> None:
    """Draws a dashed rule through the empty cells of a row: every second one."""
    owners = raster.owners[row]
    cells = list(raster.rows[row])
    for cell in range(0, len(cells), 2):
        if owners[cell] == -1:
            cells[cell] = dash
            owners[cell] = owner
    raster.rows[row] = "".join(cells)
