"""The glossary as a page: every word of the screens, reports and logs, made from the vocabulary."""

from collections.abc import Iterable, Mapping

from selffit.vocabulary.channels import CHANNEL, GROUPS
from selffit.vocabulary.definitions import DEFINITIONS, SOURCE, TERMS
from selffit.vocabulary.diseases import DISEASES
from selffit.vocabulary.evidence import ALERT
from selffit.vocabulary.levels import LEVELS, STANDING
from selffit.vocabulary.measures import ACCURACY, STEP, Measure
from selffit.vocabulary.selfinfo import SELF, SIGN
from selffit.vocabulary.states import ENDINGS, STATES

FAMILIES: Mapping[str, Mapping[str, Measure]] = {
    "Accuracy on held-out images": ACCURACY,
    "Signals of every training step": STEP,
    "Self-information": SELF,
    "Signs of self-fitting": SIGN,
    "Channels": CHANNEL,
    "What only alerts tell": ALERT,
}
_INTRODUCTION = """\
# Glossary

Made by `python -m selffit.vocabulary` from the declarations in `selffit/vocabulary`; a test keeps
it up to date. "Name" is what the log and `--json` have, "label" what people read, "of" whether a
number speaks of the image or of the network's own perturbation (self).
"""


def glossary() -> str:
    """The whole page in Markdown."""
    parts = [_INTRODUCTION]
    for title, measures in FAMILIES.items():
        parts += [f"## {title}\n", _measures(measures.values())]
    groups = [(f"`{group.name}`", group.meaning) for group in GROUPS.values()]
    parts += ["## Channels that the causal check sets to zero\n", _table(("name", "which"), groups)]
    levels = [
        (f"`{level.name}`", level.label, ", ".join(level.aliases), level.meaning)
        for level in LEVELS.values()
    ]
    parts += [
        "## Levels of alerts\n",
        _table(("name", "label", "in older logs", "meaning"), levels),
    ]
    standing = [
        (f"`{level.name}`", level.meaning) for name, level in STANDING.items() if name not in LEVELS
    ]
    parts += [
        "## What stands, where no alert does\n",
        _table(("name", "meaning"), standing),
    ]
    diseases = [(disease.name, disease.meaning) for disease in DISEASES.values()]
    parts += ["## Diseases\n", _table(("name", "meaning"), diseases)]
    names = {ending.word: f"`{ending.name}`" for ending in ENDINGS.values()}
    states = [
        (state.word, names.get(word, ""), _code(word), state.meaning)
        for word, state in STATES.items()
    ]
    parts += [
        "## States and endings of a run\n",
        _table(("word", "`how` in the log", "exit code of the trainer", "meaning"), states),
    ]
    parts += ["## Words of the project\n", _table(("word", "meaning"), TERMS)]
    meanings = "".join(f"**{name}**: {text}\n\n" for name, text in DEFINITIONS)
    return "\n".join([*parts, "## Definitions\n", meanings + SOURCE]) + "\n"


def _code(word: str) -> str:
    ending = next((ending for ending in ENDINGS.values() if ending.word == word), None)
    if ending is None:
        return ""
    return "128 + signal" if ending.code is None else str(ending.code)


def _measures(measures: Iterable[Measure]) -> str:
    rows = [
        (f"`{m.name}`", m.label, m.of, m.unit, f"`{m.control}`" if m.control else "", m.meaning)
        for m in measures
    ]
    return _table(("name", "label", "of", "unit", "control", "meaning"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown; every cell is one of this package's own words."""
    lines = [_row(head), _row("---" for _ in head), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
