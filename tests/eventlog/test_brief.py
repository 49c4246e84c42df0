"""Briefs of sealed files: taken where they are about the file as it is, and nothing otherwise."""

import random
import shutil

import pytest
from made_up import rollback
from made_up.records import alert, probe, record, start, steps

from selffit.eventlog import briefing
from selffit.eventlog.brief import name_of
from selffit.eventlog.decode import read
from selffit.eventlog.encode import to_json
from selffit.eventlog.folder import Folder
from selffit.eventlog.framing import run_mark, seal
from selffit.eventlog.kinds import KINDS
from selffit.eventlog.reader import RunReader, SkimReader
from selffit.eventlog.records import Notice, Unread
from selffit.eventlog.sieve import ENOUGH, Sieve
from selffit.eventlog.writer import EventWriter
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.follow import singly
from selffit.run.judged.summary import status_dict

NOW = 1.9e9
SKIMMED = frozenset(name.encode() for name in ENOUGH)


def story(rng, number):
    """Blocks, heartbeats, probes and checkpoints, as a long run has them."""
    items, step, saved = [start()], 0, []
    for _ in range(number):
        what = rng.choices(("steps", "host", "probe", "save", "prune"), (60, 60, 4, 3, 2))[0]
        if what == "steps":
            items.append(steps(step, eps=[rng.random()] * 10))
            step += 10
        elif what == "host":
            items.append(record("host", {"cpu": rng.random()}, step))
        elif what == "probe":
            items.append(rng.choice((probe(step, rng.random()), alert("suspect", step))))
        elif what == "save":
            saved.append(f"main-{step}")
            items.append(record("ckpt.saved", {"id": saved[-1], "step": step}, step))
        elif saved:
            items.append(record("ckpt.pruned", {"id": saved.pop(0)}, step))
    return items


def write(run, items, files, id="9f3c1a2b4d5e"):
    """A log of so many files, the last of which goes on; each but that with its brief."""
    folder = run / "log" / "trainer"
    folder.mkdir(parents=True)
    opening = record("open", {"run": "r", "stream": "trainer"})
    per = -(-len(items) // files)
    q = 0
    for number in range(files):
        lines = []
        for item in (opening, *items[number * per : (number + 1) * per]):
            q += 1
            head = (q, item.t, item.k.encode(), item.b.encode(), item.s, to_json(item.d))
            body = b'{"v":1,"a":1,"q":%d,"t":%.3f,"k":"%b","b":"%b","s":%d,"d":%b' % head
            lines.append(seal(body + run_mark(id)))
        (folder / f"000001-{number:06d}.jsonl").write_bytes(b"".join(lines))
    for number in range(files - 1):
        briefing.leave(Folder(folder), "trainer", 1, number)


def glanced(run):
    """What a summary is made of, and how many lines were read for it."""
    sieve, number = Sieve(), 0
    reader = SkimReader(run, SKIMMED, briefs=ENOUGH)
    while items := list(singly(reader.poll(10_000))):
        number += len(items)
        for item in items:
            sieve.take(item)
    return sieve.items(), number


def told(items):
    state = reduce_all(RunState(), items)
    return status_dict(state, "training", NOW)


def whole(run):
    return RunReader(run).poll()


@pytest.mark.parametrize("seed", range(20))
def test_a_summary_with_briefs_is_that_of_every_line(seed, tmp_path):
    rng = random.Random(seed)
    write(tmp_path, story(rng, 600), files=rng.randrange(2, 6))
    items, number = glanced(tmp_path)
    assert told(items) == told(whole(tmp_path))
    assert number < len(whole(tmp_path))


def test_a_recorded_rollback_with_briefs_is_told_as_every_line_tells_it(tmp_path):
    write(tmp_path, rollback.rolled_back().records, files=4)
    items, _ = glanced(tmp_path)
    assert told(items) == told(whole(tmp_path))


@pytest.fixture
def log(tmp_path):
    write(tmp_path / "run", story(random.Random(1), 600), files=3)
    return tmp_path / "run"


def first(run):
    return run / "log" / "trainer" / "000001-000000.jsonl"


def same_as_whole(run):
    items, number = glanced(run)
    complete = whole(run)
    assert told(items) == told(complete)
    assert [i for i in items if isinstance(i, Notice)] == [
        i for i in complete if isinstance(i, Notice)
    ]
    return number == len(complete)


def test_a_file_that_was_copied_or_touched_is_known_by_its_bytes(log, tmp_path):
    shutil.copytree(log, tmp_path / "copy", copy_function=shutil.copyfile)
    assert not same_as_whole(tmp_path / "copy")


@pytest.mark.parametrize("copied", (False, True))
@pytest.mark.parametrize("place", (20, 5000, -3))
def test_damage_is_found_although_a_brief_says_otherwise(log, tmp_path, place, copied):
    if copied:
        shutil.copytree(log, tmp_path / "copy")
        log = tmp_path / "copy"
    for file in first(log), first(log).with_name("000001-000001.jsonl"):
        data = bytearray(file.read_bytes())
        data[place] ^= 1
        file.write_bytes(data)
    assert same_as_whole(log)
    assert any(isinstance(item, Notice) for item in whole(log))


@pytest.mark.parametrize("harm", ("cut", "grown", "empty", "gone"))
def test_so_is_a_file_of_another_length(log, harm):
    file = first(log)
    data = file.read_bytes()
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes({"cut": data[:-40], "grown": data + b"{}\n", "empty": b""}[harm])
    same_as_whole(log)


def test_no_flipped_bit_of_a_brief_makes_a_wrong_summary(log):
    file = first(log).with_suffix(".brief")
    data, expected, rng = file.read_bytes(), told(whole(log)), random.Random(3)
    for _ in range(60):
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file.write_bytes(changed)
        assert told(glanced(log)[0]) == expected


def test_a_brief_of_another_run_or_place_is_left_alone(log, tmp_path):
    write(tmp_path / "other", story(random.Random(2), 600), files=3, id="0123456789ab")
    mine, other = first(log).with_suffix(".brief"), first(tmp_path / "other")
    mine.write_bytes(other.with_suffix(".brief").read_bytes())
    (log / "run.json").write_text('{"v":1,"id":"9f3c1a2b4d5e","created":1}')
    assert told(glanced(log)[0]) == told(whole(log))
    first(log).write_bytes(other.read_bytes())  # the file is another run's, and so is its brief
    same_as_whole(log)


def test_a_brief_that_keeps_less_than_is_needed_is_left_alone(log):
    more = {**ENOUGH, "steps": ENOUGH["steps"] + 1}
    reader = SkimReader(log, SKIMMED, briefs=more)
    assert sum(1 for _ in singly(reader.poll())) == len(whole(log))


def test_of_a_file_with_any_fault_none_is_left(tmp_path):
    write(tmp_path, story(random.Random(1), 100), files=2)
    file = first(tmp_path)
    file.with_suffix(".brief").unlink()
    file.write_bytes(file.read_bytes() + b"half a li")
    briefing.leave(Folder(file.parent), "trainer", 1, 0)
    assert [path.suffix for path in sorted(file.parent.iterdir())] == [".jsonl", ".jsonl"]


def test_a_link_in_the_place_of_a_brief_is_not_followed(log, tmp_path):
    file = first(log).with_suffix(".brief")
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert same_as_whole(log) is False  # that of the second file is still there


def test_a_writer_leaves_a_brief_of_each_file_that_it_has_sealed(tmp_path):
    block = steps(0).d | {"note": "x" * 10_000}
    with EventWriter(tmp_path, "trainer", 1, rotate_bytes=4 << 20) as log:
        for number in range(900):
            log.put("steps", block, step=10 * number)
            log.put("host", {"cpu": 0.5}, step=10 * number)
            if not number % 100:
                log.put("probe.robust", probe(10 * number, 0.5).d, step=10 * number, critical=True)
    folder = tmp_path / "log" / "trainer"
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        *("000001-000000.brief", "000001-000000.jsonl"),
        *("000001-000001.brief", "000001-000001.jsonl"),
        "000001-000002.jsonl",
    ]
    items, number = glanced(tmp_path)
    assert told(items) == told(whole(tmp_path)) and number < 700


def test_the_lines_of_a_brief_are_those_of_its_file(log):
    lines = first(log).read_bytes().splitlines()
    head, *kept = first(log).with_suffix(".brief").read_bytes().splitlines()
    assert name_of(first(log).name) == "000001-000000.brief"
    assert [line for line in lines if line in set(kept)] == kept
    of_kind = [line for line in kept if b'"k":"steps"' in line]
    assert len(of_kind) >= KINDS["steps"].KIND.enough and head.startswith(b'{"v":1,"kept":')
    assert all(
        read(Unread(line=line, stream="trainer", a=1, q=1, t=0.0, k="", b="", s=0)) is not None
        for line in kept
    )
