"""The tables of docs/self-information.md, from what `studies.measure.measure` found of each run."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

ENOUGH = 5  # seeds; where there are fewer, it is said
BACK = 0.5  # of the accuracy before: from there on a network is called half left
ROBUST = 0.10  # PGD accuracy before, from which there is anything to be left
# What the tables show: (name in the results, name in the table)
ROWS = (
    ("clean", "clean"),
    ("fgsm", "FGSM (own perturbation)"),
    ("pgd", "PGD"),
    ("strong", "strong attack"),
    ("index", "**self-fitting index**"),
    ("other", "other network's perturbation"),
    ("gap", "self gap"),
    ("abnormal", "abnormal examples"),
    ("carrier_grey", "carrier: grey"),
    ("carrier_mean", "carrier: mean image"),
    ("carrier_noise", "carrier: noise"),
    ("control_grey", "control: grey, other network"),
    ("conflict_self", "conflict: self"),
    ("conflict_data", "conflict: data"),
    ("swap", "label swap"),
    ("p_abnormal", "class-generic: logit rises"),
    ("p_dominate", "class-generic: predicted"),
    ("signs", "random signs"),
    ("shuffled", "shuffled perturbation"),
    ("gini", "concentration (Gini, last layer)"),
    ("first_self_fgsm", "ΔFGSM without 20 % of the first convolution: self"),
    ("first_data_fgsm", "… data"),
    ("first_random_fgsm", "… random"),
    ("first_self_pgd", "ΔPGD without 20 % of the first convolution: self"),
    ("last_self_fgsm", "ΔFGSM without 20 % of the last convolution: self"),
    ("last_data_fgsm", "… data"),
    ("last_random_fgsm", "… random"),
    ("last_self_pgd", "ΔPGD without 20 % of the last convolution: self"),
)
LEADS = ("index", "gap", "abnormal", "carrier", "conflict", "swap")
HEADS = {"gap": "self gap", "dip": "dose dip", "swap": "label swap"}  # others as they are
ORDER = ("fgsm", "rs-fgsm", "n-fgsm", "pgd-5")
SHOWN = ("fgsm", "pgd", "strong", "index", "gap", "abnormal", "carrier_grey", "conflict_self")

Result = dict[str, Any]


def tables(results: Sequence[Result]) -> str:
    """For each image set all probes, what was said of each method, and one line a run."""
    text: list[str] = []
    for data in dict.fromkeys(result["set"] for result in results):
        here = [result for result in results if result["set"] == data]
        names = sorted({result["name"] for result in here}, key=_order)
        of = {name: [r for r in here if r["name"] == name] for name in names}
        text += [f"## {data}", "", *probe_table(of), "", *method_table(of), ""]
        text += [*run_table(of), ""]
    return "\n".join(text).rstrip()


def probe_table(of: dict[str, list[Result]]) -> Iterator[str]:
    """Every probe before and after, mean ± standard deviation over the seeds."""
    heads = [
        f"{name}{'' if len(runs) >= ENOUGH else f' (n = {len(runs)})'}" for name, runs in of.items()
    ]
    yield "| probe |" + "".join(f" {head}: before | {head}: after |" for head in heads)
    yield "| --- |" + " ---: | ---: |" * len(heads)
    for key, title in ROWS:
        cells = [
            mean_sd([run[when].get(key, math.nan) for run in runs])
            for runs in of.values()
            for when in ("before", "after")
        ]
        yield f"| {title} |" + "".join(f" {cell} |" for cell in cells)


def method_table(of: dict[str, list[Result]]) -> Iterator[str]:
    """For each method how many fell, what they were called, and when each sign became clear."""
    heads = [HEADS.get(name, name) for name in LEADS]
    yield (
        "| method | n | onsets | named while it trained | named at the end | clear before "
        "| lead of: " + " | ".join(heads) + " |"
    )
    yield "| --- | ---: | ---: | --- | --- | --- |" + " ---: |" * len(LEADS)
    for name, runs in of.items():
        fell = [run for run in runs if run["onset"] is not None]
        cells = [
            name,
            str(len(runs)),
            _onsets(runs, fell),
            _counted(run["named"] for run in fell),
            _counted(at_the_end(run) for run in fell),
            _counted(HEADS.get(sign, sign) for run in runs for sign in run["before"]["clear"]),
            *(_leads(fell, sign) for sign in LEADS),
        ]
        yield f"| {' | '.join(cells)} |"


def run_table(of: dict[str, list[Result]]) -> Iterator[str]:
    """One line a run: its last network."""
    yield (
        "| run | onset | FGSM | PGD | strong | index | self gap | abnormal | carrier | conflict "
        "| clear signs | alone | named |"
    )
    yield "| --- |" + " ---: |" * 9 + " --- | --- | --- |"
    for name, runs in of.items():
        for run in sorted(runs, key=lambda run: run["seed"]):
            after = run["after"]
            onset = "none" if run["onset"] is None else str(run["onset"])
            if run["diverged"] is not None:
                onset += f", diverged {run['diverged']}"
            cells = [
                f"{name}, seed {run['seed']}",
                onset,
                *(f"{after[key]:+.2f}" if key == "gap" else f"{after[key]:.2f}" for key in SHOWN),
                ", ".join(HEADS.get(sign, sign) for sign in after["clear"]) or "none",
                _alone(after.get("alone", ())),
                "–" if run["onset"] is None else at_the_end(run),
            ]
            yield f"| {' | '.join(cells)} |"


def at_the_end(run: Result) -> str:
    """What the last network of a run that fell is called.

    "half left" where PGD and the strong attack leave at least BACK of what they left before, of a
    network that was robust then.
    """
    if run["diverged"] is not None:
        return "diverged"
    before, after = run["before"], run["after"]
    back = all(after[name] >= BACK * before[name] for name in ("pgd", "strong"))
    return "half left" if back and before["pgd"] >= ROBUST else str(after["verdict"])


def _alone(found: Sequence[Sequence[Any]]) -> str:
    """The channel that alone carries most FGSM accuracy, and how many there are."""
    if not found:
        return "–"
    layer, channel, lost, _ = found[0]
    return f"{layer} {channel}: {lost:.2f}" + (f" (of {len(found)})" if len(found) > 1 else "")


def mean_sd(values: Sequence[float]) -> str:
    """`0.42 ± 0.07` over the seeds, or a dash."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return "–"
    mean = statistics.fmean(known)
    return f"{mean:.2f} ± {statistics.stdev(known):.2f}" if len(known) > 1 else f"{mean:.2f}"


def _order(name: str) -> tuple[int, bool, str]:
    method = name.partition(",")[0]
    return ORDER.index(method) if method in ORDER else len(ORDER), "," in name, name


def _onsets(runs: Sequence[Result], fell: Sequence[Result]) -> str:
    steps = sorted(run["onset"] for run in fell)
    ends = dict.fromkeys(str(step) for step in (*steps[:1], *steps[-1:]))
    where = f" ({'…'.join(ends)})" if steps else ""
    broke = sum(run["diverged"] is not None for run in runs)
    return f"{len(fell)}{where}" + (f", {broke} diverged" if broke else "")


def _counted(words: Iterable[str]) -> str:
    counts = Counter(word or "nothing" for word in words)
    return ", ".join(f"{word} {number}" for word, number in counts.most_common()) or "–"


def _leads(fell: Sequence[Result], sign: str) -> str:
    """The least and the largest number of steps, and in how many of the runs that fell."""
    found = [run["lead"] if sign == "index" else run["leads"].get(sign) for run in fell]
    known = sorted(lead for lead in found if lead is not None)
    if not fell:
        return "–"
    if not known:
        return f"never (0/{len(fell)})"
    ends = dict.fromkeys((_signed(known[0]), _signed(known[-1])))
    return f"{'…'.join(ends)} ({len(known)}/{len(fell)})"


def _signed(steps: int) -> str:
    return f"{steps:+d}".replace("-", "−")
