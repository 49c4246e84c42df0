"""The page that documents the log: up to date, and with a word about every field."""

from pathlib import Path

import pytest

from selffit.eventlog.fields import fields_of
from selffit.eventlog.kinds import KINDS
from selffit.eventlog.page import described, page

PAGE = Path(__file__).parents[2] / "docs" / "event-log.md"


def test_the_page_is_what_its_module_prints() -> None:
    assert PAGE.read_text("utf-8") == page(), (
        "run: uv run python -m selffit.eventlog.page > docs/event-log.md"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_kind_is_described_and_nothing_else_is(kind: str) -> None:
    told = described(KINDS[kind])[1]
    assert list(told) == [key for _, key, _, _ in fields_of(KINDS[kind])]
