"""Training methods by name: a record each, of an attack and, where it has one, a loss of its own.

An attack is a pure function from a batch to the perturbed batch that the step trains on; it sees
the network only through a `GradientOracle`. To add a method, add a file with a `METHOD` here.
Importing this package loads no torch, so that `selffit.config` can read the catalogue.
"""

from selffit.methods.base import (
    Attack,
    Batch,
    Budget,
    Gradient,
    GradientAt,
    GradientOracle,
    Method,
    Objective,
)
from selffit.methods.catalogue import METHODS
from selffit.methods.mixing import mix_signs

__all__ = [
    "METHODS",
    "Attack",
    "Batch",
    "Budget",
    "Gradient",
    "GradientAt",
    "GradientOracle",
    "Method",
    "Objective",
    "mix_signs",
]
