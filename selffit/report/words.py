"""What the diagnosis of several networks comes to, in plain words."""

from selffit.detect.alone import alone, carries
from selffit.eventlog import kinds
from selffit.numbers import count, known, plural, share, signed
from selffit.report.findings import Findings
from selffit.vocabulary import CANNOT_TELL, DIVERGED, WEAKENED

NOT_FALLEN = "not fallen"
# by disease: what is said of so many of the networks, where none has collapsed
_NO_COLLAPSE = {
    DIVERGED.name: "Training had diverged in {}.",
    WEAKENED.name: "Robust accuracy has fallen without a gap in {}.",
    CANNOT_TELL: "One cannot tell whether robust accuracy has fallen in {}; the reason is said.",
}
TYPICAL_SHARE = 0.1  # of a stage's channels, where only one is shown


def verdict_word(found: Findings) -> str:
    """The disease, or that there is none to speak of."""
    return found.diagnosis.disease if found.diagnosis is not None else NOT_FALLEN


def is_ill(found: Findings) -> bool:
    """Whether something was found, other than that one cannot tell."""
    return found.diagnosis is not None and found.diagnosis.disease != CANNOT_TELL


def referee_sentence(found: Findings) -> str:
    """What APGD leaves beside the strong attack; "" where no referee was asked."""
    referee, strong = found.referee, found.strong
    if referee is None:
        return ""
    told = f"Referee ({referee.how}) leaves {share(referee.pgd)}"
    if referee.targets:
        told += f", APGD-CE alone {share(referee.ce)}"
    if strong is not None and strong.n == referee.n:
        told += f"; the strong attack {share(strong.pgd)}"
        apart = abs(round((strong.pgd - referee.pgd) * strong.n))
        told += f", {plural(apart, 'image')} apart"
    took = "".join(
        f"; {name} {probe.sec:.1f} s"
        for name, probe in (("referee", referee), ("strong attack", strong))
        if probe is not None and known(probe.sec)
    )
    return f"{told} (n {count(referee.n)}{took})."


def lead_sentence(found: list[Findings]) -> str:
    """When the index became clear, and how far that lies before or after the onset.

    Both are known at probes only.
    """
    told = [one.diagnosis for one in found if one.diagnosis is not None]
    diagnosis = next((d for d in reversed(told) if d.disease not in _NO_COLLAPSE), None)
    if diagnosis is None:
        return _without_collapse([d.disease for d in told], len(found))
    onset = (
        "the onset is not in a log"
        if diagnosis.onset_step is None
        else f"onset at step {count(diagnosis.onset_step)}"
    )
    if diagnosis.index_step is None:
        return f"{onset.capitalize()}; the self-fitting index is not clear."
    index = f"the self-fitting index is clear from step {count(diagnosis.index_step)} on"
    if diagnosis.lead is None:
        return f"{index.capitalize()}; {onset}."
    where = "with it"
    if diagnosis.lead:
        side = "before" if diagnosis.lead > 0 else "after"
        where = f"{plural(abs(diagnosis.lead), 'step')} {side} it"
    return f"{onset.capitalize()}; {index}, {where} (as far as probes tell)."


def _without_collapse(diseases: list[str], networks: int) -> str:
    of = plural(networks, "network")
    told = [
        words.format(f"{count(diseases.count(name))} of {of}")
        for name, words in _NO_COLLAPSE.items()
        if name in diseases
    ]
    if len(diseases) == networks:
        return " ".join(told)
    rest = "the others" if told else "any of these networks"
    return " ".join([*told, f"Robust accuracy has not fallen in {rest}."])


def channel_words(
    layer: kinds.LayerChannels, channel: int, causal: kinds.CausalProbe | None
) -> str:
    """A channel with its dominance, and what FGSM accuracy loses without it where it carries it."""
    told = signed(layer.dominance[channel])
    one = causal.channel(layer.name, channel) if causal is not None else None
    if causal is not None and one is not None and carries(one, causal):
        told += f"; alone: FGSM {signed(one.fgsm - causal.base.fgsm)}"
    return f"{channel} ({told})"


def alone_sentence(causal: kinds.CausalProbe | None) -> str:
    """What "alone" means in a table of channels; "" where no channel is marked so."""
    if causal is None or not alone(causal):
        return ""
    return (
        f"alone: what FGSM accuracy ({share(causal.base.fgsm)}) loses without that one channel, at "
        f"step {count(causal.step)} on {count(causal.n)} images"
    )
