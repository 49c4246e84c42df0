"""Steps kept as runs are read like the array that they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selffit.run.folded.rising import Rising, Runs

GROUPS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=12)
RISING = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), max_size=12)


def array_of(groups: list[tuple[int, int]]) -> np.ndarray:
    none = np.empty(0, np.int64)
    return np.concatenate([none, *[np.arange(first, first + n) for first, n in groups]])


def rising(gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Groups with steps that rise all the way, from what is left out before each."""
    found, step = [], 0
    for gap, n in gaps:
        found.append((step + gap, n))
        step += gap + n
    return found


def runs_of(groups: list[tuple[int, int]], together: bool = False) -> Runs:
    runs = Runs()
    if together:
        runs.extend(*np.array(groups, np.int64).reshape(-1, 2).T)
        return runs
    for first, n in groups:
        runs.add(first, n)
    return runs


@given(GROUPS, GROUPS, st.booleans())
def test_all_numbers_are_there_however_they_came(one, more, together):
    runs = runs_of(one, together)
    before = runs.upto(len(runs))
    for first, n in more:
        runs.add(first, n)
    whole = array_of([*one, *more])
    assert runs.upto(len(runs)).tolist() == whole.tolist()
    assert before.tolist() == array_of(one).tolist()
    half = len(whole) // 2
    assert runs.first(half).upto(half).tolist() == whole[:half].tolist()


@given(GROUPS, st.integers(-20, 20), st.integers(-20, 20))
def test_parts_are_those_of_the_array(groups, begin, end):
    whole = array_of(groups)
    part = runs_of(groups).upto(len(whole))[begin:end]
    assert len(part) == len(whole[begin:end])
    assert np.asarray(part).tolist() == whole[begin:end].tolist()
    assert [part[i] for i in range(-len(part), len(part))] == part.tolist() * 2
    assert part[1:-1].tolist() == whole[begin:end][1:-1].tolist()


@given(RISING, st.integers(0, 40), st.lists(st.floats(-5, 140), max_size=6))
def test_numbers_are_found_where_they_are_in_the_array(gaps, begin, wanted):
    whole = array_of(rising(gaps))
    part, same = runs_of(rising(gaps)).upto(len(whole))[begin:-2], whole[begin:-2]
    for asked in (wanted, np.array(wanted).astype(np.int64), [-np.inf, np.inf, 1e18]):
        for side in ("left", "right"):
            found = np.searchsorted(part, asked, side=side)
            assert found.tolist() == np.searchsorted(same, asked, side=side).tolist()
    assert np.searchsorted(part, 7.5) == np.searchsorted(same, 7.5)


@given(GROUPS, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5))
def test_parts_are_joined_in_their_order(groups, cuts):
    whole = array_of(groups)
    steps = runs_of(groups).upto(len(whole))
    joined = Rising.joined([steps[slice(*cut)] for cut in cuts])
    none = np.empty(0, np.int64)
    assert joined.tolist() == np.concatenate([none, *[whole[slice(*cut)] for cut in cuts]]).tolist()


def test_a_long_row_of_steps_is_one_run():
    runs = Runs()
    for first in range(0, 10_000, 20):
        runs.add(first, 20)
    runs.extend(np.arange(10_000, 20_000, 50), np.full(200, 50))
    assert len(runs._starts) == 1


def test_there_is_nothing_outside_and_no_part_with_gaps():
    steps = runs_of([(3, 4)]).upto(4)
    with pytest.raises(IndexError):
        steps[4]
    with pytest.raises(IndexError):
        steps[-5]
    with pytest.raises(ValueError, match="without gaps"):
        steps[::2]
