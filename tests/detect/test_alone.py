"""Which channels alone carry FGSM accuracy: much lost, and no sampling noise."""

import math

from selffit.detect.alone import alone, carries
from selffit.eventlog import kinds


def check(*left: float, n: int = 128, base: float = 0.9) -> kinds.CausalProbe:
    single = tuple(
        kinds.SingleAblation(layer="conv1", channel=i, fgsm=fgsm) for i, fgsm in enumerate(left)
    )
    return kinds.CausalProbe(n=n, base=kinds.Effects(fgsm=base), single=single)


def test_those_that_carry_most_come_first():
    assert [one.channel for one in alone(check(0.88, 0.70, 0.28, 0.95))] == [2, 1]


def test_little_is_not_enough_and_few_images_are_not_enough():
    assert alone(check(0.81)) == []  # 0.09
    assert [one.channel for one in alone(check(0.78))] == [0]
    assert alone(check(0.78, n=64)) == []  # 0.12 of 64 images: less than three standard errors


def test_what_was_not_measured_carries_nothing():
    assert alone(check(math.nan)) == [] and alone(check(0.1, base=math.nan)) == []
    probe = check(0.1, n=0)
    assert not carries(probe.single[0], probe)
