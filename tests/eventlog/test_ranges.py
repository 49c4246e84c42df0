"""What a number of a log can be stands with its field: anything else is unknown."""

import math

import pytest

from selffit.eventlog import kinds
from selffit.eventlog.kinds import NOWHERE, of_data

VALUES = {
    "steps": ("n", (-1, "-1", 1.5e300, -(2**60), True), 0),
    "ckpt.saved": ("step", (-1, 2**64), 0),
    "sup.spawn": ("pid", (-1, 10**400), 0),
    "probe.strong": ("restarts", (-2,), 0),
}
UNKNOWN = {
    "probe.robust": (("pgd", (-0.1, 1.1, 1e308)), ("eps", (-1, 200)), ("sec", (-1, 1e308, "NaN"))),
    "steps": (("img_s", (-5.0, "Infinity")), ("epoch", (-1,))),
    "host": (("gpu", (-1, 97)), ("rss", (-1,))),
}


def decoded(kind, **data):
    return of_data(kind, data, NOWHERE)


@pytest.mark.parametrize("kind", VALUES)
def test_a_count_that_cannot_be_is_none(kind):
    name, values, none = VALUES[kind]
    cls = kinds.KINDS[kind]
    attribute = dict(zip(cls.__struct_encode_fields__, cls.__struct_fields__, strict=True))[name]
    for value in values:
        assert getattr(decoded(kind, **{name: value}), attribute) == none, value


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_measure_that_cannot_be_is_not_known(kind):
    for name, values in UNKNOWN[kind]:
        for value in values:
            assert math.isnan(getattr(decoded(kind, **{name: value}), name)), (name, value)


def test_what_may_be_negative_stays_so_and_a_share_may_be_rounded():
    assert decoded("sup.exit", code=-9).code == -9
    assert decoded("diagnosis", lead=-31).lead == -31
    assert decoded("alert", onset_step=-3).onset_step is None
    assert decoded("probe.robust", pgd=1.0000001).pgd == 1.0000001
    assert decoded("probe.images", rows=[{"clean": [-1, 0.5]}]).KIND.name == "probe.images"


def test_a_block_covers_no_more_steps_than_it_has_values_of():
    cols = {"lr": [0.1] * 3, "eps": [0.1]}
    assert decoded("steps", n=10**9, cols=cols).n == 3
    assert decoded("steps", n=2, cols=cols).n == 2
    assert decoded("steps", n=2**40).n == kinds.LONGEST_BLOCK
