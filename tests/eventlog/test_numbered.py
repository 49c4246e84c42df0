"""Numbers by name are read, compared and shown as a dict of them is."""

from math import isnan, nan

import pytest

from selffit.eventlog import kinds
from selffit.eventlog.encode import to_json
from selffit.eventlog.fields import plain
from selffit.eventlog.numbered import Numbers

FOUND = {"own": 0.25, "gap": -0.5, "other": 1.0}


def test_they_are_what_the_dict_is():
    numbers = Numbers(FOUND)
    assert numbers == FOUND and numbers == FOUND and {**numbers} == FOUND
    assert list(numbers) == list(FOUND) and len(numbers) == 3 and "own" in numbers
    assert numbers["gap"] == -0.5 and numbers.get("gap") == -0.5
    assert numbers.get("none") is None and numbers.get("none", 2.0) == 2.0
    assert repr(numbers) == repr(FOUND) and to_json(plain(numbers)) == to_json(FOUND)
    with pytest.raises(KeyError):
        numbers["none"]


def test_others_are_not_the_same():
    numbers = Numbers(FOUND)
    assert numbers != Numbers({**FOUND, "own": 0.5})
    assert numbers != Numbers({**FOUND, "more": 0.5}) and numbers != {"own": 0.25}
    assert numbers == Numbers(dict(reversed(FOUND.items())))


def test_an_unknown_number_is_the_same_as_itself():
    assert Numbers({"own": nan}) == Numbers({"own": nan})


def test_names_that_no_writer_has_are_not_kept():
    from selffit.eventlog import numbered

    for place in range(2 * numbered._MOST):
        assert Numbers({f"name {place}": 1.0})[f"name {place}"] == 1.0
    assert len(numbered._SHARED) <= numbered._MOST


@pytest.mark.parametrize("values", (None, [], 3, "text", {}))
def test_what_is_no_mapping_is_an_empty_one(values):
    probe = kinds.of_data("probe.self", {"n": 1, "values": values}, kinds.Place())
    assert isinstance(probe, kinds.SelfProbe) and probe.values == {}


def test_an_event_has_what_was_logged():
    data = {"n": 1, "values": {"own": 0.5, "swap": "NaN", "odd": []}}
    probe = kinds.of_data("probe.self", data, kinds.Place())
    assert isinstance(probe, kinds.SelfProbe)
    assert probe.values["own"] == 0.5 and isnan(probe.values["swap"]) and isnan(probe.values["odd"])
