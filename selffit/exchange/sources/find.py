"""What a file or folder is, found out by looking into it, and the sources in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from selffit.detect.columns import find_columns
from selffit.errors import UserError
from selffit.exchange.pack import SUFFIX
from selffit.exchange.source import Source
from selffit.exchange.sources.jsons import json_sources
from selffit.exchange.sources.printed import FEWEST, fit, fits, printed_source
from selffit.exchange.write import run_name
from selffit.lines import RuleFile, formats, parse_rules
from selffit.lines.printed import is_logged, message_of
from selffit.lines.rules import ACCURACIES
from selffit.numbers import plural
from selffit.tables import read_any_text, read_table

_TABLES = (".csv", ".tsv", ".tab", ".dat")
_JSON = (".json", ".jsonl", ".ndjson")
_ROW_OF_OURS = {"branch", "step", "epoch", "clean_acc", "fgsm_acc", "pgd_acc", "n"}
MOST_FILES = 2000


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a path was taken for.

    sources: a run each, or several. also: what else would fit, in words.
    """

    sources: tuple[Source, ...]
    also: tuple[str, ...] = ()


def read_sources(
    path: Path, lines: str | None = None, named: bool = False, unit: str | None = None
) -> Offer:
    """Return what is in a file or folder.

    lines: name of a rule file of the package, or path of one: then it is a printed log. named: that
    somebody says which column is which: then it is a table. Raises UserError that says what is
    wrong, where, and what to do.
    """
    if lines is not None:
        text, said = read_any_text(path)
        rules = named_rules(lines)
        found = fit(text, rules, unit)
        if not found.values:
            raise UserError(
                f"{path}: no line fits the rules of {rules.name}; --try without --lines says what "
                "fits"
            )
        return Offer(sources=(printed_source(path, found, said),))
    if path.is_dir():
        return _folder(path, unit)
    if path.suffix == SUFFIX:
        raise UserError(f"{path}: is a run that was packed; open it with selffit open")
    if "tfevents" in path.name:
        from selffit.exchange.sources.tensorboard import tensorboard_sources

        return Offer(sources=tuple(tensorboard_sources(path)))
    if path.suffix == ".wandb":
        from selffit.exchange.sources.wandb import wandb_source

        return Offer(sources=(wandb_source(path),))
    if path.suffix == ".parquet":
        from selffit.exchange.sources.parquet import parquet_source

        return Offer(sources=(parquet_source(path),))
    return _text(path, named, unit)


def table_source(path: Path, logged: bool = False) -> Source:
    """Return a table in a text file as a source; logged: a logger wrote its lines.

    Raises UserError for what is none.
    """
    table = read_table(path, message_of if logged else None)
    ours = {name.casefold() for name in table.columns} >= _ROW_OF_OURS
    return Source(
        table=table,
        name=run_name(path),
        format="selffit's own export (CSV)" if ours else "a table",
        native=ours,
    )


def _text(path: Path, named: bool, unit: str | None) -> Offer:
    text, said = read_any_text(path)
    start = text.lstrip()[:200]
    is_json = start.startswith("{") or (start[:1] == "[" and start[1:].lstrip()[:1] in ("{", "]"))
    if path.suffix in _JSON or (is_json and path.suffix not in _TABLES):
        return Offer(sources=tuple(json_sources(path, text)))
    if path.suffix in _TABLES or named:
        return Offer(sources=(table_source(path),))
    # rows under a header are a table, if they can be: it knows more names of columns
    found = fits(text, unit, headed=False)
    if found:
        best = found[0]
        read = set().union(*(row.values for row in best.rows)) if best.rows else set()
        if best.rules.name != "general" or len(read & set(ACCURACIES)) > 1:
            also = [f"{one.rules.name} ({plural(one.values, 'value')})" for one in found[1:]]
            return Offer(sources=(printed_source(path, best, said),), also=tuple(also))
    try:
        source = table_source(path, is_logged(text))
        find_columns(source.table.columns, str(path), {})
        return Offer(sources=(source,))
    except UserError as error:
        if found := fits(text, unit):
            return Offer(sources=(printed_source(path, found[0], said),))
        known = ", ".join(formats())
        raise UserError(
            f"{error}; nor do {FEWEST} values of its lines fit the rules of {known}: write rules "
            "of your own (docs/exchange.md) and give them with --lines RULES.toml"
        ) from None


def _folder(path: Path, unit: str | None) -> Offer:
    files = sorted(file for file in _files(path) if file.is_file())
    if any("tfevents" in file.name for file in files):
        from selffit.exchange.sources.tensorboard import tensorboard_sources

        return Offer(sources=tuple(tensorboard_sources(path)))
    if offline := [file for file in files if file.suffix == ".wandb"]:
        from selffit.exchange.sources.wandb import wandb_source

        return Offer(sources=tuple(wandb_source(file) for file in offline))
    if any(file.name == "meta.yaml" for file in files):
        from selffit.exchange.sources.mlflow import mlflow_sources

        return Offer(sources=tuple(mlflow_sources(path)))
    if (path / "run.json").is_file():
        raise UserError(f"{path}: is a run of selffit already; watch it, or export it")
    named: Sequence[Path] = [
        file for file in files if file.suffix in (*_TABLES, *_JSON, ".log", ".parquet")
    ]
    if len(named) == 1:
        return read_sources(named[0], unit=unit)
    if named:
        shown = ", ".join(str(file.relative_to(path)) for file in named[:5])
        raise UserError(f"{path}: holds several logs ({shown}, …); name one of them")
    raise UserError(
        f"{path}: holds no log that is known: TensorBoard event files, offline runs of W&B, "
        "folders of MLflow, or one CSV, JSON, Parquet or log file"
    )


def _files(path: Path) -> list[Path]:
    found = []
    for file in path.rglob("*"):
        found.append(file)
        if len(found) >= MOST_FILES:
            break
    return found


def named_rules(lines: str) -> RuleFile:
    """Return the rules of that name, or in that file. Raises UserError."""
    if lines in formats():
        return formats()[lines]
    path = Path(lines)
    if not path.exists():
        raise UserError(
            f"--lines {lines}: no such file, and no rules of that name; there are "
            f"{', '.join(formats())}"
        )
    return parse_rules(read_any_text(path)[0], str(path))
