"""What there is to say of the run under the cursor."""

from rich.cells import cell_len

from selffit.numbers import age, budget, count, known, plural, share
from selffit.run.listing.row import Row
from selffit.vocabulary import ACCURACY, standing_of, state_of
from selffit_tui.draw.format import fit, wrap
from selffit_tui.draw.spans import Line, Span, crop, framed
from selffit_tui.model.compare.table import as_text
from selffit_tui.model.listing.scene import ListScene
from selffit_tui.panels.runs.columns import ink
from selffit_tui.panels.widget import LineView
from selffit_tui.words.commands import label

WIDE, BRIEF = 90, 54  # cells: below, accuracies are told in fewer words, and in fewest
SETTINGS = ("data", "model", "width", "seed", "batch_size", "lr", "preset")


class RunsDetails(LineView[ListScene]):
    """The box under the list."""

    def draw(self, scene: ListScene, width: int, height: int) -> list[Line]:
        """The lines in their border."""
        return detail_lines(scene, width, height)


def detail_lines(scene: ListScene, width: int, height: int) -> list[Line]:
    """The run under the cursor: what stands, its accuracies, its labels, what it trains."""
    row = scene.row
    if row is None:
        return framed([], width, height, scene.glyphs, [("run", "title")])
    inner = width - 4
    others = [line for line in (_scores(row, inner), _labels(row), _setup(row, inner)) if line]
    room = max(1, height - 2 - len(others))
    ellipsis = scene.glyphs.ellipsis
    lines = [*_stands(row, inner, room, ellipsis), *others]
    lines = [crop(line, inner, ellipsis) for line in lines]
    body: list[Line] = [[(" ", "text"), *line] for line in lines]
    title: Line = [(row.shown, "strong"), (f"  {_state(row)}", ink(state_of(row.state).style))]
    return framed(body, width, height, scene.glyphs, title, _when(row, scene))


def _state(row: Row) -> str:
    if not row.read:
        return "not read yet"
    return f"{row.state} of {row.copy_of}" if row.copy_of else row.state


def _when(row: Row, scene: ListScene) -> list[Span]:
    if not row.heard:
        return []
    return [(f"last event {age(scene.now - row.heard)} ago", "faint")]


def _stands(row: Row, width: int, room: int, ellipsis: str) -> list[Line]:
    """What is wrong, and the verdict as a sentence, in at most `room` lines."""
    if row.why:
        return [[(part, "warn")] for part in wrap(row.why, width)[:room]]
    wrong: list[Line] = []
    if row.troubles:
        wrong = [[(", ".join(row.troubles), "alert" if row.serious else "warn")]]
    told = wrap(row.stands, width) if row.stands else []
    most = max(1, room - len(wrong))
    if len(told) > most:
        told = [*told[: most - 1], fit(f"{told[most - 1]} {told[most]}", width, ellipsis)]
    style = standing_of(row.verdict).style if row.verdict else "text"
    return [*([(part, style)] for part in told), *wrong]


def _scores(row: Row, width: int) -> Line:
    """Accuracies now, and the best at the same budget."""
    if not row.n:
        return []
    if width < WIDE:
        return _brief(row, width)
    line: Line = []
    for name in ("clean", "fgsm", "pgd"):
        line += [
            (f"{ACCURACY[name].label} ", "dim"),
            (share(getattr(row.now, name)), name),
            (f" best {share(getattr(row.best, name))}   ", "dim"),
        ]
    at = f"at eps {budget(row.budget)}, " if known(row.budget) else ""
    return [*line, (f"{at}{plural(row.n, 'image')}", "faint")]


def _brief(row: Row, width: int) -> Line:
    line: Line = []
    for name in ("clean", "fgsm", "pgd"):
        now, best = (share(getattr(scores, name)) for scores in (row.now, row.best))
        line += [
            ("  " if line else "", "dim"),
            (f"{ACCURACY[name].label} ", "dim"),
            (now, name),
            (f"/{best}", "dim"),
        ]
    return [*line, ("  now/best", "faint")] if width > BRIEF else line


def _labels(row: Row) -> Line:
    labels = row.labels
    if labels.fault:
        return [(labels.fault, "warn")]
    tags: Line = [("tags ", "dim"), (f"{' '.join(labels.tags)}   ", "title")] if labels.tags else []
    note: Line = [("note ", "dim"), (labels.note, "text")] if labels.note else []
    return [*tags, *note]


def _setup(row: Row, width: int) -> Line:
    """What it trains, as many settings as there is room for."""
    told = [
        f"{label(name)} {as_text(name, row.settings[name])}"
        for name in SETTINGS
        if row.settings.get(name)
    ]
    if len(row.branches) > 1:
        told.insert(2, f"branches {', '.join(row.branches)}")
    if row.steps:
        told.insert(0, f"step {count(row.step)}/{count(row.steps)}")
    while len(told) > 1 and cell_len("  ".join(told)) > width:
        told.pop()
    return [("  ".join(told), "faint")] if told else []
