"""Printed lines are read by rules as they come, whatever a terminal or a logger adds to them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up.logs import PRINTED, ROWS

from selffit.errors import UserError
from selffit.exchange.sources.printed import fits
from selffit.lines import LineReader, Row, RuleFile, Said, formats, parse_rules

RULES = r"""
unit = "percent"
row = ["clean", "pgd"]

[[rule]]
name = "an epoch"
pattern = '^epoch (?P<epoch>\d+)'

[[rule]]
name = "accuracies"
pattern = 'clean (?P<clean>[\d.]+).*pgd (?P<pgd>[\d.]+|nan)'

[[rule]]
name = "its budget"
pattern = 'eps=(?P<eps>\d+)'
settings = true
divide = { eps = 255 }
"""


def read(text, rules=RULES, size=0):
    reader = LineReader(rules if isinstance(rules, RuleFile) else parse_rules(rules, "mine.toml"))
    pieces = [text[i : i + size] for i in range(0, len(text), size)] if size else [text]
    return [found for piece in pieces for found in reader.feed(piece)] + reader.close()


@pytest.mark.parametrize("name", PRINTED)
def test_what_a_public_code_prints_fits_its_own_rules_best(name):
    best = fits(PRINTED[name]())[0]
    assert best.rules.name == name
    assert best.unread == ()


@pytest.mark.parametrize("name", ["liet", "fastat_benchmark", "understanding_fast"])
def test_rows_come_one_by_one_as_soon_as_they_are_complete(name):
    reader = LineReader(formats()[name])
    rows = []
    for line in PRINTED[name]().splitlines(keepends=True):
        rows += [found for found in reader.feed(line) if isinstance(found, Row)]
    found = [tuple(round(row.values[one], 4) for one in ("clean", "fgsm", "pgd")) for row in rows]
    assert found == [tuple(round(value, 4) for value in row[1:]) for row in ROWS]
    assert reader.close() == []


@given(st.integers(1, 60))
def test_it_does_not_matter_in_which_pieces_text_comes(size):
    text = PRINTED["understanding_fast"]()
    whole = LineReader(formats()["understanding_fast"])
    pieces = LineReader(formats()["understanding_fast"])
    found = [f for i in range(0, len(text), size) for f in pieces.feed(text[i : i + size])]
    assert found + pieces.close() == whole.feed(text) + whole.close()


@pytest.mark.parametrize(
    "line",
    [
        "clean 50.0 pgd 40.0",
        "\x1b[32mclean\x1b[0m 50.0 \x1b[1mpgd 40.0\x1b[0m",
        "[2026-01-02 10:11:12,345 train.py __main__ INFO] - clean 50.0 pgd 40.0",
        "2026-01-02 10:11:12,345 - my.logger - INFO - clean 50.0 pgd 40.0",
        "INFO:root:clean 50.0 pgd 40.0",
        "[rank0]: clean 50.0 pgd 40.0",
        "2026-01-02 10:11:12.345 | INFO     | train:main:12 - clean 50.0 pgd 40.0",
        "  3%|▎         | 1/30 [00:01<00:29]\r 7%|▋ | 2/30 [00:02]\rclean 50.0 pgd 40.0",
    ],
)
def test_colours_loggers_and_progress_bars_do_not_matter(line):
    (row,) = read(f"epoch 3\n{line}\n")
    assert (row.epoch, row.values) == (3.0, {"clean": 0.5, "pgd": 0.4})


@pytest.mark.parametrize(
    "prefix",
    [
        "INFO:root:",
        "[2020/01/01 12:00:01] - ",
        "2026-01-02 10:11:12 INFO     [train.py:88] ",
        "0: [2020/01/01 12:00:01] - ",
    ],
)
def test_a_pattern_that_begins_a_line_is_met_behind_a_loggers_prefix(prefix):
    (row,) = read(f"{prefix}epoch 4\n{prefix}clean 50 pgd 40%\n")
    assert row.epoch == 4.0


def test_the_last_state_of_a_progress_bar_counts():
    (row,) = read("epoch 1 clean 10 pg\repoch 1: clean 30\repoch 1: clean 50 pgd 40\n")
    assert row.values == {"clean": 0.5, "pgd": 0.4}


def test_a_failed_measurement_is_told_from_none():
    (row,) = read("epoch 1\nclean 50 pgd nan\n")
    assert row.values["pgd"] != row.values["pgd"]


def test_settings_are_told_apart_from_measures_and_come_in_our_units():
    (said,) = [found for found in read("eps=8\n") if isinstance(found, Said)]
    assert said.settings == {"eps": pytest.approx(8 / 255)}


def test_a_line_without_an_end_is_cut_and_costs_no_memory():
    reader = LineReader(parse_rules(RULES, "mine.toml"))
    for _ in range(100):
        reader.feed("x" * 10_000)
    assert len(reader._split._held) < 100_000
    (row,) = reader.feed("\nclean 50 pgd 40\n")
    assert isinstance(row, Row) and row.values["pgd"] == 0.4


@pytest.mark.parametrize(
    "line",
    [
        "epoch" + " " * 4000,
        "[1:11" * 900,
        "[" + "11:11 " * 900,
        "Namespace(" * 400,
        "pgd " + "1" * 4000,
        "a." * 2000,
        "\x1b[" * 2000,
        "loss " * 800,
    ],
)
def test_no_line_takes_long_whatever_stands_in_it(line):
    began = time.process_time()
    for rules in formats().values():
        LineReader(rules).feed(f"{line}\n")
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "rules, told",
    [
        ("rule = 3", "has no [[rule]]"),
        ("[[rule]]\nname = 'a'", "mine.toml, rule 1 (a): has no pattern"),
        ("[[rule]]\npattern = '('", "is no regular expression"),
        ("[[rule]]\npattern = '(?P<pdg>.)'", "no measure is called pdg"),
        ("[[rule]]\npattern = 'x'", "has no named group"),
        ("[[rule]]\npattern = '(?P<epoch>.)'", "no rule reads a measure"),
        ("[[rule]]\npattern = '(?P<pgd>.)'\nunit = 'parts'", "unit is percent or fraction"),
        ("[[rule]]\npattern = '(?P<pgd>.)'\nlike = ''", "does not match its own example"),
        ("[[rule]]\npattern = '(?P<pgd>.)'\npatern = 'x'", "patern is nothing here"),
        ("row = ['fgsm']\n[[rule]]\npattern = '(?P<pgd>.)'", "which no rule reads"),
        ("x = ", "not TOML"),
    ],
)
def test_rules_that_cannot_be_used_say_which_and_why(rules, told):
    with pytest.raises(UserError) as error:
        parse_rules(rules, "mine.toml")
    assert told in str(error.value) and str(error.value).startswith("mine.toml")


def test_the_rules_of_public_codes_say_where_they_were_looked_up():
    for name, rules in formats().items():
        assert rules.about
        assert name == "general" or all(
            one.startswith("https://github.com/") for one in rules.sources
        )


def test_without_a_place_an_accuracy_begins_the_next_row_and_a_line_is_one_row():
    lines = "".join(f"loss {2 - i} | clean acc 0.5{i} | pgd acc 0.3{i}\n" for i in range(2))
    rows = read(lines, formats()["general"])
    assert [row.values for row in rows] == [
        {"loss_adv": 2.0, "clean": 0.50, "pgd": 0.30},
        {"loss_adv": 1.0, "clean": 0.51, "pgd": 0.31},
    ]
    progress = "".join(f"loss {i}\n" for i in range(9)) + "Epoch 0: clean acc 0.5\n"
    assert [row.epoch for row in read(progress, formats()["general"])] == [None, 0.0]


def test_shares_of_which_nothing_tells_the_unit_are_percent_once_one_is_above_one():
    rows = read("Epoch 0: pgd acc 0.9\nEpoch 1: pgd acc 36 clean acc 0.8\n", formats()["general"])
    assert [row.values for row in rows] == [{"pgd": 0.9}, {"pgd": 0.36, "clean": 0.008}]
