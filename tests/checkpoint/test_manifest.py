"""The manifest proves itself: every changed byte and every cut is seen.

Ids and file names are never paths.
"""

import pytest

from selffit.checkpoint.errors import Damaged
from selffit.checkpoint.manifest import Entry, Manifest, decode, is_file_name, is_id, parse_id
from selffit.errors import UserError

FILES = {"state.json": Entry(2, "0" * 64), "model.safetensors": Entry(7, "f" * 64)}
MANIFEST = Manifest(1, "b1-40", "b1", 40, 2, 12.5, "main-30", FILES)


def test_a_manifest_is_one_line_of_json_and_comes_back_equal() -> None:
    data = MANIFEST.encode()
    assert data.endswith(b'"}\n') and data.count(b"\n") == 1
    assert decode("b1-40", data) == MANIFEST
    assert MANIFEST.size == 9


def test_every_changed_byte_and_every_cut_of_a_manifest_is_damage() -> None:
    data = MANIFEST.encode()
    for at in range(len(data)):
        for bad in (data[:at], data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]):
            with pytest.raises(Damaged):
                decode("b1-40", bad)


def test_a_manifest_under_another_id_is_damage() -> None:
    with pytest.raises(Damaged, match="that of b1-40"):
        decode("b1-41", MANIFEST.encode())


def test_a_manifest_that_lists_a_path_is_damage() -> None:
    bad = Manifest(1, "main-1", "main", 1, 1, 0.0, None, {"../../etc/passwd": Entry(1, "0" * 64)})
    with pytest.raises(Damaged, match="lists a name"):
        decode("main-1", bad.encode())


def test_a_newer_manifest_is_refused_even_when_its_fields_are_others() -> None:
    bad = Manifest(2, "main-1", "main", 1, 1, 0.0, None, {})
    with pytest.raises(UserError, match="newer selffit"):
        decode("main-1", bad.encode())


@pytest.mark.parametrize(
    "id",
    [
        "",
        "main",
        "main-",
        "main-01",
        "main--1",
        "b0-1",
        "b1-1\n",
        "../main-1",
        "main-1/x",
        "Main-1",
        "main-१",
        "b1",
    ],
)
def test_what_is_no_id_is_refused(id: str) -> None:
    assert not is_id(id)
    with pytest.raises(UserError, match="ids look like"):
        parse_id(id)


def test_ids_and_file_names() -> None:
    assert parse_id("main-0") == ("main", 0)
    assert parse_id("b12-3400") == ("b12", 3400)
    assert is_file_name("state.json")
    assert not any(
        map(
            is_file_name, ["", ".", "..", ".hidden", "a/b", "manifest.json", "a" * 65, "a\n", "a\0"]
        )
    )
