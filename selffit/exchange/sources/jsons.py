"""JSON: lines of objects, lists of them, columns as lists, and the files of FastAT Benchmark."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from selffit.errors import UserError
from selffit.exchange.source import Source, table_of
from selffit.exchange.write import run_name

MOST_COLUMNS = 2000
MOST_DEEP = 8

# FastAT Benchmark (github.com/fzjcdt/FastAT_Benchmark, benchmark_data.json at commit b99c0de):
# {data set: {method: {"seeds": {seed: {"train_acc_list": [...], "model_val_acc_list": [...],
# "model_fgsm_acc_list": [...], "model_pgd_acc_list": [...], "wa_..._list": [...]}}}}}, an entry an
# epoch, fractions. The network itself is read, not its weight average.
_BENCHMARK = {
    "clean_acc": ("model_val_acc_list", "val_acc_list"),
    "fgsm_acc": ("model_fgsm_acc_list", "fgsm_acc_list"),
    "pgd_acc": ("model_pgd_acc_list", "pgd_acc_list"),
    "acc_adv": ("train_acc_list",),
}


def json_sources(path: Path, text: str) -> list[Source]:
    """Return the runs in a JSON file. Raises UserError, with the line, for what is none."""
    try:
        whole = json.loads(text)
    except RecursionError:
        raise UserError(f"{path}: nested too deep for a log; is it the right file?") from None
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and lines[0].lstrip().startswith("{") and lines[0].rstrip().endswith("}"):
            return [_lines(path, text)]
        at = getattr(error, "lineno", 1)
        raise UserError(f"{path}, line {at}: not JSON ({error}); repair it") from None
    if isinstance(whole, dict) and "selffit" in whole and isinstance(whole.get("probes"), list):
        return [_native(path, whole)]
    if runs := list(_benchmark(path, whole, ())):
        return runs
    if isinstance(whole, list):
        return [_rows(path, [(i, row) for i, row in enumerate(whole, 1)], "a list of JSON objects")]
    if isinstance(whole, dict):
        columns = {
            name: values
            for name, values in _flat(whole)
            if isinstance(values, list)
            and len(values) > 1
            and not isinstance(values[0], dict | list)
        }
        if columns:
            return [_columns(path, columns)]
        for name, value in whole.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                return [_rows(path, list(enumerate(value, 1)), f"a list of JSON objects, {name}")]
        if "\n" not in text.strip():
            return [_lines(path, text)]
    raise UserError(
        f"{path}: JSON, but neither lines of objects, a list of them, nor lists of numbers by "
        "name; write a row for each epoch"
    )


def _lines(path: Path, text: str) -> Source:
    rows: list[tuple[int, Any]] = []
    left: list[str] = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append((number, json.loads(line)))
        except (ValueError, RecursionError) as error:
            if number == len(lines) and not text.endswith("\n"):
                left.append(f"an unfinished last line (line {number})")
                continue
            raise UserError(
                f"{path}, line {number}: not a JSON object ({error}); repair or delete the line"
            ) from None
    return _rows(path, rows, "JSON lines", left)


def _rows(
    path: Path, rows: Sequence[tuple[int, Any]], format: str, left: Sequence[str] = ()
) -> Source:
    columns: dict[str, None] = {}
    flat: list[tuple[int, dict[str, Any]]] = []
    for number, row in rows:
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number}: no JSON object; each row is one {{…}}")
        one = {name: value for name, value in _flat(row) if not isinstance(value, list | dict)}
        columns |= dict.fromkeys(one)
        if len(columns) > MOST_COLUMNS:
            raise UserError(f"{path}, line {number}: more than {MOST_COLUMNS} names of measures")
        flat.append((number, one))
    words = [
        name
        for name in columns
        if any(isinstance(one.get(name), str) and not _number(one[name]) for _, one in flat)
        and name.casefold() not in ("run", "seed", "method", "model", "name", "branch")
    ]
    kept = [name for name in columns if name not in words]
    said = [*left, *([f"columns {', '.join(words)}"] if words else [])]
    table = table_of(
        path,
        kept,
        [(number, [_cell(one.get(name)) for name in kept]) for number, one in flat],
        left_out=said,
    )
    return Source(table=table, name=run_name(path), format=format)


def _columns(path: Path, columns: Mapping[str, Sequence[Any]]) -> Source:
    lengths = {name: len(values) for name, values in columns.items()}
    usual = max(lengths.values(), key=lambda n: sum(length == n for length in lengths.values()))
    kept = {name: values for name, values in columns.items() if len(values) == usual}
    left = [name for name in columns if name not in kept]
    if "epoch" not in kept and not any("step" in name.casefold() for name in kept):
        kept = {"epoch": range(usual), **kept}
    rows = [(i + 1, [_cell(values[i]) for values in kept.values()]) for i in range(usual)]
    said = [f"lists of another length: {', '.join(left)}"] if left else []
    names = [name.removesuffix("_list") for name in kept]
    table = table_of(path, names, rows, assumed=["lists: an entry an epoch"], left_out=said)
    return Source(table=table, name=run_name(path), format="lists of numbers by name")


def _benchmark(path: Path, data: Any, about: tuple[str, ...]) -> Iterator[Source]:
    if not isinstance(data, dict) or len(about) > 5:
        return
    lists = {
        name: next((data[key] for key in keys if isinstance(data.get(key), list)), None)
        for name, keys in _BENCHMARK.items()
    }
    known = {name: values for name, values in lists.items() if values}
    if "pgd_acc" in known:
        length = len(known["pgd_acc"])
        known = {name: values for name, values in known.items() if len(values) == length}
        rows = [
            (i + 1, [i, *(_cell(values[i]) for values in known.values())]) for i in range(length)
        ]
        told = {"method": about[1] if len(about) > 1 else data.get("method")}
        told["data"] = about[0] if about else data.get("dataset")
        told["seed"] = data.get("seed")
        yield Source(
            table=table_of(path, ["epoch", *known], rows, left_out=_averaged(data)),
            name="-".join(part for part in about if part != "seeds") or run_name(path),
            format="FastAT Benchmark (JSON)",
            columns={
                "epoch": "epoch",
                **{n.removesuffix("_acc"): n for n in known if n != "acc_adv"},
            },
            unit="fraction",
            settings={name: value for name, value in told.items() if value is not None},
        )
        return
    for name, below in data.items():
        yield from _benchmark(path, below, (*about, str(name)))


def _averaged(data: Mapping[str, Any]) -> list[str]:
    averaged = any(isinstance(data.get(name), list) and data[name] for name in ("wa_pgd_acc_list",))
    return ["the weight average (wa_…_list)"] if averaged else []


def _native(path: Path, data: Mapping[str, Any]) -> Source:
    """What `selffit export --json` wrote."""
    rows = [(i, row) for i, row in enumerate(data["probes"], 1) if isinstance(row, dict)]
    steps = data.get("steps")
    if isinstance(steps, dict):
        columns = [(n, values) for n, values in steps.items() if isinstance(values, list)]
        for i in range(min((len(values) for _, values in columns), default=0)):
            rows.append((len(rows) + 1, {name: values[i] for name, values in columns}))
    source = _rows(path, rows, "selffit's own export (JSON)")
    names = [*source.table.columns]
    listed = data.get("branches")
    branches = {
        str(one["name"]): (str(one.get("parent", "main")), int(one.get("base_step") or 0))
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and one.get("name") not in (None, "main")
    }
    config = data.get("config")
    settings = dict(config) if isinstance(config, dict) else {}
    settings["steps_per_epoch"] = data.get("steps_per_epoch") or 0
    settings["classes"] = data.get("classes") or 0
    if not {"branch", "step", "pgd_acc"} <= set(names):
        raise UserError(
            f"{path}: an export of selffit without the columns branch, step and pgd_acc"
        )
    return Source(
        table=source.table,
        name=run_name(path),
        format=source.format,
        settings=settings,
        branches=branches,
        native=True,
    )


def _flat(data: Mapping[str, Any], head: str = "", deep: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        called = f"{head}/{name}" if head else str(name)
        if isinstance(value, dict) and deep < MOST_DEEP:
            yield from _flat(value, called, deep + 1)
        else:
            yield called, value


def _number(text: str) -> bool:
    try:
        float(text.rstrip("%"))
    except ValueError:
        return False
    return True


def _cell(value: Any) -> object:
    if isinstance(value, float) and value != value:
        return "nan"
    return int(value) if isinstance(value, bool) else value
