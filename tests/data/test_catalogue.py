"""The catalogue of image sets agrees with the code that it names."""

from importlib import import_module

import pytest
from torchvision import datasets

from selffit.config import FIELDS
from selffit.data.catalogue import DATA_SETS


def test_these_are_the_choices_of_the_setting():
    assert FIELDS["data"].metadata["choices"] == tuple(DATA_SETS)


@pytest.mark.parametrize("source", DATA_SETS.values(), ids=DATA_SETS)
def test_a_set_is_either_made_or_read(source):
    if source.generator:
        module = import_module(f"selffit.data.{source.generator}")
        assert source.classes == module.CLASSES and callable(module.generate)
    else:
        assert issubclass(getattr(datasets, source.torchvision), datasets.VisionDataset)
        assert source.files and len(source.class_names) in (0, source.classes)
    assert bool(source.generator) != bool(source.torchvision)
