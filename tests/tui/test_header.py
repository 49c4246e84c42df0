"""The header's lines: whole words in every width, and nothing that has gone stale."""

import re

import pytest
from made_up.looks import plain_text
from made_up.records import probe, record, start, steps

from selffit_tui.draw.spans import spread, width_of
from selffit_tui.panels.header import Age, age_width, header_lines
from selffit_tui.panels.header import age_forms as forms

HOST = record("host", {"cpu": 1.0, "rss": 900_000_000, "disk_free": 50 * 2**30})
LIVE = [start(epochs=4), steps(0, 20), probe(20, 0.4), HOST]
END = record("sup.exit", {"how": "finished", "code": 0}, stream="supervisor")


def told(scene, items, width, **more):
    picture = scene(items, now=101.0, **more)
    return plain_text(header_lines(picture, width, 3)).replace("\xa0", " ").split("\n")


@pytest.mark.parametrize("width", range(30, 131))
def test_no_item_is_cut_where_others_can_be_left_out(scene, width):
    for line in told(scene, LIVE, width, narrow=width < 92)[1:]:
        assert "…" not in line


def test_in_a_narrow_terminal_with_room_a_step_is_called_one(scene):
    assert "step 20/200" in told(scene, LIVE, 80, narrow=True)[1]
    assert re.search(r"(?<!step )20/200", told(scene, LIVE, 38, narrow=True)[1])


def test_the_age_of_the_data_says_what_it_is_where_there_is_room(scene):
    words = [form[0][0].strip() for form in forms(scene(LIVE))]
    assert [bool(re.search("data .*ago|ago|[0-9]", w)) for w in words] == [True] * 3
    narrow = scene(LIVE, narrow=True)
    assert age_width(narrow, 80) > age_width(narrow, 45) > 0
    line = Age({}).draw(narrow, age_width(narrow, 80), 1)[0]
    assert "ago" in plain_text([line])


def test_of_a_run_that_has_ended_the_machine_is_not_told(scene):
    live, over = (" ".join(told(scene, items, 130)) for items in (LIVE, [*LIVE, END]))
    assert "cpu 100 %" in live and "50.0 GiB free" in live
    assert "cpu" not in over and "GiB free" not in over


def test_behind_the_last_step_no_time_is_left_to_be_told(scene):
    before = [start(epochs=4), steps(0, 190)]
    assert "ETA" in " ".join(told(scene, before, 120))
    assert "ETA" not in " ".join(told(scene, [*before, steps(190, 10)], 120))


def test_right_of_a_line_that_gives_way_nothing_moves():
    line = spread([("abc", "text"), ("defg", "text")], [("end", "dim")], 9)
    assert plain_text([line]) == "abcd… end" and width_of(line) == 9
