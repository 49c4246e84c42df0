"""Lines of one width, and events as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from selffit.eventlog import kinds
from selffit.eventlog.clean import clean, clean_data
from selffit_tui.draw.format import fit, fit_middle, wrap
from selffit_tui.words.diagnosis import lead_words
from selffit_tui.words.events import describe

HOSTILE = "[/b]\x1b[2J\u202eevil\u2066\x07\n\t\x9b31m\ud800\u200b"


def said(kind, step, data):
    """The line of an event of a log."""
    return describe(kinds.of_data(kind, data, kinds.Place(step=step)))


@given(st.text(max_size=40), st.integers(0, 30))
def test_a_fitted_line_has_exactly_its_width(text, width):
    assert cell_len(fit(clean(text), width)) == width


@given(st.text(max_size=80), st.integers(2, 30))
def test_wrapped_lines_are_no_wider_than_asked_and_lose_nothing(text, width):
    lines = wrap(clean(text), width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == clean(text).replace(" ", "")


@given(st.text(max_size=40), st.integers(0, 40))
def test_a_name_cut_in_its_middle_has_exactly_its_width(name, width):
    assert cell_len(fit_middle(name, width)) == width


def test_names_that_differ_at_their_ends_can_be_told_apart_where_they_are_cut():
    names = ("example-cifar10-fgsm", "example-cifar10-rescue", "example-patterns-fgsm")
    cut = [fit_middle(name, 15) for name in names]
    assert cut[0] == "examp…ar10-fgsm" and len(set(cut)) == 3


def test_every_kind_of_event_has_one_line(made_up):
    for event in map(kinds.of_record, made_up.records()):
        line = describe(event)
        if event.KIND.listed:
            assert line and "\n" not in line
        else:
            assert line is None
    probe = said(
        "probe.robust", 702, {"clean": 0.99, "fgsm": 0.88, "pgd": 0.07, "pgd_steps": 10, "n": 512}
    )
    assert probe == "step 702    probe      clean .99  FGSM .88  PGD-10 .07  n 512"


@pytest.mark.parametrize(
    "kind",
    [
        *("probe.robust", "probe.strong", "probe.causal", "diagnosis", "alert"),
        *("run.start", "phase", "end", "sup.exit", "log.gap", "new.kind"),
    ],
)
def test_events_with_nonsense_in_them_still_have_a_line(kind):
    for value in (None, HOSTILE, [1], {"a": 1}, 1e400, -1, "NaN"):
        names: tuple[str, ...] = (
            "name",
            "clean",
            "level",
            "text",
            "config",
            "n",
            "pgd_steps",
            "stderr",
            "dropped",
            "how",
            "final",
        )
        names += ("rows", "base", "disease", "lead", "weak", "steps")
        line = said(kind, 3, clean_data(dict.fromkeys(names, value)))
        assert line is not None and line.isprintable()


def test_what_explains_a_collapse_is_said_in_a_line_each(made_up):
    records = {record.k: record for record in made_up.records(702)}
    lines = {kind: describe(kinds.of_record(record)) or "" for kind, record in records.items()}
    assert (
        "10 % zeroed: self FGSM -.27 PGD +.11; random FGSM -.06 PGD +.01  n 128"
        in lines["probe.causal"]
    )
    assert (
        "PGD .11 is .01 under a strong attack (50 steps, 2 restarts of two losses)"
        in lines["probe.strong"]
    )
    assert (
        "self-fitting; index moved 31 steps before the onset; the network reads its own"
        in lines["diagnosis"]
    )
    assert "ONSET  self-fitting  catastrophic overfitting began" in lines["alert"]


def test_a_causal_check_without_a_self_group_still_says_how_many_images():
    rows = [
        {"stage": "a", "group": "random", "share": 0.1, "fgsm": 0.5},
        {"group": "self", "share": "x"},
        3,
    ]
    line = said("probe.causal", 7, {"n": 64, "n_rank": 32, "rows": rows, "base": {"fgsm": 0.9}})
    assert line == "step 7      causal     n 64, ranked on 32 others"


@pytest.mark.parametrize(
    ("lead", "words"),
    [
        (31, "index moved 31 steps before the onset"),
        (-1, "index moved 1 step after the onset"),
        (0, "index moved with the onset"),
        (None, "the index has not moved"),
    ],
)
def test_the_lead_of_the_index_is_said_in_plain_words(lead, words):
    assert lead_words(lead) == words
