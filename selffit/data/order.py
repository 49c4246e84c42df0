"""The order in which a set is cut into held-out and training images. Loads no torch."""

import numpy as np


def balanced_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """A fixed order of all images in which every prefix is as class-balanced as the set allows.

    labels: int [N]; returns int64 [N]. Each class is shuffled by itself; the
    order then takes the first image of every class, the second of every class …
    A class that runs out leaves its turns to the others.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels)
    first_of_class = np.cumsum(counts) - counts
    turn = np.arange(len(labels)) - first_of_class[labels[by_class]]
    return by_class[np.argsort(turn, kind="stable")]
