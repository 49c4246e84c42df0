"""The report of a run: its verdict first, then what it rests on. One file, without script or link.

Readable on a phone and in the dark: figures come wide and narrow, in the colours of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from matplotlib.figure import Figure

from selffit import __version__
from selffit.eventlog import kinds
from selffit.numbers import in_unit, known, small
from selffit.report import html, run_figures, sentences
from selffit.report.figures import causal_effects
from selffit.report.findings import Findings
from selffit.report.page import causal_table, channel_table
from selffit.run.folded.state import RunState
from selffit.run.judged.reacting import policy_words
from selffit.run.judged.trouble import troubles
from selffit.run.judged.verdict import stands, verdict
from selffit.run.judged.wording import sentence
from selffit.vocabulary import EVIDENCE, STEP, level_of, state_of

_STYLE = """
:root { color-scheme: light dark; --ink: #222; --page: #fff; --dim: #666; --rule: #ddd;
        --bad: #b3261e; --good: #1a7f5a; --warn: #b7791f; --box: #f5f5f5; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --page: #16181b; --dim: #a0a0a0; --rule: #3a3d42; --bad: #ff8078;
          --good: #4fd1a8; --warn: #e8b84a; --box: #202327; DARK }
}
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
       max-width: 62rem; margin: 1.5rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin-top: 2.25rem;
       border-bottom: 1px solid var(--rule); }
.verdict { border-left: .35rem solid var(--good); background: var(--box); padding: .75rem 1rem;
           font-size: 1.05rem; } .verdict.fallen { border-color: var(--bad); }
.verdict.doubtful { border-color: var(--warn); } .verdict.idle { border-color: var(--dim); }
.verdict b { text-transform: uppercase; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums;
        overflow-wrap: normal; }
th, td { padding: .15rem .7rem .15rem 0; text-align: left; vertical-align: top; }
th { color: var(--dim); font-weight: normal; border-bottom: 1px solid var(--rule); }
td.n, th.n { text-align: right; }
.ill { color: var(--bad); font-weight: 600; } .dim { color: var(--dim); }
figure { margin: 1rem 0; } figure svg { display: block; width: 100%; height: auto; }
figure svg text { font-family: system-ui, sans-serif; }
figure.paper img { width: 100%; background: #fff; border-radius: .25rem; }
figcaption { font-size: .95rem; } .narrow { display: none; } .scroll { overflow-x: auto; }
@media (max-width: 40rem) { .wide { display: none; } .narrow { display: block; }
  body { margin: .75rem auto; } th, td { padding-right: .5rem; } }
@media print { .narrow { display: none; } .wide { display: block; } }
dt { font-weight: 600; margin-top: .5rem; } dd { margin-left: 1rem; } details { margin: 1rem 0; }
"""


@dataclass(frozen=True, kw_only=True)
class RunFigure:
    """A figure of a run: its name, how it is drawn, how high (inches), and what it shows."""

    name: str
    title: str
    draw: Callable[[Figure], None]
    height: float
    shows: str


def figures_of(state: RunState) -> Iterator[RunFigure]:
    """The figures for which the run has measurements."""
    if len(state.all(kinds.RobustProbe)):
        yield RunFigure(
            name="accuracies",
            title="Accuracy through training",
            draw=run_figures.accuracies(state),
            height=3.4,
            shows=sentences.of_accuracies(state),
        )
    if (draw := run_figures.signals(state)) is not None:
        yield RunFigure(
            name="signals",
            title="Signals of every training step",
            draw=draw,
            height=4.6,
            shows=sentences.of_signals(state),
        )
    if (draw := run_figures.index(state)) is not None:
        yield RunFigure(
            name="index",
            title="The self-fitting index and its signs",
            draw=draw,
            height=2.8,
            shows=sentences.of_index(state),
        )
    if layer := sentences.most_changed_layer(state):
        yield RunFigure(
            name="channels",
            title="Channel differentiation",
            draw=run_figures.dominance(state, layer),
            height=2.8,
            shows=sentences.of_channels(state, layer),
        )


def run_page(state: RunState, word: str, name: str) -> str:
    """Return the report of a run as the text of an HTML file; word: its state, name: its folder.

    Every text from outside is escaped.
    """
    figures = list(figures_of(state))
    parts = [_head(state, word, name), *_imported(state)]
    for figure in figures:
        parts.append(f"<h2>{escape(figure.title)}</h2>{_figure(figure)}")
        if figure.name == "accuracies":
            parts += [*_alerts(state), *interventions(state)]
        if figure.name == "channels":
            parts += _channels(state)
    if not figures:
        parts.append("<p>Nothing was measured in this run.</p>")
    parts += [*_causal(state), *_settings(state)]
    parts.append(f"<details><summary>Words</summary>{html.definitions()}</details>")
    dark = " ".join(f"{run_figures.variable(c)}: {d};" for c, d in run_figures.DARK.items())
    return html.document(f"{name}: report", _STYLE.replace("DARK", dark), parts)


_INK = {"caution": " doubtful", "warn": " doubtful", "idle": " idle"}  # by the ink of a headline


def _head(state: RunState, word: str, name: str) -> str:
    found = verdict(state)
    ill = " fallen" if found.fallen or found.level.serious else _INK.get(found.level.banner, "")
    told = sentence(state, found)
    first, rest = found.state, told.removeprefix(found.state)
    policy = policy_words(state, found)
    wrong = "".join(
        f"<p class='ill'>{escape(one.name)}: {escape(one.text)}</p>" for one in troubles(state)
    )
    ending = state.ending
    why = f" ({escape(ending.text)})" if ending is not None and ending.text else ""
    trained = ", ".join(
        filter(
            None,
            (
                str(state.config.get("method") or ""),
                str(state.config.get("model") or ""),
                state.start.data_set.name if state.start is not None else "",
                f"budget {_setting('eps', state.config['eps'])}" if "eps" in state.config else "",
            ),
        )
    )
    total = f" of {state.steps_total:,}".replace(",", " ") if state.steps_total else ""
    about = f"{escape(word)}{why}, {sentences.place(state, state.step)}{total}"
    about += f"; {escape(trained)}" if trained else ""
    return (
        f"<h1>{escape(name)}</h1>"
        f"<p class='verdict{ill}'><b>{escape(first)}</b>{escape(rest)}</p>"
        + (f"<p class='dim'>Policy: {escape(policy)}.</p>" if policy else "")
        + f"<p class='dim'>{about}. Written by selffit {__version__}; {state_word(word)}</p>{wrong}"
    )


def state_word(word: str) -> str:
    """What the state of a run means, as a clause."""
    meaning = state_of(word).meaning
    return f"{escape(word)}: {escape(meaning)}." if meaning else ""


def _imported(state: RunState) -> Iterator[str]:
    told = state.last(kinds.Imported)
    if told is None:
        return
    said = [*told.assumed, *(f"left out: {one}" for one in told.left_out)]
    listed = "".join(f"<li>{escape(one)}</li>" for one in said)
    yield (
        f"<p>Imported from {escape(told.source)}, read as {escape(told.format)}.</p>"
        f"<details><summary>What was assumed</summary><ul>{listed}</ul></details>"
    )


def _figure(figure: RunFigure) -> str:
    drawn = "".join(
        f"<div class='{size}' role='img' aria-label='{escape(figure.title)}'>"
        + run_figures.svg(figure.draw, size, figure.height, f"{figure.name}-{size}")
        + "</div>"
        for size in ("wide", "narrow")
    )
    return f"<figure>{drawn}<figcaption>{escape(figure.shows)}</figcaption></figure>"


def _alerts(state: RunState) -> Iterator[str]:
    found = state.all(kinds.Alert)
    if not len(found):
        return
    rows = []
    for alert in found:
        level = level_of(alert.level)
        kind = "ill" if level.serious else ""
        left = "" if stands(alert, state.line) else " <span class='dim'>(left behind)</span>"
        evidence = ", ".join(
            f"{escape(EVIDENCE[name].label)} {escape(in_unit(value, EVIDENCE[name].unit))}"
            for name, value in alert.evidence.items()
            if known(value) and name in EVIDENCE
        )
        rows.append(
            [
                f"{sentences.place(state, alert.about)}",
                f"<span class='{kind}'>{escape(alert.level)}</span>{left}",
                f"{escape(alert.text)}<br><span class='dim'>{evidence}</span>",
            ]
        )
    yield "<h2>Evidence</h2>" + html.table(
        ["where", "alert", "what and by which numbers"], rows, 3, 0
    )
    named = state.all(kinds.Diagnosis)
    if len(named):
        why = named[-1].text.removeprefix(f"{named[-1].disease}: ")
        yield f"<p><b>{escape(named[-1].disease)}</b>: {escape(why)}</p>"


def interventions(state: RunState) -> Iterator[str]:
    """The interventions of a run and what came of them, as HTML; nothing where there were none."""
    history = state.ledger.history
    refused = state.all(kinds.Rejected)
    if not len(history) and not len(refused):
        return
    came = dict(sentences.outcomes(state))
    rows = []
    for change in history:
        what = ", ".join(
            f"{escape(name)} {escape(_setting(name, change.old.get(name)))} → "
            f"{escape(_setting(name, value))}"
            for name, value in change.new.items()
            if change.old.get(name) != value and name not in ("seed", "zeroed")
        )
        where = f" onto {escape(change.branch)}" if change.branch != change.asked_on else ""
        rows.append(
            [
                sentences.place(state, change.step),
                f"<b>{escape(change.op)}</b>{where} by {escape(change.by)}",
                what or "<span class='dim'>nothing but the place</span>",
                escape(came.get(change.id, "")),
            ]
        )
    for one in refused:
        told = f"refused ({escape(one.rule)}): {escape(one.reason)}"
        asked = f"<b>{escape(one.op or one.id)}</b> by {escape(one.by or 'somebody')}"
        rows.append([sentences.place(state, one.step), asked, "", told])
    head = ["where", "intervention", "what changed", "what came of it"]
    yield "<h2>Interventions and what came of them</h2>" + html.table(head, rows, 4, 0)


def _channels(state: RunState) -> Iterator[str]:
    last = state.current(kinds.ChannelProbe)
    if last is not None:
        yield (
            f"<details><summary>Every layer at {sentences.place(state, last.step)}</summary>"
            f"{channel_table(last, state.current(kinds.CausalProbe))}</details>"
        )


def _causal(state: RunState) -> Iterator[str]:
    probe = state.current(kinds.CausalProbe) or state.last(kinds.CausalProbe)
    if probe is None or not probe.rows:
        return
    found = Findings(f"step {probe.step}", probe.branch, probe.step, {kinds.CausalProbe: probe})
    picture = html.uri("image/svg+xml", causal_effects(found))
    title = "What zeroing channels changes"
    yield (
        f"<h2>{title} ({sentences.place(state, probe.step)} of {escape(probe.branch)})</h2>"
        f"<figure class='paper scroll'><img alt='{title}' src='{picture}'>"
        f"<figcaption>{escape(sentences.of_causal(probe))}</figcaption></figure>"
        f"<details><summary>Numbers</summary>{causal_table(probe)}</details>"
    )


def _settings(state: RunState) -> Iterator[str]:
    if not state.config:
        return
    rows = [
        [escape(str(name)), escape(_setting(str(name), value))]
        for name, value in state.config.items()
    ]
    yield (
        f"<details><summary>Settings</summary>{html.table(['setting', 'value'], rows, 1, 1)}"
        "</details>"
    )


def _setting(name: str, value: object) -> str:
    if isinstance(value, float):
        return in_unit(value, STEP[name].unit) if name in STEP else small(value)
    return "-" if value is None else str(value)
