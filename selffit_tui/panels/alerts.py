"""The alerts with their evidence, newest first; below an ended run, how it ended."""

from collections.abc import Mapping, Sequence

from selffit.eventlog import kinds
from selffit.numbers import count, in_unit, known, share
from selffit.run.judged.answered import answered, wants_rollback
from selffit.run.judged.verdict import newest_diagnosis, stands
from selffit.run.judged.wording import cause_words
from selffit.vocabulary import EVIDENCE, ONSET, level_of
from selffit_tui.draw.format import fit, wrap
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.spans import Line, Span, framed
from selffit_tui.model.scene import Scene
from selffit_tui.panels.panel import Panel
from selffit_tui.panels.parts.ending import ending_lines
from selffit_tui.words.diagnosis import lead_words

MOST_LINES = 20  # of one alert
NAME, NARROW = 15, 11  # cells of what a number is called, and where room is short
ROOMY = 30  # cells of a number with its name from which there is no need to be short


class AlertPanel(Panel):
    """What the detector said, and why."""

    name = "alerts"
    title = "alerts"
    help = "alerts alone"
    keys = ("4", "f5")
    side = "right"

    @staticmethod
    def scrolls(scene: Scene) -> int:
        """More lines than the alerts have; drawing stops at the last one."""
        return MOST_LINES * len(scene.state.all(kinds.Alert))

    @staticmethod
    def badge(scene: Scene) -> str:
        """The symbol of the newest alert, unless a roll-back has left that behind."""
        alert = scene.state.last(kinds.Alert)
        if alert is None or not stands(alert, scene.line):
            return ""
        return scene.glyphs.symbols[level_of(alert.level).symbol]

    @staticmethod
    def terms(scene: Scene) -> Sequence[tuple[str, str]]:
        """The numbers of the newest alert."""
        alert = scene.state.last(kinds.Alert)
        names = [] if alert is None else [name for name in EVIDENCE if name in alert.evidence]
        return [(EVIDENCE[name].label, EVIDENCE[name].meaning) for name in names]

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The alerts in their border."""
        return alert_lines(scene, width, height)


def alert_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The alerts in their border."""
    state, glyphs = scene.state, scene.glyphs
    title: list[Span] = [(AlertPanel.title, "title")]
    inner = width - 2
    body = [*ending_lines(scene, inner)]
    alerts = state.all(kinds.Alert)
    for alert in reversed(alerts):
        diagnosis = newest_diagnosis(state, alert) if alert.level == ONSET.name else None
        live = stands(alert, scene.line)
        folded = not live and scene.view.panel != AlertPanel.name
        said = _advised(scene, alert)
        body += alert_block(alert, inner, glyphs, live, diagnosis, said, folded=folded)
    if not len(alerts):
        body += _calm(scene, inner)
    rows = max(0, height - 2)
    skip = min(scene.view.scroll, max(0, len(body) - rows)) if scene.view.panel == "alerts" else 0
    foot: list[Span] = []
    if len(body) > rows:
        more = len(body) - rows - skip
        foot = [
            (
                f"{more} more lines below" if scene.view.panel == "alerts" else "4: all of it",
                "faint",
            )
        ]
    number: list[Span] = [(str(len(alerts)), "dim")] if len(alerts) else []
    return framed(body[skip:], width, height, glyphs, title, number, foot)


def _advised(scene: Scene, alert: kinds.Alert) -> Sequence[str]:
    """What was done about the alert that stands, and what the detector said, if that is left."""
    found = scene.stands
    answer = answered(scene.state, found) if alert in (found.alert, found.onset) else None
    if answer is None:
        return (alert.advice,)
    left = (alert.advice,) if wants_rollback(scene.state, found) else ()
    return (f"{answer.by}: {answer.text}", *left)


def _calm(scene: Scene, width: int) -> list[Line]:
    state = scene.state
    if not len(state.all(kinds.RobustProbe)):
        what = "none: a probe has to be made first"
    elif state.ending is not None:
        what = "none in this run"
    else:
        what = "none so far"
    lines: list[Line] = [[], [(f"  {what}", "text")]]
    probe = state.current(kinds.RobustProbe)
    if probe is not None:
        pgd = [p.pgd for p in state.all(kinds.RobustProbe) if known(p.pgd)]
        best = max(pgd, default=float("nan"))
        lines.append(
            [(f"  PGD {share(probe.pgd)} of best {share(best)}, n {count(probe.n)}", "dim")]
        )
    return lines


def alert_block(
    alert: kinds.Alert,
    width: int,
    glyphs: Glyphs,
    live: bool = True,
    diagnosis: kinds.Diagnosis | None = None,
    said: Sequence[str] | None = None,
    *,
    folded: bool = False,
) -> list[Line]:
    """One alert: headline, disease and what to do first, then evidence and the detector's words.

    `diagnosis` is the newest one of the onset. `live`: no roll-back has left it behind. `said`:
    what is to be done, by default what the detector said then. `folded`: the headline alone.
    """
    level = level_of(alert.level)
    style, symbol = level.banner if live else "dim", glyphs.symbols[level.symbol]
    step = alert.about
    headline: Line = [
        (f" {symbol:<2} {level.label} ", style),
        (f" step {count(step)}", "strong"),
    ]
    where = _noticed(alert, glyphs) if live else f"  on {alert.branch}, left behind"
    headline.append((where, "dim"))
    if folded:
        return [headline, []]
    lines: list[Line] = [
        headline,
        *_disease(alert, diagnosis, width, glyphs),
    ]
    if alert.healthy_step is not None:
        healthy = f"    last healthy  step {count(alert.healthy_step)}"
        lines.append([(healthy, "good"), (f"  PGD {share(alert.healthy_pgd)}", "dim")])
    for words in (alert.advice,) if said is None else said:
        for index, part in enumerate(wrap(words, width - 7)):
            lines.append([(f"    {'→' if index == 0 else ' '} {part}", "title")])
    lines += evidence_rows(alert.evidence, alert, width - 5, glyphs)
    for text in (alert.text, diagnosis.text if diagnosis is not None else ""):
        lines += [[(f"    {part}", "text")] for part in wrap(text, width - 5)]
    return [*lines, []]


def _disease(
    alert: kinds.Alert, diagnosis: kinds.Diagnosis | None, width: int, glyphs: Glyphs
) -> list[Line]:
    """What the disease is called, what it was called first where that differs, when it showed."""
    first = alert.disease or (diagnosis.disease if diagnosis is not None else "")
    if not first:
        return []
    if diagnosis is None:
        return [[("    ", "text"), (cause_words(first), "alert")]]
    lines: list[Line] = [[("    ", "text"), (cause_words(diagnosis.disease), "alert")]]
    if diagnosis.disease != first:
        said = f" (first {first}), step {count(diagnosis.step)}"
        lines = [[*lines[0], (said, "dim")]]
    words = lead_words(diagnosis.lead)
    return lines + [[(f"    {part}", "text")] for part in wrap(words, width - 5)]


def _noticed(alert: kinds.Alert, glyphs: Glyphs) -> str:
    """The bracket of the onset, and when it was noticed."""
    if alert.onset_step is None:
        return ""
    low = f"  after {count(alert.onset_low)}" if alert.onset_low is not None else ""
    return low + (f"  noticed {count(alert.step)}" if alert.step != alert.onset_step else "")


def evidence_rows(
    evidence: Mapping[str, float], alert: kinds.Alert, width: int, glyphs: Glyphs
) -> list[Line]:
    """The numbers behind an alert in two aligned columns."""
    pairs: list[tuple[str, str]] = []
    columns = 2 if width >= 36 else 1
    cell = width // columns
    room = NAME if cell >= ROOMY else NARROW
    names = [name for name in EVIDENCE if name in evidence] + [
        name for name in evidence if name not in EVIDENCE
    ]
    for name in names:
        if name.endswith("_usual") and name[:-6] in evidence:
            continue
        pairs.append((_name(name, room), _number(name, evidence)))
    if alert.confidence is not None:
        pairs.append((_name("confidence", room), share(alert.confidence)))
    if alert.n:
        pairs.append((_name("n", room), count(alert.n)))
    wide = [pair for pair in pairs if len(pair[1]) > cell - room - 1]  # each on a row of its own
    pairs = [pair for pair in pairs if pair not in wide]
    rows = [[pair] for pair in wide] + [
        pairs[start : start + columns] for start in range(0, len(pairs), columns)
    ]
    return [_evidence_row(row, room, width // len(row), glyphs) for row in rows]


def _evidence_row(pairs: list[tuple[str, str]], room: int, cell: int, glyphs: Glyphs) -> Line:
    line: Line = [("    ", "text")]
    for name, value in pairs:
        line += [
            (fit(name, room, glyphs.ellipsis), "dim"),
            (fit(value, max(0, cell - room), glyphs.ellipsis), "strong"),
        ]
    return line


def _name(name: str, room: int) -> str:
    """What a number is called, shortly where its label has no room."""
    if name not in EVIDENCE:
        return name
    label = EVIDENCE[name].label
    return label if len(label) < room else EVIDENCE[name].short


def _number(name: str, evidence: Mapping[str, float]) -> str:
    value, usual = evidence[name], evidence.get(f"{name}_usual")
    unit = EVIDENCE[name].unit if name in EVIDENCE else ""
    if usual is not None:
        return f"{in_unit(usual, unit)} → {in_unit(value, unit)}"
    return in_unit(value, unit)
