"""Which rules are chosen while a program prints, and at which step its rows stand."""

from typing import Any

import pytest
from made_up import logs

from selffit.eventlog import kinds
from selffit.hosted.placing import Placing
from selffit.hosted.reading import Reading
from selffit.lines import Row, parse_rules


def rows(reading: Reading, text: str) -> list[Row]:
    found = [*reading.feed("out", text), *reading.close()]
    return [one for one in found if isinstance(one, Row)]


def row(epoch: float | None = None, step: float | None = None, **values: float) -> Row:
    return Row(line=1, epoch=epoch, step=step, values=values or {"pgd": 0.3})


def steps(placing: Placing, *found: Row) -> list[int]:
    return [event.step for one in found for event in placing.events(one)]


def placing(per_epoch: int = 0, **known: Any) -> Placing:
    return Placing(per_epoch, 1000, 0, known)


@pytest.mark.parametrize(
    "text, name",
    [
        (logs.liet(), "liet"),
        (logs.understanding(), "understanding_fast"),
        (logs.aaer(), "aaer"),
        ("".join(f"epoch {i} pgd acc {i}%\n" for i in range(5)), "general"),
    ],
)
def test_the_rules_that_fit_are_found_as_lines_come(text: str, name: str) -> None:
    reading = Reading(None)
    found = [one for piece in text.splitlines(keepends=True) for one in reading.feed("out", piece)]
    found += reading.close()
    assert reading.rules is not None and reading.rules.name == name
    assert sum(isinstance(one, Row) for one in found) >= 4


def test_lines_of_two_streams_do_not_run_into_each_other() -> None:
    reading = Reading(parse_rules("[[rule]]\npattern='pgd (?P<pgd>[0-9.]+)!'", "mine"))
    found = reading.feed("out", "pgd 0.")
    found += reading.feed("err", "pgd 0.7!\n")
    found += reading.feed("out", "25!\n") + reading.close()
    assert [one.values["pgd"] for one in found if isinstance(one, Row)] == [0.7, 0.25]


def test_the_newest_row_is_given_early_where_it_has_what_rows_usually_have() -> None:
    reading = Reading(None)
    for epoch in range(3):
        reading.feed("out", f"epoch {epoch} clean acc 60% pgd acc 30%\n")
    assert [one.epoch for one in reading.idle() if isinstance(one, Row)] == [2]
    reading.feed("out", "epoch 3 clean acc 60%\n")
    assert reading.idle() == []  # its PGD accuracy is being measured
    [last] = reading.feed("out", "pgd acc 31%\nepoch 4\n")
    assert isinstance(last, Row) and last.values == {"clean": 0.6, "pgd": 0.31}


def test_epochs_are_steps_unless_somebody_knows_better() -> None:
    assert steps(placing(), row(1), row(2)) == [0, 1, 1, 2]  # block and probe of each
    assert steps(placing(100), row(1), row(2)) == [100, 200]
    assert steps(placing(), row(0, 50), row(0, 100), row(1, 150)) == [50, 100, 150]


def test_steps_that_begin_anew_in_each_epoch_count_on() -> None:
    assert steps(placing(), row(0, 10), row(0, 20), row(1, 10)) == [10, 20, 30]


def test_what_stands_before_the_first_place_is_no_row() -> None:
    here = placing()
    assert here.events(row(lr=0.1)) == []
    assert here.events(row(1)) and here.unit == "epoch"


def test_rows_are_counted_where_no_place_comes() -> None:
    here = placing()
    assert [bool(here.events(row())) for _ in range(6)] == [False] * 4 + [True] * 2


def test_signals_of_a_place_are_written_once_and_probes_bear_the_budget_that_was_told() -> None:
    here = placing()
    here.said({"eps": "0.03", "data": "cifar10"})
    first = here.events(row(1, loss_adv=1.0, pgd=0.4))
    again = here.events(row(1, loss_adv=2.0))
    assert [type(event) for event in first] == [kinds.Steps, kinds.RobustProbe]
    assert again == []
    probe = first[1]
    assert isinstance(probe, kinds.RobustProbe) and probe.eps == 0.03
    assert here.classes == 10
