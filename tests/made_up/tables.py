"""One trace in the many forms in which codes, spreadsheets and dashboards write it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

Row = tuple[int, float, float, float]  # epoch, clean, FGSM and PGD accuracy; NaN: not measured
NAMES = ("epoch", "clean_acc", "fgsm_acc", "pgd_acc")
HEADER = ",".join(NAMES) + "\n"


def write(folder: Path, text: str | bytes, name: str = "run-3.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(start: int = 0, healthy: int = 8, fallen: int = 3) -> str:
    """Lines of a training that holds, and falls."""
    made = [f"{start + i},0.7,0.50,0.45" for i in range(healthy)]
    made += [f"{start + healthy + i},0.6,0.80,0.02" for i in range(fallen)]
    return "\n".join(made) + "\n"


def number(value: float) -> str:
    return "" if isnan(value) else f"{value:.4f}"


def lines(rows: Sequence[Row]) -> list[list[str]]:
    return [[str(epoch), *map(number, values)] for epoch, *values in rows]


def csv(
    rows: Sequence[Sequence[str]],
    names: Sequence[str] = NAMES,
    *,
    between: str = ",",
    end: str = "\n",
    before: str = "",
) -> str:
    return before + "".join(between.join(row) + end for row in [names, *rows])


@dataclass(frozen=True, kw_only=True)
class Form:
    """A way of writing: the bytes, what must be said, and the command's options it needs.

    every: the place in time is the epoch times that.
    """

    write: Callable[[Sequence[Row]], str | bytes]
    said: str = ""
    columns: str = ""
    every: float = 1.0

    def bytes(self, rows: Sequence[Row]) -> bytes:
        text = self.write(rows)
        return text if isinstance(text, bytes) else text.encode()


def _cells(rows: Sequence[Row], change: Callable[[str], str]) -> list[list[str]]:
    return [[row[0], *(change(cell) for cell in row[1:])] for row in lines(rows)]


def _percent(rows: Sequence[Row], sign: str = "") -> list[list[str]]:
    return _cells(rows, lambda cell: f"{100 * float(cell):.2f}{sign}" if cell else "")


def _comma(cell: str) -> str:
    return cell.replace(".", ",")


def _times(rows: Sequence[Row], time: Callable[[int], str]) -> list[list[str]]:
    return [[time(int(row[0])), *row[1:]] for row in lines(rows)]


def _markdown(rows: Sequence[Row]) -> str:
    body = [" | ".join(row) for row in [NAMES, ["---:"] * 4, *lines(rows)]]
    return "".join(f"| {line} |\n" for line in body)


def _long(rows: Sequence[Row]) -> str:
    cells = [
        [f"16{row[0]}", row[0], name, cell]
        for row in lines(rows)
        for name, cell in zip(("acc/clean", "acc/fgsm", "acc/pgd"), row[1:], strict=True)
    ]
    return csv(cells, ("wall_time", "step", "tag", "value"))


def _resumed(rows: Sequence[Row]) -> str:
    written = lines(rows)
    half = len(written) // 2
    again = [[row[0], "0.1", "0.1", "0.1"] for row in written[half : half + 2]]
    return csv([*written[:half], *again, list(NAMES), *written[half:]])


def _wandb(rows: Sequence[Row]) -> str:
    names, cells = ["Step"], [[row[0]] for row in lines(rows)]
    for index, name in enumerate(("clean_acc", "fgsm_acc", "pgd_acc"), 1):
        names += [f"run1 - {name}", f"run1 - {name}__MIN", f"run1 - {name}__MAX"]
        for row, made in zip(lines(rows), cells, strict=True):
            made += [row[index]] * 3
    quoted = [[f'"{cell}"' for cell in row] for row in [names, *cells]]
    return csv(quoted[1:], quoted[0])


def _named(*names: str, between: str = ",") -> Callable[[Sequence[Row]], str]:
    return lambda rows: csv(lines(rows), names, between=between)


FORMS: dict[str, Form] = {
    "plain": Form(write=lambda rows: csv(lines(rows))),
    "CRLF": Form(write=lambda rows: csv(lines(rows), end="\r\n")),
    "CR": Form(write=lambda rows: csv(lines(rows), end="\r")),
    "no newline at the end": Form(write=lambda rows: csv(lines(rows)).rstrip("\n")),
    "blank lines": Form(write=lambda rows: csv(lines(rows), end="\n\n \n")),
    "UTF-8 with a mark": Form(write=lambda rows: csv(lines(rows)).encode("utf-8-sig")),
    "UTF-16": Form(write=lambda rows: csv(lines(rows)).encode("utf-16"), said="UTF-16"),
    "UTF-16 without a mark": Form(
        write=lambda rows: csv(lines(rows)).encode("utf-16-be"), said="UTF-16"
    ),
    "UTF-32": Form(write=lambda rows: csv(lines(rows)).encode("utf-32"), said="UTF-32"),
    "Windows-1252": Form(
        write=lambda rows: csv(lines(rows), before="# müde\n").encode("cp1252"),
        said="Windows-1252",
    ),
    "semicolons": Form(write=lambda rows: csv(lines(rows), between=";"), said="semicolons"),
    "tabs": Form(write=lambda rows: csv(lines(rows), between="\t"), said="tabs"),
    "bars": Form(write=lambda rows: csv(lines(rows), between="|"), said="bars"),
    "commas and blanks": Form(write=lambda rows: csv(lines(rows), between=", ")),
    "markdown": Form(write=_markdown, said="bars"),
    "sep= of a spreadsheet": Form(
        write=lambda rows: csv(lines(rows), between=";", before="sep=;\n"), said="semicolons"
    ),
    "blanks": Form(
        write=lambda rows: csv(_cells(rows, lambda cell: cell or "nan"), between="   "),
        said="blanks",
    ),
    "decimal commas in quotes": Form(
        write=lambda rows: csv(_cells(rows, lambda cell: f'"{_comma(cell)}"')),
        said="decimal commas",
    ),
    "decimal commas and semicolons": Form(
        write=lambda rows: csv(_cells(rows, _comma), between=";"), said="decimal commas"
    ),
    "percent": Form(write=lambda rows: csv(_percent(rows)), said="read as percent"),
    "percent signs": Form(write=lambda rows: csv(_percent(rows, "%")), said="read as percent"),
    "percent in the header": Form(
        write=lambda rows: csv(
            _percent(rows), ("Epoch", "Clean acc (%)", "FGSM acc (%)", "PGD-20 acc (%)")
        ),
        said="read as percent",
    ),
    "deviations": Form(
        write=lambda rows: csv(_cells(rows, lambda cell: f"{cell}±0.002" if cell else "-")),
        said="deviations",
    ),
    "percent and deviations": Form(
        write=lambda rows: csv(
            [
                [row[0], *(f"{cell} ± 0.2%" if cell else "" for cell in row[1:])]
                for row in _percent(rows)
            ]
        ),
        said="read as percent",
    ),
    "deviations in brackets": Form(
        write=lambda rows: csv(_cells(rows, lambda cell: f"{cell} (0.002)" if cell else "")),
        said="deviations",
    ),
    "missing as words": Form(
        write=lambda rows: csv(_cells(rows, lambda cell: cell or "N/A")),
    ),
    "missing as dashes": Form(write=lambda rows: csv(_cells(rows, lambda cell: cell or "-"))),
    "comments": Form(
        write=lambda rows: csv(lines(rows), before="# eps 8/255\n% seed, 3\n"), said="comment"
    ),
    "header in a comment": Form(
        write=lambda rows: "# " + csv(_cells(rows, lambda cell: cell or "nan"), between=" "),
        said="taken as the header",
    ),
    "title": Form(write=lambda rows: csv(lines(rows), before="Results of run 3\n"), said="title"),
    "title with commas": Form(
        write=lambda rows: csv(lines(rows), before="Results, run 3\n"), said="title"
    ),
    "units under the header": Form(
        write=lambda rows: csv([["", "%", "%", "%"], *_percent(rows)]), said="units"
    ),
    "summary rows": Form(
        write=lambda rows: csv([*lines(rows), ["best", "0.8", "0.8", "0.8"]]), said="sum up"
    ),
    "every row twice": Form(
        write=lambda rows: csv([row for row in lines(rows) for _ in range(2)]),
        said="the later ones count",
    ),
    "rulers": Form(
        write=lambda rows: csv(lines(rows), between="\t", before="-----\t-----\n=====\n"),
        said="tabs",
    ),
    "trailing commas": Form(write=lambda rows: csv(lines(rows), end=",\n")),
    "trailing commas under none": Form(
        write=lambda rows: csv(lines(rows), end=",,\n").replace("acc,,\n", "acc\n", 1)
    ),
    "row numbers of R": Form(
        write=lambda rows: csv([[f'"{i}"', *row] for i, row in enumerate(lines(rows), 1)]),
        said="row numbers",
    ),
    "index of pandas": Form(
        write=lambda rows: csv([[str(i), *row] for i, row in enumerate(lines(rows))], ("", *NAMES))
    ),
    "columns turned round": Form(
        write=lambda rows: csv([row[::-1] for row in lines(rows)], NAMES[::-1])
    ),
    "more columns": Form(
        write=lambda rows: csv(
            [["0.1", *row, "x", "7"] for row in lines(rows)], ("lr", *NAMES, "note", "pgd_loss")
        ),
        said="lr, note, pgd_loss",
    ),
    "names with val": Form(
        write=_named("Epoch", "val_acc", "val_fgsm_acc", "val_pgd_acc"),
        said="val_pgd_acc taken as pgd_acc",
    ),
    "names in camel case": Form(
        write=_named("epoch", "testAcc", "testFGSMAcc", "testPGD10Acc"),
        said="testPGD10Acc taken as pgd_acc",
    ),
    "names of robust accuracy": Form(
        write=_named("epoch", "natural", "FGSM", "test_robust_acc"),
        said="test_robust_acc taken as pgd_acc",
    ),
    "names with slashes": Form(
        write=_named("epoch", "test/clean", "test/fgsm", "test/pgd-50-10"),
        said="test/pgd-50-10 taken as pgd_acc",
    ),
    "names in quotes": Form(write=lambda rows: csv(lines(rows), [f'"{name}"' for name in NAMES])),
    "names that only a person knows": Form(
        write=_named("t", "a", "b", "c"),
        columns="epoch=t,clean=a,fgsm=b,pgd=c",
        said="column c taken as pgd",
    ),
    "no header": Form(
        write=lambda rows: csv(lines(rows)).partition("\n")[2],
        columns="epoch=1,clean=2,fgsm=3,pgd=4",
    ),
    "epochs of how many": Form(
        write=lambda rows: csv(_times(rows, lambda epoch: f"Epoch {epoch}/200")),
        said="read as",
    ),
    "half epochs": Form(
        write=lambda rows: csv(_times(rows, lambda epoch: f"{epoch / 2}")),
        every=0.5,
    ),
    "training steps": Form(
        write=lambda rows: csv(_times(rows, lambda epoch: f"{epoch * 391}")),
        said="taken as training steps",
        every=391,
    ),
    "thousands apart": Form(
        write=lambda rows: csv(
            _times(rows, lambda epoch: f'"{epoch * 391:,}"'), ("step", *NAMES[1:])
        ),
        every=391,
    ),
    "thousands apart by points": Form(
        write=lambda rows: csv(
            [
                [f"{int(row[0]) * 391:,}".replace(",", "."), *row[1:]]
                for row in _cells(rows, _comma)
            ],
            ("step", *NAMES[1:]),
            between=";",
        ),
        said="decimal commas",
        every=391,
    ),
    "not sorted": Form(write=lambda rows: csv(lines(rows)[::2] + lines(rows)[1::2]), said="sorted"),
    "the last first": Form(write=lambda rows: csv(lines(rows)[::-1]), said="sorted"),
    "a doubled row": Form(
        write=lambda rows: csv([lines(rows)[0], *lines(rows)]), said="the later row of"
    ),
    "resumed": Form(write=_resumed, said="a resumed log"),
    "header again": Form(
        write=lambda rows: csv([*lines(rows)[:3], list(NAMES), *lines(rows)[3:]]),
        said="repeated header",
    ),
    "long": Form(write=_long, said="a row a measurement"),
    "wandb": Form(write=_wandb, said="run1 - pgd_acc taken as pgd_acc"),
    "unfinished last line": Form(
        write=lambda rows: csv(lines(rows)) + "99,0.5", said="unfinished last line"
    ),
}
