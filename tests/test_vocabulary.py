"""The vocabulary: the glossary says what the declarations say."""

from pathlib import Path

from selffit.vocabulary.glossary import glossary

GLOSSARY = Path(__file__).parents[1] / "docs" / "glossary.md"


def test_the_glossary_is_what_its_module_prints() -> None:
    assert GLOSSARY.read_text("utf-8") == glossary(), (
        "run: uv run python -m selffit.vocabulary > docs/glossary.md"
    )
