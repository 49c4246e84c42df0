"""The page that documents the log: up to date, and with a word about every field."""

from pathlib import Path

from selffit.eventlog.page import page, undescribed

PAGE = Path(__file__).parents[2] / "docs" / "event-log.md"


def test_the_page_is_what_its_module_prints() -> None:
    assert PAGE.read_text("utf-8") == page(), (
        "run: uv run python -m selffit.eventlog.page > docs/event-log.md"
    )


def test_every_field_is_described() -> None:
    assert list(undescribed()) == []
