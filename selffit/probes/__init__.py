"""Measurements on held-out images that a training step does not need. A probe leaves the network as it found it."""

from selffit.probes.channels import LayerDominance, channel_dominance
from selffit.probes.robust import RobustAccuracy, robust_accuracies, robust_accuracy

__all__ = ["LayerDominance", "RobustAccuracy", "channel_dominance", "robust_accuracies", "robust_accuracy"]
