"""What a run's state makes of one event."""

from selffit.run.folded.state import RunState, reduce


def only(history):
    (entry,) = history
    return entry


def kept(kind, item):
    """The one event of a kind that a state made of this item alone has."""
    return only(reduce(RunState(), item).all(kind))
