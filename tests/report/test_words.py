"""Sentences of a diagnosis: the referee beside the strong attack, channels that alone carry."""

from selffit.eventlog import kinds
from selffit.eventlog.fields import Floats
from selffit.numbers import count
from selffit.report.findings import Findings
from selffit.report.words import alone_sentence, channel_words, referee_sentence

STRONG = kinds.StrongProbe(n=256, pgd=0.21094, steps=50, targets=5, sec=1.24)
REFEREE = kinds.RefereeProbe(n=256, pgd=0.21875, ce=0.25, steps=100, targets=9, sec=3.5)


def found(*events: kinds.Event) -> Findings:
    return Findings("main-10", "main", 10, {type(event): event for event in events})


def test_the_referee_is_told_beside_the_strong_attack():
    assert referee_sentence(found(STRONG, REFEREE)) == (
        "Referee (APGD-CE and APGD-T, 100 steps, 9 targets) leaves .22, APGD-CE alone .25; the "
        "strong attack .21, 2 images apart (n 256; referee 3.5 s; strong attack 1.2 s)."
    )
    assert referee_sentence(found(STRONG)) == ""
    alone = kinds.RefereeProbe(n=64, pgd=0.5, ce=0.5, steps=100)
    assert referee_sentence(found(STRONG, alone)) == (
        "Referee (APGD-CE, 100 steps) leaves .50 (n 64; strong attack 1.2 s)."
    )


def test_a_channel_that_alone_carries_fgsm_accuracy_says_how_much():
    layer = kinds.LayerChannels(name="conv1", dominance=Floats([0.83, 0.1]))
    single = tuple(
        kinds.SingleAblation(layer="conv1", channel=channel, fgsm=left)
        for channel, left in enumerate((0.32, 0.93))
    )
    causal = kinds.CausalProbe(
        at=kinds.Place(step=11460), n=128, base=kinds.Effects(fgsm=0.94), single=single
    )
    assert channel_words(layer, 0, causal) == "0 (+.83; alone: FGSM -.62)"
    assert channel_words(layer, 1, causal) == "1 (+.10)"
    assert channel_words(layer, 0, None) == "0 (+.83)"
    assert "(.94)" in alone_sentence(causal) and f"step {count(11460)}" in alone_sentence(causal)
    assert alone_sentence(None) == ""
