"""The parts that pages are made of: one file, no script, nothing to load, light and dark."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

from selffit.vocabulary import DEFINITIONS, SOURCE

# Nothing may be loaded or run, whatever a name in a log tries to smuggle in.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def document(title: str, style: str, parts: Iterable[str]) -> str:
    """A whole page of HTML parts; the title is text."""
    shown = escape(title)
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{shown}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style}</style></head>\n"
        "<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], first: int, numbers: int) -> str:
    """Cells are HTML already. `first` columns of words come before `numbers` of numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        def cell(place: int, content: str) -> str:
            kind = " class='n'" if first <= place < first + numbers else ""
            return f"<{tag}{kind}>{content}</{tag}>"

        return f"<tr>{''.join(cell(place, content) for place, content in enumerate(cells))}</tr>"

    body = "".join(line(cells, "td") for cells in rows)
    header = line([escape(name) for name in head], "th")
    return f"<div class='scroll'><table>{header}{body}</table></div>"


def uri(kind: str, data: bytes) -> str:
    """Data inside the page."""
    return f"data:{kind};base64,{b64encode(data).decode('ascii')}"


def definitions() -> str:
    """What the words of a page mean."""
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(meaning)}</dd>" for name, meaning in DEFINITIONS
    )
    return f"<h2>What the words mean</h2><dl>{items}</dl><p class='dim'>{escape(SOURCE)}</p>"
