"""Lines of a diagnosis become typed findings, one a network."""

import io
import json
import math

import pytest
from rich.console import Console

from selffit.report.findings import Findings, Report
from selffit.report.words import is_ill, lead_sentence, verdict_word
from selffit.vocabulary import DEFINITIONS
from selffit_tui.plain.diagnosis import diagnosis_tables


def test_records_are_gathered_by_network(lines):
    report = Report.read(lines)
    assert [found.id for found in report.found] == ["main-10", "main-20"]
    healthy, ill = report.found
    assert (healthy.step, healthy.accuracy("pgd"), ill.accuracy("pgd")) == (
        10,
        1.0,
        pytest.approx(0.1),
    )
    assert (
        ill.accuracy("strong"),
        ill.value("own"),
        ill.value("index"),
        ill.component("swap"),
    ) == (0.0, 0.9, 0.9, 0.0)
    assert healthy.diagnosis is None and verdict_word(healthy) == "not fallen"
    assert verdict_word(ill) == "self-fitting"
    assert report.chance == 0.1


def test_the_runs_own_probes_come_by_branch(lines):
    report = Report.read(lines)
    assert report.series("probes")["b1"] == {
        "step": [20],
        "clean": [0.7],
        "fgsm": [0.5],
        "pgd": [0.3],
    }
    assert math.isnan(report.series("selfs")["main"]["index"][0])
    assert report.series("onsets") == {"main": {"step": [15]}}
    assert Report().series("probes") == {}


def test_what_was_not_measured_is_not_a_number():
    nothing = Findings("main-5", "main", 5)
    assert math.isnan(nothing.accuracy("clean")) and math.isnan(nothing.value("own"))
    assert math.isnan(nothing.component("carrier")) and nothing.strip is None


def test_control_characters_do_not_survive(lines):
    assert "\x1b" not in Report.read(lines).name


def test_a_long_run_fits_the_limits_of_a_line():
    steps = list(range(5000))
    past = {
        "probes": {
            "branch": ["main"] * 5000,
            "step": steps,
            "clean": steps,
            "fgsm": steps,
            "pgd": steps,
        }
    }
    report = Report()
    report.add(b'{"k":"target","d":{"past":%s}}' % str(past).replace("'", '"').encode())
    assert len(report.series("probes")["main"]["pgd"]) == 5000


@pytest.mark.parametrize(
    ("lead", "words"),
    [
        (3, "12 on, 3 steps before it"),
        (-3, "12 on, 3 steps after it"),
        (0, "12 on, with it"),
        (None, "onset is not"),
    ],
)
def test_lead_and_lag_in_words(lines, lead, words):
    onset = "null" if lead is None else "15"
    by = "null" if lead is None else lead
    said = f'{{"disease":"self-fitting","onset_step":{onset},"index_step":12,"lead":{by}}}'
    last = f'{{"k":"diagnosis","checkpoint":"main-20","step":20,"branch":"main","d":{said}}}'
    assert words in lead_sentence(Report.read([*lines, last]).found)


def test_no_fall_no_lead(lines):
    assert (
        lead_sentence(Report.read(lines[:7]).found)
        == "Robust accuracy has not fallen in any of these networks."
    )


@pytest.mark.parametrize(
    ("diseases", "sentence"),
    [
        (["cannot tell", "cannot tell"], "whether robust accuracy has fallen in 2 of 2 networks"),
        (["cannot tell"], "in 1 of 2 networks; the reason is said. Robust accuracy has not fallen"),
        (["weakened"], "Robust accuracy has fallen without a gap in 1 of 2 networks."),
        (["diverged", "cannot tell"], "Training had diverged in 1 of 2 networks. One cannot tell"),
        (["cannot tell", "self-fitting"], "The onset is not in a log"),
    ],
)
def test_what_cannot_be_told_is_not_called_health(lines, diseases, sentence):
    said = [
        f'{{"k":"diagnosis","checkpoint":"main-{step}","step":{step},"branch":"main",'
        f'"d":{{"disease":"{disease}","text":"because"}}}}'
        for step, disease in zip((10, 20), diseases, strict=False)
    ]
    probes = [line for line in lines if b'"diagnosis"' not in line]
    found = Report.read([*probes, *said]).found
    assert sentence in lead_sentence(found)
    assert [verdict_word(one) for one in found][: len(diseases)] == diseases
    assert is_ill(found[0]) == (diseases[0] != "cannot tell")


def test_every_definition_is_called_our_own():
    assert all("our operational definition" in meaning for _, meaning in DEFINITIONS)


def test_a_diverged_network_is_named_without_a_word_about_self_fitting():
    place = {"checkpoint": "main-30", "branch": "main", "step": 30}
    blank = {"n": 512, "nonfinite": 512, "clean": "NaN", "fgsm": "NaN", "pgd": "NaN"}
    said = {"disease": "diverged", "text": "diverged: answers not finite for 512 of 512 images"}
    report = Report.read(
        json.dumps({"k": kind, "d": data, **place})
        for kind, data in (("probe.robust", blank), ("diagnosis", said))
    )
    [found] = report.found
    assert verdict_word(found) == "diverged" and math.isnan(found.accuracy("clean"))
    assert lead_sentence(report.found) == "Training had diverged in 1 of 1 network."
    printed = io.StringIO()
    for part in diagnosis_tables(report, 120):
        Console(width=120, file=printed).print(part)
    assert "answers not finite for 512 of 512 images" in printed.getvalue()
    assert "0.1" not in printed.getvalue()
    pytest.importorskip("matplotlib")
    from selffit.report.page import page

    assert "answers not finite for 512 of 512 images" in page(report)


def test_what_was_done_to_a_file_and_nothing_for_a_run(lines):
    assert Report.read(lines).done == []
    about = b'{"k":"target","d":{"file":{"said":["stripped `module.`",7]}}}'
    assert Report.read([about]).done == ["stripped `module.`", ""]
