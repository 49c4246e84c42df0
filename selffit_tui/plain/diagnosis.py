"""A diagnosis as tables for a terminal: an overview of all networks, then one network in detail."""

import math
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from selffit.eventlog import kinds
from selffit.numbers import UNKNOWN, budget, count, decimals, known, share, signed
from selffit.report.findings import MEASURED, Findings, Report
from selffit.report.words import (
    TYPICAL_SHARE,
    alone_sentence,
    channel_words,
    is_ill,
    lead_sentence,
    referee_sentence,
    verdict_word,
)
from selffit.vocabulary import CHANNEL, COMPONENT, EFFECT, GROUPS, OF_A_LAYER, SELF, VALUES
from selffit_tui.words.accuracy import pgd_label

# columns from which the overview spells its headings out, and more channels of a layer are named
WIDE = 90
CLEAR = 0.1  # changes from here on are drawn bright


def diagnosis_tables(report: Report, width: int) -> Iterator[RenderableType]:
    """Everything that `selffit diagnose` prints, for a terminal of `width` columns."""
    found = report.found
    if report.stands:
        yield Text(f"{report.name} now: {report.stands}")
    if report.done:
        yield Text(f"{report.name}: {'; '.join(report.done)}", "dim")
    yield overview(found, width)
    yield Text(lead_sentence(found))
    yield from detail(found[-1], report.chance, width)


def overview(found: Sequence[Findings], width: int) -> Table:
    """One line a network."""
    accuracies = [measure.short for measure in MEASURED.values()]
    parts = [part.label if width >= WIDE else part.short for part in COMPONENT.values()]
    table = _table("checkpoint", *accuracies, SELF["index"].label, *parts, numbers=9)
    table.add_column("verdict")
    for one in found:
        numbers = [
            *map(one.accuracy, MEASURED),
            one.value("index"),
            *map(one.component, COMPONENT),
        ]
        style = "bold red" if is_ill(one) else "dim"
        table.add_row(one.id, *map(share, numbers), Text(verdict_word(one), style))
    return table


def detail(found: Findings, chance: float, width: int) -> Iterator[RenderableType]:
    """One network: what was done to it, its self-information, dose, channels, causal check."""
    robust, strong, probe = found.robust, found.strong, found.selfinfo
    title = Text.assemble((found.id, "bold"))
    if robust is not None and probe is not None:
        title.append(
            f"  eps {budget(robust.eps)}, attack {probe.attack}, "
            f"{pgd_label(robust.pgd_steps)}, n {count(robust.n)}"
        )
    if strong is not None:
        title.append(f"; strong: {strong.how}, n {count(strong.n)}")
    yield title
    if asked := referee_sentence(found):
        yield Text(asked)
    if found.diagnosis is not None:
        yield Text(found.diagnosis.text, "bold")
    if probe is not None:
        yield self_table(probe, chance)
        yield from _curves(probe)
    if found.channels is not None:
        yield channel_table(found.channels, 4 if width >= WIDE else 2, found.causal)
    if found.causal is not None:
        yield causal_table(found.causal)


def self_table(probe: kinds.SelfProbe, chance: float) -> RenderableType:
    """The values of self-information beside their controls and what they mean."""
    table = _table("self-information", "share", "control", numbers=2)
    table.add_column("of the images", style="dim", ratio=1)
    for value in VALUES:
        number = probe.values.get(value.name, math.nan)
        if not known(number):
            continue
        control = share(probe.values.get(value.control, math.nan)) if value.control else ""
        style = "bold" if value.of == "self" and known(chance) and number > 2 * chance else ""
        table.add_row(value.label, Text(share(number), style), control, value.meaning)
    reference = (
        "none"
        if probe.reference_step is None
        else f"the network of step {count(probe.reference_step)}"
    )
    return Group(
        table, Text(f"guessing: {share(chance)}; reference network (control): {reference}", "dim")
    )


def _curves(probe: kinds.SelfProbe) -> Iterator[Text]:
    """Dose and mix, a line each; every other point of the dose."""
    for title, unit, (x, y), every in (
        ("dose: accuracy on x + k·delta", "k", probe.doses, 2),
        ("mix: accuracy when random signs replace a share r of delta", "r", probe.mixes, 1),
    ):
        if len(x):
            points = "  ".join(
                f"{a:g}:{share(b)}" for a, b in list(zip(x, y, strict=True))[::every]
            )
            yield Text.assemble((f"{title}\n", "dim"), f"  {unit}  {points}")


def channel_table(
    probe: kinds.ChannelProbe, named: int, causal: kinds.CausalProbe | None
) -> RenderableType:
    """Every layer: how concentrated its response is, how stable the ranking, who dominates."""
    heads = [CHANNEL[name].short for name in OF_A_LAYER]
    table = _table("layer", "channels", *heads, numbers=6)
    table.add_column("most dominant (dominance)", ratio=1)
    for layer in probe.layers:
        table.add_row(
            layer.name,
            str(len(layer.dominance)),
            *(share(value) for value in (layer.gini, layer.top10)),
            decimals(layer.pr, 1),
            *(share(value) for value in (layer.rho, layer.agree)),
            "  ".join(channel_words(layer, c, causal) for c in most_dominant(layer, named)),
        )
    about = alone_sentence(causal)
    return Group(table, Text(about, "dim")) if about else table


def most_dominant(layer: kinds.LayerChannels, number: int) -> list[int]:
    """The channels with the highest dominance, the highest first."""
    order = sorted(range(len(layer.dominance)), key=lambda c: (-layer.dominance[c], c))
    return order[:number]


def causal_table(probe: kinds.CausalProbe) -> RenderableType:
    """What changes when a tenth of a stage's channels is set to zero, by how they were chosen."""
    shares = sorted(
        {row.share for row in probe.rows if known(row.share)}, key=lambda s: abs(s - TYPICAL_SHARE)
    )
    if not shares:
        return Text("")
    table = _table(
        "zeroed", "group", "channels", *(m.label for m in EFFECT.values()), numbers=6, first=2
    )
    table.add_row("nothing", "", "", *(share(probe.base.value(name)) for name in EFFECT))
    stage = ""
    for row in probe.rows:
        if row.share != shares[0]:
            continue
        changes = [_change(row.value(name), probe.base.value(name)) for name in EFFECT]
        name = row.stage if row.stage != stage else ""
        table.add_row(name, row.group, str(row.channels), *changes)
        stage = row.stage
    said = "; ".join(f"{group.name}: {group.meaning}" for group in GROUPS.values())
    note = (
        f"change when {shares[0] * 100:g} % of a stage's channels are set to zero ({said}); "
        f"ranked on {count(probe.n_rank)} images, reported on {count(probe.n)} others"
    )
    return Group(table, Text(note, "dim"))


def _change(value: float, base: float) -> Text:
    if not known(value - base):
        return Text(UNKNOWN, "dim")
    return Text(signed(value - base), "bold" if abs(value - base) >= CLEAR else "dim")


def _table(*names: str, numbers: int, first: int = 1) -> Table:
    """`first` columns of words, then `numbers` of numbers."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim", expand=False)
    for place, name in enumerate(names):
        words = place < first or place >= first + numbers
        table.add_column(name, justify="left" if words else "right", no_wrap=True)
    return table
