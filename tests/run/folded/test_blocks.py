"""Blocks of steps in columns: a history like any other, and the same from lines only skimmed."""

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up.records import record, start, steps

from selffit.eventlog import kinds
from selffit.eventlog.fields import Columns
from selffit.eventlog.kinds import DRAWN_SIGNALS, Place, Steps
from selffit.eventlog.reader import RunReader, SkimReader
from selffit.eventlog.writer import EventWriter
from selffit.run.folded.blocks import Blocks
from selffit.run.folded.quick import SKIMMED
from selffit.run.folded.state import RunState, reduce_all

EXAMPLES = sorted((Path(__file__).parents[3] / "runs").glob("example-*"))


def block(rng, branch="main", step=0):
    n = rng.randrange(1, 6)
    cols = {name: [rng.random() for _ in range(n)] for name in (*DRAWN_SIGNALS, "lr", "eps")}
    at = Place(branch, step, rng.random(), rng.randrange(1, 3))
    return Steps(at=at, n=n, cols=Columns(cols), img_s=rng.random(), sec=rng.random(), epoch=1.0)


def same(one, other):
    """Whether two blocks say the same, as far as it is kept of each."""
    plain = (one.at, one.n) == (other.at, other.n)
    numbers = [(getattr(b, name)) for name in ("img_s", "sec", "epoch") for b in (one, other)]
    for name in DRAWN_SIGNALS:
        numbers += [x for pair in zip(one.cols[name], other.cols[name], strict=True) for x in pair]
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    last = [b.cols[name][-1] for name in ("lr", "eps") for b in (one, other)]
    return (
        plain
        and all(a == pytest.approx(b) for a, b in pairs)
        and last[::2] != []
        and (last[0] == last[1] and last[2] == last[3])
    )


@pytest.mark.parametrize("seed", range(15))
def test_every_version_stays_what_it_was(seed):
    rng = random.Random(seed)
    versions: list[tuple[Blocks, list[Steps]]] = [(Blocks(), [])]
    for _ in range(40):
        blocks, model = rng.choice(versions[-4:])
        if rng.random() < 0.8 or not model:
            new = block(rng, rng.choice(("main", "b1")), rng.randrange(0, 200))
            versions.append((blocks.append(new), [*model, new]))
        else:
            first = rng.randrange(0, 200)
            left = [b for b in model if b.branch != "main" or b.step < first]
            versions.append((blocks.without("main", first), left))
    for blocks, model in versions:
        assert len(blocks) == len(model)
        assert all(same(one, other) for one, other in zip(blocks, model, strict=True))
        axis = [step for b in model for step in range(b.step, b.step + b.n)]
        got, columns = blocks.arrays()
        assert got.tolist() == axis
        for row, name in enumerate(DRAWN_SIGNALS):
            wanted = np.array([x for b in model for x in b.cols[name]], dtype=np.float32)
            assert np.array_equal(columns[row], wanted)


def test_rows_are_as_long_as_steps_rise_and_the_branch_stays():
    blocks, rng = Blocks(), random.Random(1)
    places = (("main", 0), ("main", 10), ("main", 5), ("b1", 20), ("b1", 30), ("main", 40))
    for branch, step in places:
        blocks = blocks.append(block(rng, branch, step))
    steps_of, _ = blocks.arrays()
    rows = [(branch, int(steps_of[first])) for branch, first, _ in blocks.rows(0)]
    assert rows == [("main", 0), ("main", 5), ("b1", 20), ("main", 40)]
    assert [first for _, _, first in blocks.rows(0)][-1] == len(steps_of)
    assert [branch for branch, _, _ in blocks.rows(4)] == ["b1", "main"]


def test_steps_beyond_four_billion_are_kept_as_they_are():
    blocks = Blocks()
    for step in (3, 2**52):
        blocks = blocks.append(block(random.Random(2), "main", step))
    assert blocks.arrays()[0][-1] >= 2**52 and blocks.arrays()[0][0] == 3


@pytest.mark.parametrize("run", EXAMPLES, ids=lambda run: run.name)
def test_lines_that_were_only_skimmed_lead_to_the_same_state(run):
    whole, skimmed = RunReader(run).poll(), SkimReader(run, SKIMMED).poll()
    assert len(whole) == len(skimmed) and len({type(item) for item in skimmed}) == 2
    for length in (len(whole) // 3, len(whole)):
        one, other = (reduce_all(RunState(), items[:length]) for items in (whole, skimmed))
        assert one == other
        for name in ("eps", "lr", "alpha"):
            assert one.setting(name) == other.setting(name)


def test_a_block_with_what_is_no_number_is_read_in_full(tmp_path):
    odd: list[dict[str, Any]] = [
        {"n": 3, "cols": {"abnormal": [0.5, "NaN", "Infinity"], "lr": [0.1, 0.2, "NaN"]}},
        {"n": 2, "cols": {"abnormal": [0.5, {}], "eps": [[0.1], 0.2]}, "sec": "NaN"},
        {"n": -1, "cols": {"abnormal": [1, 2]}},
        {"n": 2, "cols": [], "img_s": 1},
        {"cols": {"acc_adv": None}},
        {},
    ]
    with EventWriter(tmp_path, "trainer", 1, opening={"run": "odd"}) as log:
        for place, data in enumerate(odd):
            log.put("steps", data, step=10 * place, critical=True)
    whole, skimmed = (r.poll() for r in (RunReader(tmp_path), SkimReader(tmp_path, SKIMMED)))
    one, other = reduce_all(RunState(), whole), reduce_all(RunState(), skimmed)
    assert one.blocks == other.blocks and len(one.blocks) == len(odd)
    first = one.blocks[0]
    assert math.isnan(first.cols["abnormal"][1]) and math.isinf(first.cols["abnormal"][2])


def test_the_newest_block_is_the_one_that_was_logged():
    items = [start(), steps(0), steps(10, note=[1] * 10), record("host", {})]
    state = reduce_all(RunState(), items)
    newest = state.last(kinds.Steps)
    assert newest is not None and newest.cols["note"] == [1] * 10
