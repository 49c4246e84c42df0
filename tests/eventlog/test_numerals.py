"""Numbers of many lists at once: the same as those that a decoder makes of each list."""

import json
import random

import numpy as np
import pytest

from selffit.eventlog.numerals import Lists

SHAPES = (
    lambda rng: rng.choice(("0.0", "1.0", "0.5", "9.99999999", "-0.0", "-1.25", "0.00000001")),
    lambda rng: f"{rng.random():.{rng.randrange(1, 9)}f}",
    lambda rng: f"{rng.uniform(-3, 3):.6g}",
    lambda rng: repr(rng.random()),
    lambda rng: rng.choice(("1", "-7", "12.5", "1e-05", "-2.5e300", "1e-320", "123456789")),
)


def text_of(lists):
    return "".join(f"[{','.join(numbers)}]" for numbers in lists).encode()


@pytest.mark.parametrize("seed", range(60))
def test_they_are_those_that_a_decoder_makes_to_the_last_bit(seed):
    rng = random.Random(seed)
    shapes = rng.choices(SHAPES, weights=(4, 8, 8, rng.choice((0, 0.2, 9)), 0.2), k=400)
    numbers = [shape(rng) for shape in shapes]
    lists = []
    while numbers:
        n = rng.randrange(1, 30)
        lists.append(numbers[:n])
        numbers = numbers[n:]
    found = Lists(text_of(lists))
    assert found.sizes.tolist() == [len(one) for one in lists]
    expected = np.array([number for one in lists for number in json.loads(f"[{','.join(one)}]")])
    assert found.values().tobytes() == expected.astype(np.float64).tobytes()  # −0.0 is not 0.0


@pytest.mark.parametrize(
    "text",
    (
        *(b"", b"[", b"]", b"0.5", b"[0.5", b"0.5]", b"[0.5]0.5]", b"[0.5][0.5", b"[]", b"[0.5,]"),
        *(b'["NaN"]', b'["0.5"]', b"[null]", b"[true]", b"[[0.5]]", b"[0.5,[0.5]]", b"[0.5x]"),
        *(b"[0.5:]", b"[0./]", b"[0.]", b"[.5]", b"[00.5]", b"[+0.5]", b"[--0.5]", b"[0.5.5]"),
        *(b"[0,5,]", b"[0.5,,0.5]", b'["]"]', b'[","]', b"[0.1234567:]", b"[:.5]", b"[/.5]"),
        b"{0.5][0.5]",
    ),
)
def test_what_is_no_list_of_numbers_is_refused(text):
    with pytest.raises(ValueError):
        Lists(text).values()
