"""The box in which interventions are chosen, filled in and confirmed."""

from rich.cells import cell_len

from selffit_tui.draw.format import fit, wrap
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.spans import Line, Span, framed
from selffit_tui.intervene.dialog import CONFIRM, FORM, LIST, Dialog, Edit
from selffit_tui.model.scene import Scene
from selffit_tui.panels.widget import LineWidget
from selffit_tui.words.commands import asked

RECOMMENDED = "recommended"
POINTER = 3  # cells before a title
NOW_WIDTH = 20  # cells at most for the current value beside an action
LABEL = 16
ABOUT = 8  # lines below the list, for what the chosen action does
NEXT_FIELD = "tab: next field   "
KEYS = {
    LIST: "up down: choose   enter: take   esc: back",
    FORM: f"{NEXT_FIELD}enter: go on   esc: back",
    CONFIRM: "y: yes, do it   n esc: no",
}


class DialogPanel(LineWidget):
    """Shows a dialog; the scene gives the glyphs only."""

    dialog: Dialog

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The box."""
        return dialog_lines(self.dialog, scene.glyphs, width, height)


def dialog_height(dialog: Dialog, glyphs: Glyphs, width: int) -> int:
    """The lines that show everything, border included."""
    if dialog.stage == LIST:
        return len(dialog.actions) + len(_notice(dialog, glyphs, width)) + ABOUT + 3
    return len(_notice(dialog, glyphs, width)) + len(_body(dialog, glyphs, width)) + 3


def dialog_lines(dialog: Dialog, glyphs: Glyphs, width: int, height: int) -> list[Line]:
    """The box of one stage."""
    top, body = _notice(dialog, glyphs, width), _body(dialog, glyphs, width)
    title: list[Span] = [("intervene", "title")]
    note: list[Span] = [(f"settings version {dialog.version}", "faint")]
    keys = KEYS[dialog.stage]
    if dialog.stage == LIST:
        listed = max(1, height - 2 - len(top) - max(len(body), ABOUT - 1) - 1)
        rule: Line = [(glyphs.rule * (width - 2), "frame")]
        body = [*_list(dialog, glyphs, width - 2, listed), rule, *body]
    else:
        title.append((f"  {dialog.action.title}", "strong"))
        keys = keys.removeprefix(NEXT_FIELD) if len(dialog.edits) == 1 else keys
    return framed([*top, *body], width, height, glyphs, title, note, [(keys, "dim")])


def _notice(dialog: Dialog, glyphs: Glyphs, width: int) -> list[Line]:
    """What somebody else has changed meanwhile."""
    parts = wrap(dialog.notice, max(1, width - 6))
    return [[(f"  {part}", "warn")] for part in parts[:3]] + ([[]] if parts else [])


def _body(dialog: Dialog, glyphs: Glyphs, width: int) -> list[Line]:
    """What there is to read in this stage, the list of actions apart."""
    about = _about(dialog, glyphs, max(1, width - 6))
    if dialog.stage == LIST:
        return about
    if dialog.stage == FORM:
        return [[], *_form(dialog, glyphs, width - 2), *about]
    return [[], *about, *_question(dialog, glyphs, max(1, width - 6))]


def _list(dialog: Dialog, glyphs: Glyphs, width: int, rows: int) -> list[Line]:
    """The actions, the chosen one in reverse video and always in sight."""
    first = min(
        max(0, dialog.index - rows + 1 + (dialog.index < len(dialog.actions) - 1)),
        len(dialog.actions),
    )
    shown = list(enumerate(dialog.actions))[first : first + rows]
    now_width = _now_width(dialog, width)
    lines: list[Line] = []
    for place, action in shown:
        chosen = place == dialog.index
        pointer = glyphs.symbols["chosen"] if chosen else " "
        right = action.now
        if action.recommended and cell_len(action.title) + POINTER + 2 + len(RECOMMENDED) <= width:
            right = RECOMMENDED
        left = max(1, width - max(now_width, len(right)) - 1) if right else width
        words = fit(f" {pointer} {action.title}", left, glyphs.ellipsis)
        style = "chosen" if chosen else "text"
        tail = fit(right, width - left, glyphs.ellipsis)
        beside = "alert" if action.recommended else "dim"
        lines.append([(words, style), (tail, "chosen" if chosen else beside)])
    return lines + [[] for _ in range(rows - len(lines))]


def _now_width(dialog: Dialog, width: int) -> int:
    """The cells of the current values: as many as they need, where the titles leave those."""
    valued = [(cell_len(one.title), cell_len(one.now)) for one in dialog.actions if one.now]
    free = min((width - title - POINTER - 2 for title, _ in valued), default=0)
    longest = max((now for _, now in valued), default=0)
    return max(min(NOW_WIDTH, width // 5), min(longest, free))


def _about(dialog: Dialog, glyphs: Glyphs, room: int) -> list[Line]:
    """What the action does, current → new values, and why it cannot be done now."""
    lines: list[Line] = [[(f"  {part}", "text")] for part in wrap(dialog.action.does, room)]
    changes = dialog.changes()
    lines += [[]] + [[(f"  {part}", "act")] for part in wrap(changes, room)] if changes else []
    if dialog.touched and (problem := dialog.problem()):
        lines += [[]] + [[(f"  {part}", "warn")] for part in wrap(problem, room)]
    return lines


def _form(dialog: Dialog, glyphs: Glyphs, width: int) -> list[Line]:
    """The fields, the cursor in the one that is edited, its hint below."""
    lines: list[Line] = []
    for place, (field, edit) in enumerate(zip(dialog.action.fields, dialog.edits, strict=True)):
        here = place == dialog.field
        pointer = glyphs.symbols["chosen"] if here else " "
        label = fit(field.label, LABEL, glyphs.ellipsis)
        line: Line = [(f" {pointer} ", "strong"), (label, "strong" if here else "dim")]
        room = max(4, width - LABEL - 6)
        if here:
            line += edit_spans(edit, room)
        else:
            line.append((fit(edit.text or glyphs.bullet, room, glyphs.ellipsis), "text"))
        lines.append(line)
    field = dialog.action.fields[dialog.field]
    hint = field.hint + ("   space: next" if field.choices else "")
    parts = wrap(hint, max(4, width - LABEL - 6))
    return [*lines, []] + [[(" " * (LABEL + 3), "text"), (part, "dim")] for part in parts] + [[]]


def edit_spans(edit: Edit, room: int) -> list[Span]:
    """A line that is edited, the cursor always in sight."""
    first = max(0, edit.at - room + 2)
    text = edit.text[first:] + " "
    at = len(edit.text[first : edit.at])
    return [
        (text[:at], "strong"),
        (text[at], "tab"),
        (fit(text[at + 1 :], room - at, ""), "strong"),
    ]


def _question(dialog: Dialog, glyphs: Glyphs, room: int) -> list[Line]:
    """What is about to be sent, and the question."""
    command = dialog.command()
    words = asked(command.op, command.args)
    lines: list[Line] = [[], [("  this will be sent", "dim")]]
    lines += [[(f"    {part}", "strong")] for part in wrap(words, room - 2)]
    return [
        *lines,
        [],
        [
            ("  do it?  ", "strong"),
            (" y ", "key"),
            ("yes   ", "dim"),
            (" n ", "key"),
            ("no", "dim"),
        ],
    ]
