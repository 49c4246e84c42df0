"""Numbers as people read them."""

import math

import pytest

from selffit.numbers import (
    age,
    budget,
    count,
    decimals,
    duration,
    in_unit,
    p_value,
    percent,
    plural,
    rate,
    share,
    signed,
    size,
    small,
)


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (share(0.9), ".90"),
        (share(math.nan), "-"),
        (share(math.inf), "inf"),
        (decimals(0.9), "0.90"),
        (decimals(-0.04, 1), "-0.0"),
        (signed(-0.266), "-.27"),
        (signed(math.nan), "-"),
        (share(0.31), ".31"),
        (signed(0.12), "+.12"),
        (share(1.0), "1.00"),
        (share(10.0), "10.00"),
        (small(0.0), "0"),
        (small(0.25), "0.250"),
        (small(580.0), "580"),
        (small(1e-12), "1.0e-12"),
        (small(123456.0), "123\u00a0456"),
        (count(999), "999"),
        (count(1106), "1\u00a0106"),
        (plural(1, "step"), "1 step"),
        (plural(2410, "step"), "2\u00a0410 steps"),
        (budget(8 / 255), "8/255"),
        (budget(0.0313725), "8/255"),  # as a log has it
        (budget(16 / 255), "16/255"),
        (budget(0.16), ".160"),
        (budget(0.35), ".350"),
        (budget(0.01234), ".0123"),
        (budget(0.0), "0"),
        (budget(math.nan), "-"),
        (rate(0.1), ".1000"),
        (rate(2e-5), "2.0e-05"),
        (percent(0.421), "42 %"),
        (p_value(0.0), "p < 1e-9"),
        (p_value(0.02), "p 0.020"),
        (duration(14.9), "0:14"),
        (duration(3725), "1:02:05"),
        (duration(3 * 86400 + 4 * 3600), "3 d 4 h"),
        (duration(math.nan), "-"),
        (age(-3), "0 s"),
        (age(99.9), "99 s"),
        (age(100), "1 min"),
        (age(3 * 86400), "3 d"),
        (size(999), "999 B"),
        (size(1_258_291), "1.2 MiB"),
        (size(512e9), "477 GiB"),
        (size(math.nan), "-"),
        (in_unit(0.307, "share"), ".31"),
        (in_unit(8 / 255, "pixels"), "8/255"),
        (in_unit(1032.0, "steps"), "1\u00a0032"),
        (in_unit(1e-12, "probability"), "< 1e-9"),
        (in_unit(0.25, "a unit of tomorrow"), "0.250"),
    ],
)
def test_numbers(got, wanted):
    assert got == wanted
