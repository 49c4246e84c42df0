"""The directory of a run: making, finding, naming, labelling, thinning it."""
