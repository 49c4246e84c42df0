"""The pictures of the documents are made from the recorded runs, by one command."""

import re
from pathlib import Path

import pytest

from studies.pictures import PICTURES, ROOT, make

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def shown():
    """The pictures that documents show."""
    for document in DOCUMENTS:
        for path in re.findall(r"!\[[^\]]*\]\(([^)]+\.svg)\)", document.read_text("utf-8")):
            yield (document.parent / path).resolve()


def test_every_picture_that_is_shown_is_there_and_is_made_by_the_command():
    made = {(ROOT / "docs" / picture.name).resolve() for picture in PICTURES}
    assert set(shown()) <= made
    assert all(path.is_file() for path in made)
    assert {path.name for path in (ROOT / "docs").glob("*.svg")} == {p.name for p in PICTURES}


def test_a_picture_is_the_same_whenever_it_is_made(tmp_path):
    [picture] = [picture for picture in PICTURES if picture.name == "screenshot.svg"]
    first = make(picture, tmp_path).read_bytes()
    assert first == make(picture, tmp_path).read_bytes()
    assert b"ONSET" in first and b"example-patterns-fgsm" in first


@pytest.mark.slow
@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_the_pictures_show_the_screens_of_today(tmp_path: Path, picture):
    today = make(picture, tmp_path).read_bytes()
    assert today == (ROOT / "docs" / picture.name).read_bytes(), "run studies/pictures.py again"
