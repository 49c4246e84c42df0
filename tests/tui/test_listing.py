"""Filter, order, letters and columns of the list of runs: pure functions of rows."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up.looks import SETS, plain_text

from selffit.errors import UserError
from selffit.run.folder.labels import Labels, parse_tags
from selffit.run.listing.row import Row, Scores, thinned
from selffit_tui.draw.spans import width_of
from selffit_tui.model.listing.letters import LETTERS, ink_of, toggled
from selffit_tui.model.listing.order import Order, in_order
from selffit_tui.model.listing.query import parse
from selffit_tui.model.listing.scene import ListScene, ListView, chosen, moved, scrolled
from selffit_tui.model.listing.values import ORDERS
from selffit_tui.panels.parts.spark import spark
from selffit_tui.panels.runs.details import detail_lines
from selffit_tui.panels.runs.head import head_line
from selffit_tui.panels.runs.table import table_lines
from selffit_tui.words.standing import standing_words

NOW = 1_000_000.0


def row(name, **more):
    settings = {"method": "fgsm", "eps": 0.0313725, "epochs": 30, "seed": 1, "data": "cifar10"}
    settings |= more.pop("settings", {})
    scores = Scores(0.8, 0.7, more.pop("pgd", 0.4))
    usual = {"state": "finished", "ended": True, "created": NOW - 3600, "heard": NOW - 60}
    usual |= {"verdict": "healthy", "now": scores, "best": scores, "n": 512, "steps": 100}
    usual |= {"settings": settings}
    return Row(name=name, **{**usual, **more})


ROWS = (
    row("one", labels=Labels(("paper",), "for figure 3")),
    row("two", verdict="onset", since=1032, cause="self-fitting", pgd=0.0),
    row("three", settings={"method": "n-fgsm", "eps": 16 / 255}, state="training", ended=False),
    row("four", verdict="rolled back", created=NOW - 3 * 86400, branches=("main", "b1")),
    Row(name="new", created=NOW - 10),
    Row(name="broken", state="damaged", why="its run.json is damaged"),
)


def passing(text):
    query = parse(text)
    return [one.name for one in ROWS if query.holds(one, NOW)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["one", "two", "three", "four", "new", "broken"]),
        ("method:fgsm", ["one", "two", "four"]),
        ("method:*fgsm", ["one", "two", "three", "four"]),
        ("method:n-fgsm,pgd", ["three"]),
        ("eps>8/255", ["three"]),
        ("eps:8/255", ["one", "two", "four"]),
        ("eps>=8/255 method!=fgsm", ["three"]),
        ("verdict:onset", ["two"]),
        ("verdict:roll", ["four"]),
        ('verdict:"rolled back"', ["four"]),
        ("state:training", ["three"]),
        ("state:live", ["three"]),
        ("tag:x", []),
        ("tag:paper", ["one"]),
        ("note:figure", ["one"]),
        ("figure", ["one"]),
        ("T", ["two", "three"]),
        ("pgd<0.1", ["two"]),
        ("best>.3 -method:n-fgsm", ["one", "four"]),
        ("age>2d", ["four"]),
        ("age<2h", ["one", "two", "three", "new"]),
        ("branch:b1", ["four"]),
        ("seed:1,2 verdict:healthy", ["one", "three"]),
        ("cause:self*", ["two"]),
    ],
)
def test_the_filter_finds(text, names):
    found = passing(text)
    if text == "T":
        assert {"two", "three"} <= set(found)
    else:
        assert found == names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("metod:fgsm", "did you mean 'method'?"),
        ("eps>many", "'many' is no number for eps"),
        ("eps>8/0", "is no number"),
        ("age>2", "is no age; write 30min, 2h or 3d"),
        ("method>fgsm", "method is no number: method:fgsm"),
        ("method:", "wants a value, such as method:fgsm"),
        ("eps>", "wants a value, such as eps>8/255"),
        ('"open', "is not closed"),
        ("zzzzzzzz:1", "ask like this: method:fgsm"),
    ],
)
def test_what_the_filter_cannot_read_it_says(text, says):
    with pytest.raises(UserError, match=None) as error:
        parse(text)
    assert says in str(error.value)


@settings(max_examples=60)
@given(st.text(max_size=40))
def test_no_text_breaks_the_filter(text):
    try:
        query = parse(text)
    except UserError as error:
        assert str(error).isprintable() or "\u00a0" in str(error)
        return
    for one in ROWS:
        query.holds(one, NOW)


@pytest.mark.parametrize("by", range(len(ORDERS)))
@pytest.mark.parametrize("turned", [False, True])
def test_rows_without_a_value_come_last_whichever_way_the_list_is_sorted(by, turned):
    order = Order(by, turned)
    found = in_order(ROWS, order, NOW)
    assert sorted(one.name for one in found) == sorted(one.name for one in ROWS)
    values = [order.asked.of(one, NOW) for one in found]
    known = [not math.isnan(v) if isinstance(v, float) else bool(v) for v in values]
    assert known == sorted(known, reverse=True)


def test_the_newest_run_comes_first_and_the_gravest_where_sorted_by_verdict():
    assert [one.name for one in in_order(ROWS, Order(), NOW)][:2] == ["new", "one"]
    grave = Order(next(i for i, asked in enumerate(ORDERS) if asked.name == "verdict"))
    assert [one.name for one in in_order(ROWS, grave, NOW)][:2] == ["broken", "two"]


def test_a_marked_run_keeps_its_letter_while_others_come_and_go():
    marks = toggled({"a": "A"}, "b")
    assert marks == {"a": "A", "b": "B"}
    assert marks is not None
    less = toggled(marks, "a")
    assert less == {"b": "B"}
    marks = toggled(less, "c")
    assert marks == {"b": "B", "c": "A"}
    full = {str(i): letter for i, letter in enumerate(LETTERS)}
    assert toggled(full, "more") is None
    assert ink_of("A") != ink_of("B")


def test_tags_are_words_without_signs():
    assert parse_tags("paper, keep  paper") == ("paper", "keep")
    for bad in ("a:b", "x" * 40, "\x1b[2J", " ".join(map(str, range(20)))):
        with pytest.raises(UserError):
            parse_tags(bad)


def test_a_short_fall_stays_in_the_sparkline():
    values = [0.4] * 50 + [0.0] + [0.4] * 49
    assert min(thinned(values, 10)) == 0.0
    assert len(thinned(values, 10)) == 10
    drawn = spark(values, 10, SETS["braille"])
    assert len(drawn) == 10 and drawn.count("▁") == 1
    assert spark(values, 10, SETS["ascii"]).isascii()
    assert spark([], 10, SETS["braille"]) == ""
    assert spark([float("nan"), 0.1], 4, SETS["braille"]) == " ▄"


def scene(view=None, glyphs="braille", **more):
    view = view or ListView(at="two")
    shown = chosen(ROWS, view, NOW)
    return ListScene(
        rows=ROWS, shown=shown, view=view, folder="runs", now=NOW, glyphs=SETS[glyphs], **more
    )


@pytest.mark.parametrize("glyphs", SETS)
def test_list_head_and_details_fill_every_size_exactly(glyphs):
    for view in (ListView(at="two", marks={"one": "A"}), ListView(query=parse("nothere"))):
        picture = scene(view, glyphs)
        for width in (1, 3, 9, 20, 45, 80, 97, 120, 160, 220):
            for height in (0, 1, 2, 5, 12):
                for lines in (
                    table_lines(picture, width, height),
                    detail_lines(picture, width, height),
                ):
                    assert len(lines) == height
                    assert {width_of(line) for line in lines} <= {width}
            assert width_of(head_line(picture, width)) == width
    assert plain_text(table_lines(scene(None, "ascii"), 120, 9), ascii=True).isascii()


def test_name_and_verdict_are_in_every_width():
    for width in (40, 45, 60, 80, 100, 120, 200):
        text = plain_text(table_lines(scene(), width, 9))
        assert "two" in text and "!! onset" in text, width


def test_a_wide_list_shows_everything_that_was_asked_for():
    head = plain_text(table_lines(scene(), 200, 9)).split("\n")[0]
    for title in ("name", "state", "age", "method", "eps", "epoch", "clean", "FGSM", "PGD", "best"):
        assert title in head
    assert head.count("best") == 3 and "verdict" in head and "PGD past" in head


def test_the_cursor_stays_in_sight():
    assert scrolled(0, 30, 100, 10) == 21
    assert scrolled(50, 30, 100, 10) == 30
    assert scrolled(95, 99, 100, 10) == 90
    assert scrolled(5, 0, 3, 10) == 0
    shown = chosen(ROWS, ListView(), NOW)
    assert moved(ListView(), shown, 99, 3).at == shown[-1].name
    assert moved(ListView(), (), 3, 3).first == 0


def alone(one):
    """A list of one row."""
    glyphs, view = SETS["braille"], ListView(at=one.name)
    return ListScene(rows=(one,), shown=(one,), view=view, folder="r", now=NOW, glyphs=glyphs)


def details(width, **more):
    one = row("a", stands="onset at step 1; " * 9, settings={"model": "small", **more})
    return plain_text(detail_lines(alone(one), width, 6)).split("\n")


@pytest.mark.parametrize("width", [45, 60, 80])
def test_settings_that_there_is_no_room_for_are_left_out_whole(width):
    told = details(width, batch_size=128, lr=0.05)[-2].strip("│ ").split("  ")
    whole = ["step 0/100", "data cifar10", "model small", "seed 1", "batch size 128", "lr .0500"]
    assert told == whole[: len(told)] and len(told) >= 3


def test_a_verdict_that_goes_on_says_so():
    assert details(45)[2].rstrip("│ ").endswith("…")


def test_where_cells_are_few_a_verdict_loses_whole_words():
    onset = {"state": "onset", "cause": "self-fitting", "since": 1032}
    told = [standing_words(onset, width).replace("\xa0", " ") for width in (0, 21, 18, 3)]
    assert told[:2] == ["!! onset @1 032 self-fitting", "!! onset self-fitting"]
    assert told[2:] == ["!! onset @1 032", "!! onset"]
    unsure = onset | {"cause": "undecided"}
    assert standing_words(unsure, 21).replace("\xa0", " ") == "!! onset @1 032"


def test_a_level_that_only_a_newer_version_knows_is_shown_by_its_name():
    odd = row("odd", verdict="crumbled", since=5)
    for width in (45, 80, 120):
        assert "crumbled" in plain_text(table_lines(alone(odd), width, 3))
    assert plain_text(detail_lines(alone(odd), 80, 6))
    by = [one.name for one in ORDERS].index("verdict")
    assert odd in in_order([odd, *ROWS], Order(by=by), NOW)


def test_of_a_log_that_nobody_can_read_the_list_tells_that_first():
    shut = row("newer", verdict="unmeasured", troubles=("newer log",), serious=True)
    assert "newer log" in plain_text(table_lines(alone(shut), 45, 3))
