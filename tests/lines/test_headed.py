"""Rows of numbers under a line of names: what they mean is what their header says."""

import pytest

from selffit.exchange.sources.find import read_sources
from selffit.lines import LineReader, Row, formats
from selffit.lines.headed import header_of

HEAD = "Epoch \t Eps \t\t Train Loss \t Clean Acc \t FGSM Acc \t PGD Acc\n"
ROWS = "".join(
    f"[2026/01/02 10:11:{12 + epoch}] - {epoch} \t 0.{epoch}200 \t 1.2345 \t 0.7{epoch}00 \t "
    f"0.4400 \t 0.3{epoch}00\n"
    for epoch in range(5)
)
LOG = "[2026/01/02 10:11:11] - " + HEAD + ROWS


def rows(name, text):
    reader = LineReader(formats()[name])
    found = [*reader.feed(text), *reader.close()]
    return [row for row in found if isinstance(row, Row)]


def test_numbers_under_another_header_are_not_taken_for_a_public_codes():
    """Six numbers look like AAER's test at the end: .0200 would be read as clean accuracy."""
    for name in set(formats()) - {"general"}:
        assert rows(name, LOG) == []
    assert len(rows("aaer", ROWS.splitlines()[0])) == 1  # without any header they are


def test_a_row_under_a_header_is_read_by_its_names():
    found = rows("general", LOG)
    assert [row.epoch for row in found] == [0, 1, 2, 3, 4]
    assert found[2].values == pytest.approx(
        {"eps": 0.22, "loss_adv": 1.2345, "clean": 0.72, "fgsm": 0.44, "pgd": 0.32}
    )


def test_a_file_of_such_rows_is_imported_by_its_names(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text(LOG)
    [source] = read_sources(path).sources
    assert "general" in source.format
    index = list(source.table.columns).index("pgd_acc")
    assert [row.cells[index] for row in source.table.rows] == [
        "0.3",
        "0.31",
        "0.32",
        "0.33",
        "0.34",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "Loading data, model, optimizer",
        "0 \t 0.2 \t 1.2",
        "Epoch 3: loss 1.2, clean acc 0.5",
        "Acc",
    ],
)
def test_ordinary_lines_are_no_headers(line):
    assert header_of(line) is None


def test_budgets_above_one_are_in_levels_of_255():
    [row] = rows("general", "epoch 1 eps 8 clean acc 0.5 pgd acc 0.4\n")
    assert row.values["eps"] == pytest.approx(8 / 255)
