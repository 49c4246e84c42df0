"""Measurements on held-out images that a training step does not need.

A probe leaves the network as it found it.
"""

from selffit.probes.attacks import ProbeAttack
from selffit.probes.causal import CausalCheck, causal_check
from selffit.probes.channels import LayerDominance, channel_dominance
from selffit.probes.robust import RobustAccuracy, robust_accuracies, robust_accuracy
from selffit.probes.selfinfo import SelfInformation, self_information
from selffit.probes.strip import image_strip
from selffit.probes.strong import StrongAccuracy, strong_accuracy

__all__ = [
    "CausalCheck",
    "LayerDominance",
    "ProbeAttack",
    "RobustAccuracy",
    "SelfInformation",
    "StrongAccuracy",
    "causal_check",
    "channel_dominance",
    "image_strip",
    "robust_accuracies",
    "robust_accuracy",
    "self_information",
    "strong_accuracy",
]
