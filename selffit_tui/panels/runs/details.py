"""What there is to say of the run under the cursor."""

from selffit.numbers import age, budget, count, known, plural, share
from selffit.run.listing.row import Row
from selffit.vocabulary import ACCURACY, STANDING, state_of
from selffit_tui.draw.format import wrap
from selffit_tui.draw.spans import Line, Span, framed
from selffit_tui.model.listing.scene import ListScene
from selffit_tui.panels.runs.columns import ink
from selffit_tui.panels.widget import LineView

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
    lines: list[Line] = _stands(row, inner, height - 2)
    lines += [line for line in (_scores(row, inner), _labels(row), _setup(row)) if line]
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


def _stands(row: Row, width: int, room: int) -> list[Line]:
    """The verdict as a sentence, in at most two lines where there is little room."""
    if row.why:
        return [[(part, "warn")] for part in wrap(row.why, width)]
    if not row.stands:
        return []
    style = STANDING[row.verdict].style if row.verdict in STANDING else "text"
    told = wrap(row.stands, width)[: max(1, room - 2)]
    lines: list[Line] = [[(part, style)] for part in told]
    if row.troubles:
        lines.append([(", ".join(row.troubles), "alert" if row.serious else "warn")])
    return lines


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


def _setup(row: Row) -> Line:
    told = [f"{name} {row.settings[name]}" for name in SETTINGS if row.settings.get(name)]
    if row.steps:
        told.insert(0, f"step {count(row.step)}/{count(row.steps)}")
    if len(row.branches) > 1:
        told.append(f"branches {', '.join(row.branches)}")
    return [("  ".join(told), "faint")] if told else []
