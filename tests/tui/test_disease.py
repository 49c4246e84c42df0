"""An onset names its disease: in the alert, in the header's banner, in plain lines; and what is
newer is said.
"""

import re

import pytest
from made_up.looks import plain_text

from selffit.run.folded.state import RunState, reduce_all
from selffit.run.judged.summary import status_dict
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import sentence
from selffit_tui.draw.glyphs import ASCII
from selffit_tui.model.scene import View
from selffit_tui.panels.alerts import alert_lines
from selffit_tui.panels.header import header_lines
from selffit_tui.plain.lines import runs_table, status_lines

SELF, MASKING = "self-fitting", "gradient masking"


@pytest.fixture
def onset(record):
    """An onset at step 20, noticed at step 30, and what was diagnosed then and later."""

    def make(disease=SELF, *later, level="onset", **alert):
        evidence = {
            "pgd": 0.1,
            "carrier": 0.7,
            "conflict": 0.4,
            "abnormal_eval": 0.9,
            "swap": 0.2,
            "index": 0.5,
        }
        data = {
            "level": level,
            "onset_step": 20,
            "text": "it fell",
            "disease": disease,
            "evidence": evidence,
        } | alert
        told = [
            record(
                "diagnosis",
                {"disease": name, "onset_step": 20, "lead": lead, "text": f"{name}: why"},
                step,
            )
            for step, name, lead in later
        ]
        return [record("alert", data, 30), *told]

    return make


def alert_text(scene, items, width=80, height=30, panel="alerts", **more):
    return plain_text(alert_lines(scene(items, View(panel=panel), **more), width, height))


def banner(scene, items, width=100):
    return plain_text(header_lines(scene(items), width, 5)).split("\n")[0]


@pytest.mark.parametrize(
    ("disease", "shown"),
    [(SELF, SELF), (MASKING, MASKING), ("undecided", "cause undecided"), ("", "it fell")],
)
def test_the_first_line_of_an_onset_and_the_banner_name_the_disease(scene, onset, disease, shown):
    lines = [line.strip("│ ") for line in alert_text(scene, onset(disease)).split("\n")]
    assert lines[1].startswith("!! ONSET") and (lines[2] == shown or not disease)
    assert ("cause" in "".join(lines)) == (disease == "undecided")
    assert (f"ONSET at step 20 │ {shown}" in banner(scene, onset(disease))) == bool(disease)


def test_the_evidence_of_self_information_has_its_names(scene, onset):
    words = " ".join(alert_text(scene, onset()).split())
    for told in (
        "index .50",
        "grey carrier .70",
        "conflict self .40",
        "abnormal probe .90",
        "label swap .20",
    ):
        assert told in words


def test_a_newer_diagnosis_is_said_with_its_step(scene, onset):
    first = onset(SELF, (30, SELF, 5))
    text = alert_text(scene, first)
    assert "(first" not in text and "index moved 5 steps before the onset" in text
    newer = onset(SELF, (30, SELF, 5), (60, MASKING, -10))
    text = alert_text(scene, newer)
    assert "gradient masking (first self-fitting), step 60" in text
    assert "index moved 10 steps after the onset" in text
    assert "gradient masking: why" in text
    assert "step 20 │ gradient masking" in banner(scene, newer)
    # the banner is always of the present
    before = plain_text(header_lines(scene(newer, View(cursor=40)), 100, 5))
    assert "step 20 │ gradient masking" in before


def test_a_diagnosis_names_the_disease_where_the_alert_did_not(scene, onset):
    items = onset("", (30, MASKING, None))
    lines = [line.strip("│ ") for line in alert_text(scene, items).split("\n")]
    assert lines[2:4] == [MASKING, "the index has not moved"]


def test_a_diagnosis_of_another_onset_does_not_count(scene, onset, record):
    other = record("diagnosis", {"disease": MASKING, "onset_step": 99, "lead": 1}, 100)
    text = alert_text(scene, [*onset(SELF), other])
    assert MASKING not in text and "index moved" not in text


def test_an_onset_without_a_step_is_diagnosed_by_the_step_of_its_alert(scene, onset, record):
    items = onset(SELF, onset_step=None)
    told = record("diagnosis", {"disease": MASKING, "onset_step": 30, "lead": None}, 31)
    assert "gradient masking (first self-fitting), step 31" in alert_text(scene, [*items, told])


def test_of_an_onset_left_behind_the_evidence_is_folded_and_not_lost(scene, acted_on):
    text = alert_text(scene, acted_on.rolled_back().records, panel="overview")
    assert "left behind" in text and SELF not in text
    alone = alert_text(scene, acted_on.rolled_back().records)
    assert "left behind" in alone and SELF in alone and "best PGD" in alone
    assert SELF not in banner(scene, acted_on.rolled_back().records)


def test_a_masked_alert_looks_as_serious_as_an_onset(scene, onset, record):
    masked = {
        "level": "masked",
        "text": "PGD accuracy is back at 0.40, a stronger attack leaves 0.01",
        "n": 256,
    }
    items = [*onset(), record("alert", masked | {"evidence": {"strong": 0.01, "pgd": 0.4}}, 70)]
    assert "strong PGD .01" in " ".join(alert_text(scene, items).split())
    whole = scene(items)
    lines = header_lines(whole, 100, 6)
    assert "?! MASKED at step 70 │ self-fitting" in lines[0][0][0] and lines[0][0][1] == "onset"
    styles = {text.strip(): style for line in alert_lines(whole, 60, 30) for text, style in line}
    assert styles["?! MASKED"] == styles["!! ONSET"] == "onset"
    recovered = record("alert", {"level": "recovered", "text": "back"}, 90)
    first = header_lines(scene([*items, recovered]), 100, 6)[0][0]
    assert "recovered at step 90 │ from self-fitting" in first[0] and first[1] == "calm"


def test_in_forty_columns_the_banner_still_names_the_disease(scene, onset):
    for disease in (SELF, MASKING):
        assert re.search(f"20 ( |│ ){disease}", banner(scene, onset(disease), 40))


def test_hostile_diseases_are_only_text(scene, onset):
    evil = "[red]\x1b[2J\u202eevil"
    items = onset(evil, (40, evil + "2", 3))
    for text in (
        alert_text(scene, items),
        alert_text(scene, items, glyphs=ASCII),
        banner(scene, items),
    ):
        assert "evil" in text and all(c.isprintable() or c == "\n" for c in text)


def test_status_and_runs_name_the_disease(onset):
    state = reduce_all(RunState(run="x"), onset(MASKING))
    summary, stands = status_dict(state, "training", 0.0), sentence(state, verdict(state))
    lines = status_lines(summary, stands)
    assert "  onset at step 20; gradient masking" in lines
    assert "  !! onset at step 20 (noticed at 30), gradient masking: it fell" in lines
    assert runs_table([summary])[1].endswith("!! onset @20 gradient masking")
    state = reduce_all(RunState(run="x"), onset(""))
    older = status_dict(state, "training", 0.0)
    assert "  !! onset at step 20 (noticed at 30): it fell" in status_lines(
        older, "onset at step 20"
    )
    assert runs_table([older])[1].endswith("!! onset @20")


def test_a_verdict_that_just_fits_is_not_cut_off(scene, onset):
    whole = scene(onset(SELF))
    for width in range(20, 140):
        line = header_lines(whole, width, 5)[0][0][0]
        assert "…" not in line or width < 40, f"{width}: {line}"


def test_two_alerts_left_behind_in_one_place_are_one_line_of_status(onset):
    state = reduce_all(RunState(run="x"), onset(""))
    summary = status_dict(state, "training", 0.0)
    (told,) = summary["alerts"]
    gone = told | {"stands": False}
    lines = status_lines(summary | {"alerts": [gone, gone]}, "")
    assert sum("left behind" in line for line in lines) == 1


def test_hostile_words_do_not_push_the_columns_of_the_runs_apart(onset):
    summary = status_dict(reduce_all(RunState(run="x"), onset("")), "training", 0.0)
    odd = summary | {"state": "x" * 300, "verdict": summary["verdict"] | {"state": "crumbled"}}
    lines = runs_table([summary, odd])
    assert max(map(len, lines)) < 160 and "crumbled" in lines[2]
