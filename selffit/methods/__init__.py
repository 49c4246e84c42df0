"""Training methods by name: pure functions from a batch to the perturbed batch that the step trains
on.

A method sees the network only through a `GradientAt` closure. One that also
changes the training loss brings its own loss beside its attack.
"""

from selffit.methods.base import Attack, Budget, Gradient, GradientAt, Method, input_gradient
from selffit.methods.fgsm import fgsm
from selffit.methods.mixing import mix_signs
from selffit.methods.n_fgsm import n_fgsm
from selffit.methods.pgd import pgd
from selffit.methods.rs_fgsm import rs_fgsm

__all__ = [
    "METHODS",
    "Attack",
    "Budget",
    "Gradient",
    "GradientAt",
    "Method",
    "input_gradient",
    "mix_signs",
]

METHODS: dict[str, Method] = {"fgsm": fgsm, "rs-fgsm": rs_fgsm, "n-fgsm": n_fgsm, "pgd": pgd}
