"""The vocabulary: every word is declared once, says one thing, and stands in the glossary."""

from dataclasses import fields
from pathlib import Path

import pytest

from selffit.detect.types import SignalBlock
from selffit.vocabulary import (
    ACCURACY,
    COMPONENT,
    DISEASES,
    EFFECT,
    ENDINGS,
    EVIDENCE,
    LEVELS,
    SELF,
    STATES,
    STEP,
    Disease,
    Level,
    State,
    ended_badly,
    ending_word,
    exit_code,
    level_of,
    state_of,
)
from selffit.vocabulary.glossary import FAMILIES, glossary
from selffit_tui.draw.glyphs import ASCII, BRAILLE
from selffit_tui.draw.styles import palette

PAGE = Path(__file__).parent.parent / "docs" / "glossary.md"
MEASURES = [measure for family in FAMILIES.values() for measure in family.values()]


def test_the_glossary_is_up_to_date():
    assert PAGE.read_text("utf-8") == glossary(), "python -m selffit.vocabulary > docs/glossary.md"


def test_a_label_is_the_name_of_one_thing_only():
    meanings: dict[str, set[str]] = {}
    for measure in MEASURES:
        meanings.setdefault(measure.label, set()).add(measure.meaning)
    assert [label for label, said in meanings.items() if len(said) > 1] == []


def test_measures_of_one_name_in_two_families_have_labels_of_their_own():
    assert STEP["abnormal"].label != SELF["abnormal"].label
    assert COMPONENT["swap"].label != SELF["swap"].label
    assert EVIDENCE["abnormal"] is STEP["abnormal"]
    assert EVIDENCE["abnormal_eval"] is SELF["abnormal"]


def test_short_names_fit_into_their_cells():
    assert all(len(measure.short) <= 10 for measure in MEASURES)
    assert all(len(measure.short) <= 5 for measure in EFFECT.values())
    assert all(len(measure.brief) <= 27 for measure in MEASURES)


def test_a_control_is_a_measure_of_the_same_family():
    for family in FAMILIES.values():
        assert {measure.control for measure in family.values() if measure.control} <= set(family)


def test_every_signal_that_the_detector_follows_has_a_name():
    assert {field.name for field in fields(SignalBlock)} - {"step"} <= set(STEP)
    assert {"clean", "fgsm", "pgd"} <= set(ACCURACY)


@pytest.mark.parametrize("name", ["watch", "suspect"])
def test_an_older_log_calls_a_suspicion_watch(name):
    assert level_of(name).name == "suspect"


def test_what_is_not_known_still_has_looks():
    assert level_of("doom").label == "DOOM" and not level_of("doom").serious
    assert state_of("dancing").word == "dancing" and not state_of("dancing").bad
    assert (ending_word("vanished"), ending_word("")) == ("vanished", "ended")
    assert exit_code("vanished", 9) == 137


def test_there_is_a_symbol_and_an_ink_for_everything():
    looks: list[Level | State | Disease] = [*LEVELS.values(), *STATES.values(), *DISEASES.values()]
    for glyphs in (BRAILLE, ASCII):
        assert {one.symbol for one in looks} <= set(glyphs.symbols)
    assert {one.style for one in looks} | {level.banner for level in LEVELS.values()} <= {
        *palette("none")
    }


def test_bad_endings_are_those_that_somebody_has_to_look_at():
    bad = {name for name in ENDINGS if ended_badly(name)}
    assert bad == {"crashed", "diverged", "gone", "killed", "oom", "refused", "unsaved"}
    assert {word for word, state in STATES.items() if state.bad} == {
        *("crashed", "diverged", "gone", "killed", "out of memory", "refused", "not saved"),
        *("lost", "unreadable", "damaged"),
    }


def test_a_superseded_attempt_is_no_bad_end_but_its_process_says_so():
    assert not ended_badly("superseded") and not ENDINGS["superseded"].accident
    assert exit_code("superseded") == 3
    assert [exit_code(how) for how in ("finished", "stopped", "crashed", "refused")] == [0, 0, 1, 2]
    assert exit_code("killed", 15) == exit_code("oom", 15) == 143
