"""Checkpoints of other people: tensors by name out of their files, without running their code.

    file      what a file is, and its content, loaded by torch's weights-only reader
    entries   which of the things in it is the network's state dict
    names     wrappers' prefixes, averages' counters, the normalisation inside
    folding   weight and spectral normalisation, pruning: two tensors that are one weight
    match     their names for ours
    fill      their weights in a network of ours
    network   the whole way, with what is tried on clean training images

Everything here goes by rule: what all names share, what a thing consists of, which shapes occur
once. A rule that finds two answers refuses and names both.
"""

from selffit.analysis.foreign.fill import fill
from selffit.analysis.foreign.statedict import StateDict, read_state_dict

__all__ = ["StateDict", "fill", "read_state_dict"]
