"""Many lines verified at once: the same as one by one, whatever a file holds."""

import random
from zlib import crc32

import numpy as np
import pytest
from made_up import impossible, rollback

from selffit.eventlog import tail
from selffit.eventlog.bulk import Bulk
from selffit.eventlog.encode import to_json
from selffit.eventlog.framing import run_mark, seal, suffix
from selffit.eventlog.reader import RunReader, SkimReader
from selffit.eventlog.sieve import Sieve
from selffit.eventlog.sums import sum_told
from selffit.eventlog.survey import Block
from selffit.run.folded.quick import SKIMMED
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.follow import singly
from selffit.run.listing import glance

NAMES = ("loss_clean", "loss_adv", "acc_adv", "abnormal", "pertalign", "delta")


def line(q, kind="host", data=None, *, step=0, branch="main", t=1.79e9, attempt=1, run=""):
    body = b'{"v":1,"a":%d,"q":%d,"t":%.3f,"k":"%b","b":"%b","s":%d,"d":%b%b'
    head = (attempt, q, t, kind.encode(), branch.encode(), step, to_json(data or {}))
    return seal(body % (*head, run_mark(run)))


def steps(rng, **changed):
    cols = {name: [round(rng.random(), 5) for _ in range(5)] for name in NAMES}
    cols |= {name: [round(rng.random(), 5)] * 5 for name in ("lr", "eps", "alpha")}
    cols |= changed.get("cols", {})
    return {"n": 5, "img_s": 6000.5, "sec": 0.04, "epoch": 1.25, **changed, "cols": cols}


ODD = (  # blocks that a trainer logs seldom or never
    {"cols": {"loss_adv": ["NaN", 1.0, 2.0, "Infinity", 0.5]}},
    {"cols": {"loss_clean": ["NaN"] * 5}},
    {"cols": {"loss_adv": [1.0, 2.0]}},
    {"cols": {"delta": [[1.0], {"abnormal": [1.0]}, 3.0, "]", ","]}},
    {"cols": {"lr": ["NaN"] * 5}},
    {"cols": {"acc_adv": [1, 0, 1, 0, 1], "pertalign": [1e-7, -2.5e300, 3.4e38, 1e-320, -0.0]}},
    {"cols": {"eps": 0.1}},
    {"cols": {"more": [1.0] * 5}},
    {"img_s": None},
    {"img_s": -1.0, "sec": 1e300},
    {"sec": True},
    {"n": 0},
    {"n": 1 << 60},
    {"n": 4},
    {"n": 7},
    {"more": {"n": 1}},
)


def lines_of(rng, number, *, odd=0.0, run=""):
    """A file of a trainer: mostly blocks of steps and heartbeats, by chance an odd one."""
    found, step, t = [line(1, "open", {"run": "long", "seg": 0}, run=run)], 0, 1.79e9
    others = [item for item in (*rollback.rolled_back().records, *impossible.context())]
    for q in range(2, number + 2):
        t += rng.random()
        where = {"step": step, "t": t, "run": run}
        if rng.random() < 0.03:
            other = rng.choice(others)
            found.append(line(q, other.k, other.d, branch=other.b, **where))
        elif rng.random() < 0.5:
            found.append(line(q, "host", {"cpu": round(rng.random(), 3), "rss": 1e9}, **where))
        else:
            data = steps(rng, **(rng.choice(ODD) if rng.random() < odd else {}))
            found.append(line(q, "steps", data, branch=rng.choice(("main", "b1")), **where))
            step += 5
    return found


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Writes a file of the trainer's stream; blocks are small, and looked at together at once."""
    (tmp_path / "log" / "trainer").mkdir(parents=True)
    monkeypatch.setattr(tail, "_WORTH", 0)
    monkeypatch.setattr(tail, "_BLOCK", 1 << 12)
    monkeypatch.setattr(tail, "_LARGE", 1 << 14)

    def write(data, number=0):
        (tmp_path / "log" / "trainer" / f"000001-{number:06d}.jsonl").write_bytes(data)
        return tmp_path

    return write


def one_by_one(run, monkeypatch):
    """All items of a log, and its state, every line read by itself."""
    with monkeypatch.context() as patch:
        patch.setattr(tail, "_WORTH", 1 << 60)
        items = SkimReader(run, SKIMMED).poll()
    assert not any(isinstance(item, Bulk) for item in items)
    return items, reduce_all(RunState(), items)


def together(run, limit=None):
    reader, found, quiet = SkimReader(run, SKIMMED), [], 0
    while quiet < 50:  # lines full of damage give no items
        items = reader.poll(limit)
        found += items
        quiet = 0 if items else quiet + 1
    return found


def damaged(rng, lines):
    """The lines as a file in which one of the things has happened that may happen to files."""
    data = bytearray(b"".join(lines))
    at = rng.randrange(len(data))
    what = rng.randrange(9)
    if what == 0:
        data[at] ^= 1 << rng.randrange(8)
    elif what == 1:
        del data[at : at + rng.randrange(1, 40)]
    elif what == 2:
        data[at : at + 100] = bytes(100)
    elif what == 3:
        data[at:at] = rng.choice(lines)
    elif what == 4:
        return b"".join(lines[:9] + rng.sample(lines[9:], len(lines) - 9))
    elif what == 5:
        del data[at:]
    elif what == 6:
        index = rng.randrange(1, len(lines))
        return b"".join(lines[:index] + lines[index + 1 :])
    elif what == 7:
        index = rng.randrange(1, len(lines))
        lines[index] = line(index + 1, "host", {}, run="0123456789ab")
        return b"".join(lines)
    else:
        body = bytearray(lines[rng.randrange(1, len(lines))])
        body[-10] = ord("A")
        data += body
    return bytes(data)


@pytest.mark.parametrize("seed", range(40))
def test_many_lines_at_once_are_the_same_as_one_by_one(seed, log, monkeypatch):
    rng = random.Random(seed)
    lines = lines_of(rng, 150, odd=0.02 * (seed % 3), run="9f3c1a2b4d5e" * (seed % 2))
    run = log(b"".join(lines) if seed % 4 == 0 else damaged(rng, lines))
    items, state = one_by_one(run, monkeypatch)
    limit = rng.choice((None, 7, 100))
    found = together(run, limit)
    assert list(singly(found)) == items
    assert repr_of(reduce_all(RunState(), found)) == repr_of(state)
    assert seed % 4 or any(isinstance(item, Bulk) and len(item) > 5 for item in found)


@pytest.mark.parametrize("seed", range(8))
def test_a_glance_keeps_the_same_of_many_lines_at_once(seed, log, monkeypatch):
    rng = random.Random(seed)
    run = log(damaged(rng, lines_of(rng, 150)) if seed % 2 else b"".join(lines_of(rng, 150)))
    kept = []
    for worth in (0, 1 << 60):
        monkeypatch.setattr(tail, "_WORTH", worth)
        sieve = Sieve()
        for item in SkimReader(run, glance._SKIMMED).poll():
            sieve.take(item)
        kept.append(sieve.items())
    assert kept[0] == kept[1]


def repr_of(state):
    """A state as something that can be compared, unknown numbers included."""
    blocks = state.blocks
    kept = {kind: list(all) for kind, all in state.kept.items() if all is not blocks}
    plain = {name: getattr(state, name) for name in state.__dataclass_fields__}
    return repr({**plain, "kept": kept, "blocks": (blocks._data(), blocks.last)})


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_an_odd_block_among_many_is_read_as_it_is_by_itself(odd, log, monkeypatch):
    rng = random.Random(1)
    lines = lines_of(rng, 60)
    lines += [line(62, "steps", steps(rng, **odd)), line(63, "steps", steps(rng))]
    run = log(b"".join(lines))
    state = reduce_all(RunState(), together(run))
    assert repr_of(state) == repr_of(one_by_one(run, monkeypatch)[1])
    whole = reduce_all(RunState(), RunReader(run).poll())
    one, other = (found.blocks.arrays()[1] for found in (state, whole))
    assert np.array_equal(one, other, equal_nan=True)
    assert state.step == whole.step


def test_no_flipped_bit_goes_unnoticed():
    data = b"".join(line(q, "host", {"cpu": q / 8}) for q in (1, 2, 3))
    block = Block(data, "trainer", 1, 1)
    assert block.look({b"host"})
    for at in range(len(data) - 1):  # without its newline the last line has not ended
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            assert not Block(bytes(changed), "trainer", 1, 1).look({b"host"})


def test_the_sum_of_lines_is_the_sum_of_what_they_state():
    rng = random.Random(0)
    texts = [rng.randbytes(rng.randrange(40, 4000)) for _ in range(200)]
    lines = [text + suffix(crc32(text)) + b"\n" for text in texts]
    digits = np.array([[int(chr(c), 16) for c in each[-11:-3]] for each in lines], np.uint8)
    total = sum(map(len, lines))
    behind = total - np.cumsum([len(each) for each in lines])
    assert sum_told(digits, behind) == crc32(b"".join(lines))
    digits[17, 3] ^= 1
    assert sum_told(digits, behind) != crc32(b"".join(lines))


def test_numbers_go_on_from_file_to_file(log, monkeypatch):
    rng = random.Random(3)
    lines = lines_of(rng, 300)
    log(b"".join(lines[:150]))
    run = log(b"".join(lines[150:]), 1)
    items, _ = one_by_one(run, monkeypatch)
    assert list(singly(together(run))) == items
    assert [item.q for item in items if hasattr(item, "q")] == list(range(1, 302))


def test_short_lines_at_the_end_and_longer_numbers_are_read_too(log, monkeypatch):
    lines = lines_of(random.Random(5), 59)
    for last in (b"{}\n", b'{"v":1,"a":1,"q":\n', line(10**9), line(61, t=3.0), b"\n", b"x"):
        run = log(b"".join([*lines, last]))
        items, _ = one_by_one(run, monkeypatch)
        assert list(singly(together(run))) == items
