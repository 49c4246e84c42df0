"""Which probes are healthy is judged once each, and yet depends on nothing but the state."""

from itertools import pairwise

from selffit.eventlog import kinds
from selffit.eventlog.records import Record
from selffit.run.folded.state import RunState, reduce, reduce_all
from selffit.run.judged.health import healthy_probes
from selffit.run.listing.row import best

ACCURACIES = [0.45, 0.46, 0.44, 0.02, 0.01, 0.43, 0.45, 0.03, 0.47]


def probe(step: int, pgd: float, branch: str = "main") -> Record:
    data = kinds.RobustProbe(n=600, eps=0.03, clean=0.8, fgsm=0.5, pgd=pgd).data()
    return Record(1, 1, step + 1, float(step), "probe.robust", branch, step, data)


def anew(state: RunState) -> list[int]:
    """The same of a state that shares nothing with those asked about before."""
    blank = RunState(start=state.start, branch=state.branch, ledger=state.ledger)
    at = [(p.step, p.pgd, p.branch) for p in state.all(kinds.RobustProbe)]
    return steps(reduce_all(blank, [probe(*place) for place in at]))


def steps(state: RunState) -> list[int]:
    return [found.step for found in healthy_probes(state)]


def test_a_growing_run_is_judged_as_one_that_is_read_at_once() -> None:
    states = [RunState()]
    for step, pgd in enumerate(ACCURACIES):
        states.append(reduce(states[-1], probe(step, pgd)))
    told = [steps(state) for state in states]
    assert told[-1] == [0, 1, 2, 5, 6, 8]
    assert told == [anew(state) for state in states]
    assert all(longer[: len(shorter)] == shorter for shorter, longer in pairwise(told))


def test_an_older_state_is_told_what_held_then() -> None:
    older = reduce_all(RunState(), [probe(step, pgd) for step, pgd in enumerate(ACCURACIES[:4])])
    newer = reduce_all(older, [probe(step, pgd) for step, pgd in enumerate(ACCURACIES[4:], 4)])
    assert (steps(newer), steps(older), steps(newer)) == (
        [0, 1, 2, 5, 6, 8],
        [0, 1, 2],
        steps(newer),
    )
    # another line of history goes on from the older state
    other = reduce(older, probe(4, 0.44))
    assert (steps(other), steps(newer)) == ([0, 1, 2, 4], [0, 1, 2, 5, 6, 8])


def test_what_a_roll_back_left_behind_is_no_more_healthy() -> None:
    state = reduce_all(RunState(), [probe(step, 0.45) for step in range(4)])
    begun = kinds.BranchBegun(name="b1", parent="main", base_step=1, ckpt="main-1")
    state = reduce(state, Record(1, 1, 9, 9.0, "branch", "b1", 1, begun.data()))
    state = reduce(state, probe(2, 0.46, "b1"))
    assert [(p.branch, p.step) for p in healthy_probes(state)] == [
        ("main", 0),
        ("main", 1),
        ("b1", 2),
    ]


def test_where_no_budget_is_known_the_best_of_all_probes_counts() -> None:
    told = [kinds.RobustProbe(n=600, clean=0.8, fgsm=0.5, pgd=pgd) for pgd in (0.3, 0.4, 0.0)]
    assert best(told).pgd == 0.4
