"""The catalogue of methods: every file is in it, its records are whole, and it loads no torch."""

from pathlib import Path

import pytest

import selffit.methods
from selffit.config import FIELDS
from selffit.methods.catalogue import METHODS, OF_THE_METHOD, SHARED, users

OURS = ["fgsm", "rs-fgsm", "n-fgsm", "pgd"]
FILES = {path.stem for path in Path(selffit.methods.__file__).parent.glob("*.py")}


def test_every_file_that_is_not_shared_holds_one_method():
    assert {name.replace("-", "_") for name in METHODS} == FILES - {*SHARED, "__init__"}
    assert set(SHARED) < FILES


def test_people_see_the_cheapest_methods_first_and_of_those_the_oldest():
    order = list(METHODS)
    assert [name for name in order if name in OURS] == OURS
    assert FIELDS["method"].metadata["choices"] == tuple(METHODS)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_record_says_what_it_costs_uses_and_comes_from(method):
    assert method.cost >= 3 and method.source and method.year >= 2014
    assert set(method.uses) <= FIELDS.keys() and method.default_alpha(0.1, 10) > 0


def test_what_a_setting_means_something_to_follows_from_the_records():
    assert {"alpha", "attack_steps", "start", "corner"} <= set(OF_THE_METHOD)
    assert "pgd" in users("corner") and "fgsm" not in users("alpha")
    assert all(
        setting in METHODS[name].uses for setting in OF_THE_METHOD for name in users(setting)
    )
