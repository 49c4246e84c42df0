import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selffit.eventlog import tail
from selffit.eventlog.framing import MAX_LINE, seal
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice, Record
from selffit.eventlog.tail import Item


def line(q: int, a: int = 1, kind: str = "host", data: bytes = b"{}", v: int = 1) -> bytes:
    return seal(
        b'{"v":%d,"a":%d,"q":%d,"t":%d.5,"k":"%b","b":"main","s":0,"d":%b'
        % (v, a, q, q, kind.encode(), data)
    )


def segment(run: Path, name: str = "000001-000000", stream: str = "trainer") -> Path:
    path = run / "log" / stream / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def numbers(items: list[Item]) -> list[int]:
    return [item.q for item in items if isinstance(item, Record)]


def notices(items: list[Item]) -> list[str]:
    return [item.kind for item in items if isinstance(item, Notice)]


def test_nothing_to_read_is_no_error(tmp_path: Path) -> None:
    assert RunReader(tmp_path / "missing").poll() == []
    assert RunReader(tmp_path).poll() == []
    segment(tmp_path)
    assert RunReader(tmp_path).poll() == []


def test_each_poll_gives_what_is_new_and_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    path, reader = segment(tmp_path), RunReader(tmp_path)
    add(path, line(1) + line(2)[:30])
    assert numbers(reader.poll()) == [1]
    assert reader.poll() == []
    add(path, line(2)[30:])
    assert numbers(reader.poll()) == [2]


def test_two_streams_are_followed_apart_the_trainer_first(tmp_path: Path) -> None:
    add(
        segment(tmp_path, stream="supervisor"), line(1, kind="sup.spawn") + line(2, kind="sup.exit")
    )
    add(segment(tmp_path), line(1) + line(2))
    items = RunReader(tmp_path).poll()
    assert [(r.stream, r.q) for r in items if isinstance(r, Record)] == [
        ("trainer", 1),
        ("trainer", 2),
        ("supervisor", 1),
        ("supervisor", 2),
    ]


def test_a_limit_slices_the_log_without_losing_or_repeating_anything(tmp_path: Path) -> None:
    # a gap and a record from one line
    add(segment(tmp_path), b"".join(line(q) for q in range(1, 30) if q % 5))
    add(segment(tmp_path, "000001-000001"), line(31) + line(32)[:-3])
    add(segment(tmp_path, "000002-000000"), line(1, a=2))
    add(segment(tmp_path, stream="supervisor"), line(1))
    whole = RunReader(tmp_path).poll()
    for limit in (1, 2, 3, 7, 100):
        reader, pieces = RunReader(tmp_path), []
        while piece := reader.poll(limit):
            assert len(piece) <= limit
            pieces += piece
        assert pieces == whole


def test_torn_tail_is_reported_once_a_later_segment_exists(tmp_path: Path) -> None:
    path, reader = segment(tmp_path), RunReader(tmp_path)
    add(path, line(1) + b"half")
    assert notices(reader.poll()) == []
    add(segment(tmp_path, "000001-000001"), line(2))
    items = reader.poll()
    torn = items[0]
    assert isinstance(torn, Notice) and torn.kind == "torn" and "4 bytes" in torn.text
    assert numbers(items) == [2] and reader.poll() == []


def test_a_later_attempt_counts_from_one_and_does_not_mix(tmp_path: Path) -> None:
    reader = RunReader(tmp_path)
    add(segment(tmp_path), line(1) + line(2) + line(3)[:20])
    assert numbers(reader.poll()) == [1, 2]
    add(segment(tmp_path, "000002-000000"), line(1, a=2) + line(3, a=1) + line(2, a=2))
    items = reader.poll()
    assert notices(items) == ["torn", "damaged"]
    assert [(r.a, r.q) for r in items if isinstance(r, Record)] == [(2, 1), (2, 2)]


def test_a_tear_at_every_offset_gives_the_whole_lines_before_it_and_what_follows(
    tmp_path: Path,
) -> None:
    lines = [line(1, kind="open"), line(2, data=b'{"x":"\\u00e9"}'), line(3)]
    whole = b"".join(lines)
    ends = [sum(map(len, lines[:n])) for n in range(4)]
    add(segment(tmp_path, "000001-000001"), line(4))
    path = segment(tmp_path)
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        items = RunReader(tmp_path).poll()
        kept = sum(end <= cut for end in ends[1:])
        assert numbers(items) == [*range(1, kept + 1), 4]
        assert notices(items) == ["torn"] * (cut not in ends) + ["gap"] * (kept < 3)


def test_zeros_from_every_offset_never_give_a_wrong_record(tmp_path: Path) -> None:
    whole = line(1) + line(2)
    path = segment(tmp_path)
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut] + bytes(len(whole) - cut) + b"\n" + line(3))
        assert numbers(RunReader(tmp_path).poll()) == [
            q for q in (1, 2) if cut >= q * len(line(1))
        ] + [3]


def test_a_flipped_bit_costs_that_line_only(tmp_path: Path) -> None:
    before, victim, after = line(1), line(2, data=b'{"pgd":0.07}'), line(3)
    originals = RunReader(tmp_path)
    path = segment(tmp_path)
    add(path, before + victim + after)
    good = originals.poll()
    for bit in range(8 * len(victim)):
        damaged = bytearray(victim)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(before + damaged + after)
        items = RunReader(tmp_path).poll()
        # the newline itself: both lines around it are one damaged line
        if bit // 8 == len(victim) - 1:
            assert numbers(items) == [1] and notices(items) == ["damaged"]
        else:
            assert [item for item in items if isinstance(item, Record)] == [good[0], good[2]]
            assert set(notices(items)) == {"damaged", "gap"}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_split_of_the_byte_stream_gives_the_same_items(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    stream = (
        line(1)
        + line(2, data=b'{"x":"%b"}' % (b"y" * 300))
        + b"rubbish\n"
        + line(4)
        + b"\n"
        + line(5)
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    run = tmp_path_factory.mktemp("run")
    path, reader, items = segment(run), RunReader(run), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        add(path, stream[start:end])
        items += reader.poll(data.draw(st.sampled_from([None, 1, 2])))
    while more := reader.poll():
        items += more
    assert items == RunReader(run).poll()
    assert numbers(items) == [1, 2, 4, 5]


@settings(max_examples=60, deadline=None)
@given(rubbish=st.binary(max_size=400))
def test_random_bytes_never_raise_and_never_hide_the_next_line(
    tmp_path_factory: pytest.TempPathFactory, rubbish: bytes
) -> None:
    run = tmp_path_factory.mktemp("run")
    add(segment(run), line(1) + rubbish + b"\n" + line(2))
    assert numbers(RunReader(run).poll()) == [1, 2]


def test_damage_is_listed_up_to_a_bound_and_read_in_bounded_slices(tmp_path: Path) -> None:
    add(segment(tmp_path), b"\n" * 5000 + line(1))
    items = RunReader(tmp_path).poll()
    assert len(notices(items)) == 100 and numbers(items) == [1]
    reader = RunReader(tmp_path)
    sizes = [len(reader.poll(1000)) for _ in range(6)]
    assert sizes == [100, 0, 0, 0, 0, 1]


def test_a_repeated_number_is_damage_and_not_given_again(tmp_path: Path) -> None:
    add(segment(tmp_path), line(1) + line(2) + line(2) + line(1) + line(3))
    items = RunReader(tmp_path).poll()
    assert numbers(items) == [1, 2, 3] and notices(items) == ["damaged", "damaged"]


def test_a_missing_segment_is_a_gap(tmp_path: Path) -> None:
    add(segment(tmp_path, "000001-000000"), line(1))
    add(segment(tmp_path, "000001-000002"), line(9))
    items = RunReader(tmp_path).poll()
    assert numbers(items) == [1, 9] and notices(items) == ["gap"]


@pytest.mark.parametrize("content", [line(1), line(1, kind="other") + line(2) + line(3) + line(4)])
def test_a_file_that_shrank_or_was_replaced_is_read_again(tmp_path: Path, content: bytes) -> None:
    path, reader = segment(tmp_path), RunReader(tmp_path)
    add(path, line(1) + line(2))
    reader.poll()
    path.write_bytes(content)
    items = reader.poll()
    assert notices(items) == ["restarted"] and numbers(items) == list(
        range(1, content.count(b"\n") + 1)
    )


def test_a_longer_copy_of_the_same_file_is_read_on(tmp_path: Path) -> None:
    path, reader = segment(tmp_path), RunReader(tmp_path)
    add(path, line(1))
    reader.poll()
    path.unlink()
    assert reader.poll() == []
    add(path, line(1) + line(2))
    items = reader.poll()
    assert numbers(items) == [2] and notices(items) == []


def test_half_a_line_that_the_writer_cut_off_is_never_joined_to_the_next(tmp_path: Path) -> None:
    path, reader = segment(tmp_path), RunReader(tmp_path)
    add(path, line(1) + line(2, data=b'{"x":1}')[:40])
    assert numbers(reader.poll()) == [1]
    os.truncate(path, len(line(1)))
    add(path, line(2, kind="log.fault"))
    items = reader.poll()
    assert [r.k for r in items if isinstance(r, Record)] == ["log.fault"] and notices(items) == []


def test_a_newer_format_is_refused_for_that_file_and_a_later_attempt_is_read(
    tmp_path: Path,
) -> None:
    add(segment(tmp_path), line(1) + line(2, v=2) + line(3, v=2) + line(4))
    add(segment(tmp_path, "000002-000000"), line(1, a=2))
    reader = RunReader(tmp_path)
    items = reader.poll()
    assert notices(items) == ["version"] and [r.a for r in items if isinstance(r, Record)] == [1, 2]
    assert reader.poll() == []


@pytest.mark.parametrize("size", [MAX_LINE + 1, 3 * MAX_LINE, 3 * MAX_LINE + 70_000])
def test_a_line_that_is_too_long_is_skipped_and_told_once(tmp_path: Path, size: int) -> None:
    path, reader = segment(tmp_path), RunReader(tmp_path)
    add(path, line(1) + b"x" * (size - 1))
    assert numbers(reader.poll()) == [1] and reader.poll() == []
    add(path, b"\n" + line(2))
    items = reader.poll()
    assert numbers(items) == [2] and str(size) in next(
        i.text for i in items if isinstance(i, Notice)
    )
    assert notices(items) == ["damaged"]


def test_the_longest_allowed_line_is_read(tmp_path: Path) -> None:
    room = MAX_LINE - len(line(1, data=b'{"x":""}'))
    add(segment(tmp_path), line(1, data=b'{"x":"%b"}' % (b"y" * room)) + line(2))
    assert numbers(RunReader(tmp_path).poll()) == [1, 2]


def test_an_endless_line_does_not_hold_up_a_poll_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "_SKIPS", 2)
    path, reader = segment(tmp_path), RunReader(tmp_path)
    os.truncate(path, 5 * MAX_LINE)  # a hole: zeros without a newline
    reader.poll()
    add(path, b"\n" + line(1))
    assert reader.poll() == []
    assert numbers(reader.poll()) == [1]


def test_links_and_special_files_are_not_opened(tmp_path: Path) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    add(segment(outside), line(1, kind="outside"))
    target = outside / "log" / "trainer" / "000001-000000.jsonl"
    path = segment(run)
    path.unlink()
    path.symlink_to(target)
    os.mkfifo(path.with_name("000001-000001.jsonl"))
    (path.with_name("000001-000002.jsonl")).mkdir()
    (run / "log" / "linked").symlink_to(outside / "log" / "trainer", target_is_directory=True)
    add(segment(run, "000001-000003"), line(1, kind="inside"))
    reader = RunReader(run)
    items = reader.poll()
    assert [r.k for r in items if isinstance(r, Record)] == ["inside"]
    assert notices(items) == ["unreadable"] * 3 and reader.poll() == []


def test_a_linked_log_folder_is_not_followed(tmp_path: Path) -> None:
    add(segment(tmp_path / "outside"), line(1))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log").symlink_to(tmp_path / "outside" / "log", target_is_directory=True)
    reader = RunReader(tmp_path / "run")
    assert notices(reader.poll()) == ["unreadable"] and reader.poll() == []


def test_a_stream_that_may_not_be_opened_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(segment(tmp_path), line(1))
    open_it = os.open

    def refuse(path: object, *more: object, **named: object) -> int:
        if path == "trainer":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return open_it(path, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    reader = RunReader(tmp_path)
    [told] = reader.poll()
    assert isinstance(told, Notice) and (told.kind, told.stream) == ("unreadable", "trainer")
    assert "Permission denied" in told.text and reader.poll() == []
    monkeypatch.undo()
    assert numbers(reader.poll()) == [1]  # somebody has opened it to us


@pytest.mark.parametrize(
    "name",
    [
        "ballast",
        "000001-000000.jsonl~",
        "1-0.jsonl",
        "000001-000000.jsonl\n",
        "٠٠٠٠٠١-000000.jsonl",
    ],
)
def test_other_names_in_a_stream_are_ignored(tmp_path: Path, name: str) -> None:
    add(segment(tmp_path).with_name(name), line(1))
    assert RunReader(tmp_path).poll() == []
