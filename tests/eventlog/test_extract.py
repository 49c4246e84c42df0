"""Extracts of sealed files: the same as their lines, and nothing where they are not about them."""

import os
import random
import shutil
from zlib import compress, crc32

import msgspec
import pytest
from made_up import rollback

from selffit.eventlog import brief, briefing, extract, extracting, tail
from selffit.eventlog.bulk import Bulk
from selffit.eventlog.encode import to_json
from selffit.eventlog.extract import Extracted, Stretch
from selffit.eventlog.folder import Folder
from selffit.eventlog.framing import run_mark, seal
from selffit.eventlog.reader import SkimReader
from selffit.eventlog.records import Notice
from selffit.run.folded.quick import SKIMMED
from selffit.run.folded.state import RunState
from selffit.run.follow import Follower, LogSource
from selffit.run.in_time import TimedSource
from selffit.run.recording.recording import UNITS

NAMES = ("loss_clean", "loss_adv", "acc_adv", "abnormal", "pertalign", "delta")
ID = "9f3c1a2b4d5e"
FILES = 4


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Files and blocks of lines are small, and treated as long ones."""
    for module in (tail, briefing):
        monkeypatch.setattr(module, "_WORTH", 0)
    monkeypatch.setattr(tail, "_BLOCK", 1 << 12)
    monkeypatch.setattr(tail, "_LARGE", 1 << 14)


def line(q, kind, data, *, step=0, branch="main", t=1.79e9, run=ID):
    head = (q, t, kind.encode(), branch.encode(), step, to_json(data), run_mark(run))
    return seal(b'{"v":1,"a":1,"q":%d,"t":%.3f,"k":"%b","b":"%b","s":%d,"d":%b%b' % head)


def block(rng, n):
    cols = {name: [round(rng.random(), 5) for _ in range(n)] for name in NAMES}
    cols |= {name: [round(rng.random(), 5)] * n for name in ("lr", "eps", "alpha")}
    timing = {"img_s": round(rng.random(), 2), "sec": 0.04, "epoch": round(4 * rng.random(), 2)}
    return {"n": n, "cols": cols, **timing}


def write(run, seed=0, *, number=140, few=False, run_id=ID, strange=()):
    """A log of some files of blocks, heartbeats and what else there is, with their extracts."""
    rng, folder = random.Random(seed), run / "log" / "trainer"
    folder.mkdir(parents=True)
    if run_id:
        (run / "run.json").write_text(f'{{"v":1,"name":"run","id":"{run_id}"}}')
    others = [item for item in rollback.rolled_back().records if item.k != "open"]
    q, step, t = 0, 0, 1.79e9
    for file in range(FILES):
        found = []
        for place in range(number):
            q, t = q + 1, t + rng.random()
            where = {"step": step, "t": t, "run": run_id}
            if not place:
                found.append(line(q, "open", {"run": "long", "seg": file}, **where))
            elif rng.random() < (0.4 if few else 0.04):
                other = rng.choice(others)
                found.append(line(q, other.k, other.d, branch=other.b, **where))
            elif rng.random() < 0.5:
                found.append(line(q, "host", {"cpu": round(rng.random(), 3)}, **where))
            else:
                data = block(rng, rng.choice((5, 5, 7)))
                data["cols"] |= rng.choice(strange) if strange and rng.random() < 0.1 else {}
                found.append(
                    line(q, "steps", data, **where | {"branch": rng.choice(("main", "b1"))})
                )
                step += rng.choice((5, 5, 5, 6, 0))
        (folder / f"000001-{file:06d}.jsonl").write_bytes(b"".join(found))
    for file in range(FILES - 1):
        briefing.leave(Folder(folder), "trainer", 1, file)
    return folder


def read(run, limit=30):
    """A recording of a log, and how many lines of it were taken from extracts."""
    source, taken = TimedSource(run), 0
    follower = Follower(source, record=True)
    while items := follower.poll(limit):
        taken += sum(len(item) for item in items if isinstance(item, Extracted))
    return follower.recording, taken


def without(run, tmp_path):
    """The same log without what was left beside it."""
    plain = tmp_path / "plain"
    shutil.copytree(run, plain, ignore=shutil.ignore_patterns("*.extract", "*.brief"))
    recording, taken = read(plain)
    assert not taken
    return recording


def told(state: RunState) -> str:
    """A state as something that can be compared, unknown numbers included."""
    blocks = state.blocks
    kept = {kind: list(every) for kind, every in state.kept.items() if every is not blocks}
    plain = {name: getattr(state, name) for name in state.__dataclass_fields__}
    return repr({**plain, "kept": kept, "blocks": (blocks._data(), blocks.arrays()[0].tolist())})


def same(one, other, positions):
    assert len(one) == len(other)
    assert told(one.newest) == told(other.newest)
    assert repr(one.newest.blocks.last) == repr(other.newest.blocks.last)
    assert one.moments == other.moments
    for unit in UNITS:
        assert one.positions(unit) == other.positions(unit)
    for position in positions:
        assert one.place_at(position) == other.place_at(position)
        assert one.time_at(position) == other.time_at(position)
        assert one.kind_at(position) == other.kind_at(position)
        assert told(one.state_at(position)) == told(other.state_at(position))


@pytest.mark.parametrize("seed", range(6))
def test_replayed_from_extracts_a_log_is_what_its_lines_tell(seed, tmp_path):
    write(tmp_path / "run", seed, few=seed % 3 == 2, run_id=ID if seed % 2 else "")
    recording, taken = read(tmp_path / "run", limit=(7, 30, 1000)[seed % 3])
    assert taken > 100
    rng = random.Random(seed)
    positions = [0, 1, len(recording), *(rng.randrange(len(recording)) for _ in range(40))]
    same(recording, without(tmp_path / "run", tmp_path), positions)


STRANGE = (
    {"loss_adv": ["NaN", 1.0, 2.0, "Infinity", 0.5]},
    {"loss_adv": [1.0]},
    {"pertalign": [1e-7, -2.5e300, 3.4e38, 1e-320, -0.0]},
    {"lr": ["NaN"] * 5},
)


@pytest.mark.parametrize("seed", range(4))
def test_blocks_that_are_not_as_usual_are_read_from_their_lines(seed, tmp_path):
    write(tmp_path / "run", seed, strange=STRANGE)
    recording, _ = read(tmp_path / "run")
    same(recording, without(tmp_path / "run", tmp_path), range(0, len(recording), 11))


def files(run):
    return sorted((run / "log" / "trainer").glob("*.jsonl"))


@pytest.mark.parametrize("place", (0.0, 0.3, 0.7, 1.0))
@pytest.mark.parametrize("kept", (True, False))
def test_damage_is_found_although_an_extract_says_otherwise(place, kept, tmp_path):
    write(tmp_path / "run")
    file = files(tmp_path / "run")[1]
    before = file.stat()
    data = bytearray(file.read_bytes())
    data[round(place * (len(data) - 2))] ^= 1
    with file.open("r+b") as opened:
        opened.write(data)
    if kept:  # as on a disk that forgets: nothing but the bytes says so
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    recording, taken = read(tmp_path / "run")
    assert any(notice.kind == "damaged" for notice in recording.newest.notices)
    assert 0 < taken < 2.5 * 140
    same(recording, without(tmp_path / "run", tmp_path), range(0, len(recording), 23))


@pytest.mark.parametrize("harm", ("cut", "grown", "empty", "gone", "swapped"))
def test_a_file_of_another_length_or_name_is_read_itself(harm, tmp_path):
    write(tmp_path / "run")
    file, other = files(tmp_path / "run")[1:3]
    data = file.read_bytes()
    if harm == "gone":
        file.unlink()
    elif harm == "swapped":
        own, others = (brief.name_of(one.name).replace("brief", "extract") for one in (file, other))
        shutil.copyfile(file.with_name(others), file.with_name(own))
    else:
        file.write_bytes({"cut": data[:-40], "grown": data + b"{}\n", "empty": b""}[harm])
    recording, _ = read(tmp_path / "run")
    same(recording, without(tmp_path / "run", tmp_path), range(0, len(recording), 23))


def test_a_damaged_extract_is_none(tmp_path):
    folder = write(tmp_path / "run", number=40)
    plain, rng = without(tmp_path / "run", tmp_path), random.Random(1)
    left = folder / "000001-000001.extract"
    whole = left.read_bytes()
    for _ in range(60):
        data = bytearray(whole)
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        else:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        left.write_bytes(data)
        recording, taken = read(tmp_path / "run")
        assert taken < 2 * 40
        same(recording, plain, ())


def forged(folder, change):
    """The extract of the second file with another body, and a head that says that it is right."""
    left = folder / "000001-000001.extract"
    top, _, body = left.read_bytes().partition(b"\n")
    head = msgspec.json.decode(top[:-16] + b"}", type=extract.Head)
    found = msgspec.msgpack.decode(body, type=extract.Body)
    change(found, head)
    raw = msgspec.msgpack.encode(found)
    head.body = crc32(raw)
    left.write_bytes(seal(msgspec.json.encode(head)[:-1]) + raw)


def longest(body) -> Stretch:
    return max((one for one in body if isinstance(one, Stretch)), key=lambda one: one.lines)


def _renamed(body, head):
    longest(body).names[0] = ("steps", "\x1b[2J")


def _of_another_kind(body, head):
    longest(body).names[0] = ("alert", "main")


def _shorter(body, head):
    body.pop()


def _cut(body, head):
    longest(body).signals = longest(body).signals[:-4]


def _of_no_numbers(body, head):
    longest(body).numbers = compress(b"1234")


def _endless(body, head):
    longest(body).lines = 1 << 40


def _without_last(body, head):
    longest(body).lasts = {}


def _of_another_run(body, head):
    head.run = "0123456789ab"


def _of_another_place(body, head):
    head.first += 1
    head.behind += 1


def _out_of_time(body, head):
    head.end = head.begin


def _newer(body, head):
    head.v += 1


@pytest.mark.parametrize(
    "change",
    (
        _renamed,
        _of_another_kind,
        _shorter,
        _cut,
        _of_no_numbers,
        _endless,
        _without_last,
        _of_another_run,
        _of_another_place,
        _out_of_time,
        _newer,
    ),
)
def test_an_extract_that_cannot_be_is_none(change, tmp_path):
    folder = write(tmp_path / "run")
    _, usual = read(tmp_path / "run")
    forged(folder, change)
    recording, taken = read(tmp_path / "run")
    assert taken < usual
    same(recording, without(tmp_path / "run", tmp_path), range(0, len(recording), 31))


@pytest.mark.parametrize("others", (b"", b"no zlib", compress(b"no line\n" * 3)))
def test_heartbeats_that_somebody_has_made_up_harm_nobody(others, tmp_path):
    folder = write(tmp_path / "run")
    forged(folder, lambda body, head: setattr(longest(body), "others", others))
    recording, _ = read(tmp_path / "run")
    plain = without(tmp_path / "run", tmp_path)
    for position in range(0, len(recording), 7):
        assert recording.state_at(position).step == plain.state_at(position).step
        assert recording.state_at(position).blocks == plain.state_at(position).blocks
        recording.kind_at(position)


def test_what_the_supervisor_said_in_between_stands_there(tmp_path):
    write(tmp_path / "run")
    recording, usual = read(tmp_path / "run")
    for file, position in (("000001-000000.jsonl", 200),):
        said = [line(1, "sup.spawn", {"pid": 1}, t=1.78e9)]
        said += [line(2, "sup.exit", {"how": "crashed"}, t=recording.time_at(position))]
        (tmp_path / "run" / "log" / "supervisor").mkdir()
        (tmp_path / "run" / "log" / "supervisor" / file).write_bytes(b"".join(said))
    found, taken = read(tmp_path / "run")
    assert 0 < taken < usual  # one of the files was read line by line
    assert found.kind_at(1) == "sup.spawn" and found.kind_at(201) == "sup.exit"
    same(found, without(tmp_path / "run", tmp_path), range(0, len(found), 23))


def test_the_newest_state_alone_is_the_same(tmp_path):
    write(tmp_path / "run")
    follower = Follower(LogSource(tmp_path / "run", extract.always))
    assert told(follower.read_all()) == told(Follower(LogSource(tmp_path / "run")).read_all())


def test_whoever_needs_single_lines_gets_them(tmp_path):
    write(tmp_path / "run")
    follower, lines = Follower(LogSource(tmp_path / "run")), 0
    while items := follower.take(50):
        lines += len(items)
    assert lines == FILES * 140


def test_a_live_log_is_followed_from_extracts_into_its_growing_file(tmp_path):
    folder = write(tmp_path / "run")
    newest = folder / f"000001-{FILES - 1:06d}.jsonl"
    data = newest.read_bytes()
    newest.write_bytes(data[:1000])
    follower = Follower(TimedSource(tmp_path / "run"), record=True)
    follower.read_all()
    newest.write_bytes(data)
    follower.read_all()
    assert follower.recording is not None and not follower.state.notices
    same(follower.recording, without(tmp_path / "run", tmp_path), range(0, FILES * 140, 41))


def test_a_file_with_damage_gets_no_extract(tmp_path, monkeypatch):
    folder = write(tmp_path / "run")
    file = files(tmp_path / "run")[0]
    data = bytearray(file.read_bytes())
    data[5000] ^= 1
    file.write_bytes(data)
    left = folder / "000001-000000.extract"
    left.unlink()
    briefing.leave(Folder(folder), "trainer", 1, 0)
    assert not left.exists()


def test_one_that_would_be_too_large_is_not_left(tmp_path, monkeypatch):
    monkeypatch.setattr(extracting, "LARGEST", 10)
    assert not [*write(tmp_path / "run").glob("*.extract")]


def test_all_lines_of_a_file_are_in_its_extract_once(tmp_path):
    folder = write(tmp_path / "run")
    for file in files(tmp_path / "run")[: FILES - 1]:
        at = folder / f"{file.stem}.extract"
        body = msgspec.msgpack.decode(at.read_bytes().partition(b"\n")[2], type=extract.Body)
        assert sum(one.lines if isinstance(one, Stretch) else 1 for one in body) == 140
    reader, found = SkimReader(tmp_path / "run", SKIMMED, extracts=extract.always), 0
    while items := reader.poll(100):
        assert not any(isinstance(item, Notice) for item in items)
        found += sum(len(item) if isinstance(item, Bulk) else 1 for item in items)
    assert found == FILES * 140
