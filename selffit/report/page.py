"""The report as one HTML file that needs nothing else.

No script, no link to load; figures and pictures are inside it.
"""

import math
from collections.abc import Callable
from html import escape

from selffit import __version__
from selffit.eventlog.fields import text, whole
from selffit.eventlog.kinds import CausalProbe, ChannelProbe, ImageStrip, SelfProbe
from selffit.numbers import budget, count, share, signed
from selffit.report import figures, html
from selffit.report.findings import MEASURED, Findings, Report
from selffit.report.images import VIEWS, views
from selffit.report.words import (
    TYPICAL_SHARE,
    alone_sentence,
    channel_words,
    is_ill,
    lead_sentence,
    referee_sentence,
    verdict_word,
)
from selffit.vocabulary import (
    CHANNEL,
    COMPONENT,
    EFFECT,
    GROUPS,
    OF_A_LAYER,
    SELF,
    VALUES,
)

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .6rem .15rem 0; text-align: left; vertical-align: top; }
th { color: #666; font-weight: normal; border-bottom: 1px solid #ddd; }
td.n, th.n { text-align: right; }
.ill { color: #b3261e; font-weight: 600; } .dim { color: #666; }
figure { margin: 1rem 0; } figure img { width: 100%; height: auto; }
figcaption { font-size: .9rem; color: #555; }
.strip img { width: 7rem; height: 7rem; image-rendering: pixelated; display: block; }
.scroll { overflow-x: auto; } dt { font-weight: 600; margin-top: .5rem; } dd { margin-left: 1rem; }
"""


def page(report: Report) -> str:
    """The whole report about at least one network, as the text of an HTML file.

    Every text from outside is escaped.
    """
    last = report.found[-1]
    title = f"Diagnosis of {report.name}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _summary(report),
        _overview(report),
        _through_time(report),
        *_section(
            last.selfinfo is not None, "Self-information", lambda: _self_information(report, last)
        ),
        *_section(last.channels is not None, "Channels", lambda: _channels(report, last)),
        *_section(last.causal is not None, "Causal check", lambda: _causal(last)),
        *_section(last.strip is not None, "Images", lambda: _strips(report)),
        html.definitions(),
    ]
    return html.document(title, _STYLE, parts)


def _section(wanted: bool, title: str, body: Callable[[], str]) -> list[str]:
    return [f"<h2>{escape(title)}</h2>", body()] if wanted else []


def _summary(report: Report) -> str:
    about, last = report.about, report.found[-1]
    attack = f", attack {last.selfinfo.attack}" if last.selfinfo else ""
    eps = f"eps {budget(last.robust.eps)}" if last.robust else "eps unknown"
    how = (
        f"{text(about.get('model'))} on {text(about.get('data'))}, "
        f"{count(whole(about.get('n')))} images, {eps}{attack}; "
        f"measured on {text(about.get('device'))} with selffit {__version__}."
    )
    said = (
        f"<p><b>{escape(last.id)}:</b> {escape(last.diagnosis.text)}</p>" if last.diagnosis else ""
    )
    stands = f"<p>The run now: <b>{escape(report.stands)}</b></p>" if report.stands else ""
    lead = f"<p>{escape(lead_sentence(report.found))}</p>"
    done = f"<p>The file: {escape('; '.join(report.done))}.</p>" if report.done else ""
    asked = referee_sentence(last)
    referee = f"<p>{escape(asked)}</p>" if asked else ""
    return f"<p class='dim'>{escape(how)}</p>{done}{stands}{said}{lead}{referee}"


def _verdict(found: Findings) -> str:
    word = escape(verdict_word(found))
    return f"<span class='ill'>{word}</span>" if is_ill(found) else word


def _overview(report: Report) -> str:
    rows = []
    for found in report.found:
        numbers = [
            *map(found.accuracy, MEASURED),
            found.value("index"),
            *map(found.component, COMPONENT),
        ]
        rows.append([escape(found.id), *map(share, numbers), _verdict(found)])
    return html.table(
        [
            "checkpoint",
            *(measure.label for measure in MEASURED.values()),
            SELF["index"].label,
            *(measure.label for measure in COMPONENT.values()),
            "verdict",
        ],
        rows,
        1,
        9,
    )


def _through_time(report: Report) -> str:
    if len(report.found) == 1 and not report.series("probes"):
        return ""  # a single point says nothing that the table does not say
    return _figure(
        figures.accuracies(report),
        "Accuracies and self-fitting index through the checkpoints",
        "Accuracy (above) and the self-fitting index with its components (below). Thin lines are "
        "the run's own probes, where there are any; dotted: guessing; dashed: onset.",
    )


def _self_information(report: Report, last: Findings) -> str:
    assert last.selfinfo is not None
    return (
        "<p>What does the network read: the image, or its own perturbation? Our operational "
        "definitions; blue speaks of the image, orange of the network itself.</p>"
        + _figure(
            figures.self_information(report),
            "Values of self-information at every checkpoint",
            "One bar a checkpoint; dotted: guessing; a dash: the same with the perturbation of the "
            "reference network.",
        )
        + f"<p>At {escape(last.id)}:</p>"
        + _self_table(last.selfinfo)
        + _figure(
            figures.dose_and_mix(report),
            "Dose and mix curves",
            "A network that fits itself needs enough of its own perturbation: accuracy is high at "
            "k = 1, lower between, and falls when random signs replace a part. Orange is the last "
            "checkpoint.",
        )
    )


def _self_table(probe: SelfProbe) -> str:
    rows = [
        [
            escape(value.label),
            share(probe.values.get(value.name, math.nan)),
            share(probe.values.get(value.control, math.nan)) if value.control else "",
            f"<span class='dim'>{escape(value.meaning)}</span>",
        ]
        for value in VALUES
        if value.name in probe.values
    ]
    reference = (
        "none"
        if probe.reference_step is None
        else f"the network of step {count(probe.reference_step)}"
    )
    return (
        html.table(["", "share", "control", ""], rows, 1, 2)
        + f"<p class='dim'>Reference network: {reference}.</p>"
    )


def _channels(report: Report, last: Findings) -> str:
    assert last.channels is not None
    figure = _figure(
        figures.dominance(report),
        "Dominance of the channels of every layer through the checkpoints",
        "Each row is a channel, each column a checkpoint; rows are in the order of the last one. "
        "Orange answers to the network's own perturbation, violet to the content of the image.",
    )
    return figure + f"<p>At {escape(last.id)}:</p>" + channel_table(last.channels, last.causal)


def channel_table(probe: ChannelProbe, causal: CausalProbe | None = None) -> str:
    """The layers with how concentrated they are, and their most dominant channels.

    causal: the check that says which of them alone carry FGSM accuracy.
    """
    rows = []
    for layer in probe.layers:
        order = sorted((-value, c) for c, value in enumerate(layer.dominance))
        top = ", ".join(channel_words(layer, c, causal) for _, c in order[:5])
        numbers = (getattr(layer, name) for name in OF_A_LAYER)
        rows.append(
            [escape(layer.name), str(len(layer.dominance)), *map(share, numbers), escape(top)]
        )
    names = [CHANNEL[name].label for name in OF_A_LAYER]
    head = ["layer", "channels", *names, "most dominant (dominance)"]
    about = alone_sentence(causal)
    note = f"<p class='dim'>{escape(about)}.</p>" if about else ""
    return html.table(head, rows, 1, 6) + note


def _causal(last: Findings) -> str:
    assert last.causal is not None
    figure = _figure(
        figures.causal_effects(last),
        f"What zeroing channels changes at {last.id}",
        "If the most dominant channels carry the self-information, zeroing them takes FGSM and "
        "carrier accuracy away and gives some PGD accuracy back; zeroing others does not.",
    )
    return figure + causal_table(last.causal)


def causal_table(probe: CausalProbe) -> str:
    """What zeroing a share of each stage's channels changes."""
    shares = sorted({row.share for row in probe.rows}, key=lambda part: abs(part - TYPICAL_SHARE))
    base = [share(probe.base.value(name)) for name in EFFECT]
    rows = [["nothing", "", "", *base]]
    for row in probe.rows:
        if row.share == shares[0]:
            change = [row.value(name) - probe.base.value(name) for name in EFFECT]
            group = GROUPS[row.group].meaning if row.group in GROUPS else row.group
            rows.append([escape(row.stage), escape(group), str(row.channels), *map(signed, change)])
    about = (
        f"Changes when {100 * shares[0]:g} % of a stage's channels are set to zero, from what the "
        f"whole network reaches (first row); ranked on {count(probe.n_rank)} images, reported on "
        f"{count(probe.n)} others."
        if shares
        else ""
    )
    table = html.table(
        ["zeroed", "group", "channels", *(m.label for m in EFFECT.values())], rows, 2, 6
    )
    return f"{table}<p class='dim'>{escape(about)}</p>"


def _strips(report: Report) -> str:
    """The last network's images; those of the others folded away."""
    with_strip = [(found, found.strip) for found in report.found if found.strip is not None]
    parts = [
        f"<p>{escape(with_strip[-1][0].id)}; below each picture what the network takes it for.</p>"
    ]
    parts.append(_strip(with_strip[-1][1]))
    for found, strip in with_strip[:-1]:
        parts.append(f"<details><summary>{escape(found.id)}</summary>{_strip(strip)}</details>")
    return "".join(parts)


def _strip(strip: ImageStrip) -> str:
    rows = []
    for image in strip.images:
        pictures = views(image, strip)
        guesses = {"x": image.clean, "own": image.own, "carrier": image.carrier}
        cells = [escape(_class(image.y, strip))]
        for name, meaning in VIEWS.items():
            guess = ""
            if name in guesses:
                label, probability = guesses[name]
                right = "" if label == image.y else "ill"
                word = escape(_class(label, strip))
                guess = f"<span class='{right}'>{word}</span> {share(probability)}"
            cells.append(
                f"<img alt='{escape(meaning)}' "
                f"src='{html.uri('image/png', pictures[name])}'>{guess}"
            )
        rows.append(cells)
    return f"<div class='strip scroll'>{html.table(['label', *VIEWS.values()], rows, 5, 0)}</div>"


def _class(label: int, strip: ImageStrip) -> str:
    return strip.classes[label] if 0 <= label < len(strip.classes) else str(label)


def _figure(svg: bytes, title: str, caption: str) -> str:
    return (
        f"<figure><img alt='{escape(title)}' src='{html.uri('image/svg+xml', svg)}'>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
