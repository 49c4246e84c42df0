import json
import math
from typing import Any
from zlib import crc32

import pytest

from selffit.eventlog.clean import MAX_DEPTH, MAX_KEYS, MAX_TEXT, clean
from selffit.eventlog.decode import Damaged, NewerFormat, decode, is_plain
from selffit.eventlog.encode import to_json
from selffit.eventlog.framing import SUFFIX, seal, verify
from selffit.eventlog.records import Record, num


def line_of(
    data: bytes, head: bytes = b'"v":1,"a":3,"q":7,"t":17.5,"k":"host","b":"main","s":4'
) -> bytes:
    return seal(b'{%b,"d":%b' % (head, data))[:-1]


def read(line: bytes) -> Record:
    return decode(line, "trainer", 3, is_plain(line))


def test_a_line_has_the_documented_form() -> None:
    body = b'{"v":1,"a":3,"q":7,"t":17.5,"k":"host","b":"main","s":4,"d":{}'
    assert seal(body) == body + b',"c":"%08x"}\n' % crc32(body)
    assert len(b',"c":"1a2b3c4d"}') == SUFFIX
    assert json.loads(seal(body))["c"] == f"{crc32(body):08x}"
    assert read(seal(body)[:-1]) == Record(1, 3, 7, 17.5, "host", "main", 4, {}, "trainer")


def test_the_suffix_is_compared_as_bytes_so_upper_case_digits_are_damage() -> None:
    body = next(
        b
        for b in (b'{"d":{"n":%d}' % n for n in range(99))
        if any(c in b"abcdef" for c in b"%08x" % crc32(b))
    )
    line = seal(body)[:-1]
    assert verify(line)
    assert not verify(line[:-10] + line[-10:-2].upper() + line[-2:])


def test_every_single_bit_flip_of_a_line_is_found() -> None:
    line = line_of(b'{"clean":0.5,"name":"x\\u00e9"}')
    for position in range(8 * len(line)):
        flipped = bytearray(line)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(Damaged):
            read(bytes(flipped))


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        2**70,
        1.5,
        1e-300,
        True,
        None,
        "",
        "é😀\u2028\x00\x1b\x7f",
        '"\\',
        "\ud800",
        "\udfff\ud800",
        "null",
        [],
        [[{}]],
    ],
)
def test_what_is_written_is_ascii_json_that_says_the_same(value: object) -> None:
    raw = to_json({"x": value, "é": [value]})
    assert raw.isascii() and b"\n" not in raw
    assert json.loads(raw) == {"x": value, "é": [value]}


def test_non_finite_numbers_are_named_at_any_depth() -> None:
    raw = to_json({"a": math.nan, "b": [1.0, [math.inf]], "c": {"d": -math.inf, "e": None}})
    assert json.loads(raw) == {
        "a": "NaN",
        "b": [1.0, ["Infinity"]],
        "c": {"d": "-Infinity", "e": None},
    }


def test_arrays_and_their_scalars_are_written_as_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    data = {
        "a": numpy.array([1.0, numpy.nan], numpy.float32),
        "b": numpy.int64(3),
        "c": numpy.float64(2),
        "d": numpy.True_,
    }
    assert json.loads(to_json(data)) == {"a": [1.0, "NaN"], "b": 3, "c": 2.0, "d": True}


def test_what_json_cannot_say_becomes_text_and_never_an_error() -> None:
    loop: dict[str, object] = {}
    loop["loop"] = loop
    hostile: list[Any] = [{"x": object()}, {"x": 10**6000}, loop, {(1, 2): {3}}, {"x": b"\xff"}]
    for data in hostile:
        json.loads(to_json(data))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        (10**400, None),
        ("1", None),
        (None, None),
        ([], None),
        (True, None),
        ("NaN", None),
    ],
)
def test_num_is_a_float_for_anything(value: object, expected: float | None) -> None:
    assert math.isnan(num(value)) if expected is None else num(value) == expected


def test_hostile_characters_become_visible_in_values_keys_kind_and_branch() -> None:
    head = b'"v":1,"a":3,"q":7,"t":1,"k":"a\\u001b[2J","b":"\\u202emain","s":0'
    record = read(
        line_of(
            to_json({"a\x07": ["\x1b]0;x\x07", {"\u2028": "\x85\x7f\u2066"}], "n": "\r\n\t"}), head
        )
    )
    assert (record.k, record.b) == ("a\\x1b[2J", "\\u202emain")
    assert record.d == {
        "a\\x07": ["\\x1b]0;x\\x07", {"\\u2028": "\\x85\\x7f\\u2066"}],
        "n": "\\x0d\\x0a\\x09",
    }


@pytest.mark.parametrize("raw", [b'"\x7f"', b'"\\u007f"', '"\u202e"'.encode(), '"\u009b"'.encode()])
def test_characters_are_cleaned_however_they_are_written(raw: bytes) -> None:
    text = read(line_of(b'{"x":%b}' % raw)).d["x"]
    assert text.startswith("\\") and text.isprintable()


def test_lone_surrogates_become_visible_and_pairs_stay() -> None:
    text = "\ud800a\udc00 😀 \\ud800"
    assert read(line_of(to_json({"x": text}))).d["x"] == "\\ud800a\\udc00 😀 \\ud800"


def test_long_strings_are_cut_also_in_a_line_that_needs_no_other_cleaning() -> None:
    for text in ("x" * 5000, "\x1b" * 5000, "é" * 5000):
        assert len(read(line_of(to_json({"x": text}))).d["x"]) == MAX_TEXT
    assert read(line_of(to_json({"x": "x" * 5000}))).d["x"].endswith("…")
    assert clean("x" * MAX_TEXT) == "x" * MAX_TEXT


def test_nesting_and_keys_are_bounded() -> None:
    deep = MAX_DEPTH - 2  # the line's own braces and those of the data
    read(line_of(b'{"x":%b}' % (b"[" * deep + b"]" * deep)))
    for hostile in (
        b'{"x":%b}' % (b"[" * (deep + 1) + b"]" * (deep + 1)),
        b'{"x":%b1%b}' % (b'{"a":' * (deep + 1), b"}" * (deep + 1)),
        b'{"x":%b%b}' % (b"[" * 400_000, b"]" * 400_000),
        b'{"x":' * 100_000,
        b"{%b}" % b",".join(b'"%d":1' % n for n in range(MAX_KEYS + 1)),
    ):
        with pytest.raises(Damaged):
            read(line_of(hostile))


def test_many_columns_are_not_mistaken_for_deep_nesting() -> None:
    data = {"layers": [{"name": f"c{n}", "si": [0.5] * 64, "di": [0.1] * 64} for n in range(60)]}
    assert read(line_of(to_json(data))).d == data


@pytest.mark.parametrize(
    "head",
    [
        b'"v":1,"a":3,"q":-1,"t":1,"k":"x","b":"main","s":0',
        b'"v":1,"a":3,"q":1,"t":1e400,"k":"x","b":"main","s":0',
        b'"v":1,"a":3,"q":1,"t":1e300,"k":"x","b":"main","s":0',
        b'"v":1,"a":3,"q":1,"t":1,"k":"x","b":"main","s":99999999999999999999999',
        b'"v":1,"a":3,"q":1,"t":1,"k":7,"b":"main","s":0',
        b'"v":1,"a":4,"q":1,"t":1,"k":"x","b":"main","s":0',
        b'"v":0,"a":3,"q":1,"t":1,"k":"x","b":"main","s":0',
        b'"v":1,"a":3,"q":1,"t":1,"b":"main","s":0',
    ],
)
def test_an_intact_line_with_impossible_fields_is_damage(head: bytes) -> None:
    with pytest.raises(Damaged):
        read(line_of(b"{}", head))


def test_huge_numbers_in_the_data_are_kept_and_harmless() -> None:
    data = read(line_of(b'{"x":%b,"y":-1e308}' % (b"9" * 400))).d
    assert math.isnan(num(data["x"])) and num(data["y"]) == -1e308


def test_a_higher_version_is_told_apart_from_damage_even_if_its_fields_changed() -> None:
    for head in (b'"v":2,"a":3,"q":1,"t":1,"k":"x","b":"main","s":0', b'"v":3,"new":true'):
        with pytest.raises(NewerFormat):
            read(line_of(b"{}", head))


def test_unknown_fields_and_kinds_are_kept_and_a_line_cannot_name_its_stream() -> None:
    head = (
        b'"v":1,"a":3,"q":7,"t":1,"k":"later.kind","b":"main","s":0,"z":[1],"stream":"supervisor"'
    )
    record = read(line_of(b'{"new":1}', head))
    assert (record.k, record.d, record.stream) == ("later.kind", {"new": 1}, "trainer")
