"""The line that is always there: what stands, in words that fit into the room that there is."""

import pytest
from made_up.records import alert, diagnosis, on, probe, record, roll_back, start, steps

from selffit.detect import wording
from selffit.detect.ahead import Ahead
from selffit.eventlog.records import Notice
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.judged.standing import fitted, standing
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import part, sentence

HEALTHY = [start(on_co="alert", eps=0.16), steps(0), probe(10, 0.40, fgsm=0.5)]
ONSET = alert(
    "onset",
    20,
    onset_step=20,
    onset_low=10,
    healthy={"step": 10, "pgd": 0.4},
    evidence={"best": 0.4, "pgd": 0.14, "fgsm": 0.6},
)
FALLEN = [*HEALTHY, probe(20, 0.14, fgsm=0.6), ONSET, probe(30, 0.0, fgsm=0.94)]
NAMED = [*FALLEN, diagnosis(30, disease="self-fitting", onset_step=20)]
MASKED = [
    *NAMED,
    alert("masked", 40, disease="gradient masking", evidence={"pgd": 0.5, "strong": 0.08}),
]


def fold(*items):
    return reduce_all(RunState(), items)


def line(*items, width=120, word="training", why=""):
    return standing(fold(*items), word, why).line(width).replace("\xa0", " ")


def test_the_normal_case_is_said_in_words():
    told = line(*HEALTHY)
    assert told.startswith("healthy │ PGD .40 is normal") and "FGSM .50" in told


def test_a_budget_that_rises_is_said():
    state = fold(start(eps=0.16, eps_ramp=0.5), steps(0), probe(10, 0.40, fgsm=0.5, eps=0.089))
    assert "PGD .40 is normal at eps .089" in standing(state, "training").line(120)


def test_an_onset_tells_cause_fall_and_last_healthy_step():
    told = line(*NAMED)
    assert told == (
        "ONSET at step 20 │ self-fitting │ PGD .40 → .14, now .00 │ FGSM now .94 │ "
        "last healthy step 10"
    )


def test_at_80_columns_an_onset_keeps_cause_and_fall():
    told = line(*NAMED, width=76)
    assert told.startswith("ONSET at step 20 │ self-fitting │ PGD .40") and "healthy 10" in told


def test_at_45_columns_an_onset_is_named_with_its_cause():
    told = line(*NAMED, width=42)
    assert told.startswith("ONSET") and "self-fitting" in told and len(told) <= 42


@pytest.mark.parametrize("width", [120, 76, 60])
def test_a_strong_attack_never_takes_the_place_of_the_cause(width):
    told = line(*MASKED, width=width)
    assert told.startswith("MASKED") and "self-fitting" in told


def test_a_suspicion_tells_the_signals_and_when_it_is_decided():
    moved = alert(
        "suspect",
        12,
        t=101.0,
        text="training signals moved: PertAlign 0.59 → 0.39",
        evidence={"pertalign": 0.39, "pertalign_usual": 0.59},
    )
    told = line(*HEALTHY, moved)
    assert "SUSPECT since step 12 │ PertAlign .59 → .39" in told and "decides" in told


def test_after_a_roll_back_it_says_whether_the_new_branch_holds():
    told = line(*FALLEN, *roll_back("b1", base=10, asked=30), on("b1", probe(20, 0.41, fgsm=0.5)))
    assert told.startswith("rolled back from 30 of main to 10 by me")
    assert "n-fgsm on b1 holds PGD .41" in told


def test_a_crash_comes_first_and_what_stood_stays_behind_it():
    end = record("sup.exit", {"how": "crashed", "text": "exit code 1", "stderr": ["Out"]})
    told = standing(fold(*NAMED, end), "crashed")
    assert told.banner == "ended"
    assert told.line(120).startswith("CRASHED │ exit code 1; Out │ onset at step")


def test_a_run_that_is_lost_says_why():
    told = line(*HEALTHY, word="lost", why="nothing was heard of the trainer for 2 min")
    assert told.startswith("LOST │ nothing was heard of the trainer for 2 min")


def test_a_pause_does_not_silence_an_onset():
    told = line(*HEALTHY, word="paused")
    assert told.startswith("paused at step 10 │ healthy │ PGD .40") and "next probe" not in told
    assert standing(fold(*NAMED), "paused").banner == "onset"
    assert "paused" in line(*NAMED, word="paused")


def test_before_the_first_probe_it_says_what_is_being_done():
    told = line(word="data")
    assert told.startswith("data: images are being loaded")


def test_a_moment_of_the_past_does_not_tell_how_the_run_goes_now():
    assert "paused" not in line(*HEALTHY, word="")


def test_the_line_and_the_sentence_are_made_of_the_same_parts():
    state = fold(*NAMED)
    told = sentence(state, verdict(state))
    assert told == line(*NAMED, width=400).replace("ONSET", "onset").replace(" │", ";")


def test_room_that_is_left_goes_back_to_words_that_were_shortened():
    found = [part(2, "the whole cause", "cause"), part(5, "in 62 steps", "62")]
    assert fitted("healthy", found, 32) == "healthy │ the whole cause │ 62"
    found = [part(2, "a cause of many many words", "cause"), part(5, "in 62 steps", "62")]
    assert fitted("healthy", found, 31) == "healthy │ cause │ in 62 steps"


@pytest.mark.parametrize("width", range(30, 130))
def test_the_time_to_the_next_probe_never_loses_its_unit(width):
    state = fold(start(eps=0.16, eps_ramp=0.5), steps(0), probe(10, 0.40, fgsm=0.5, eps=0.089))
    told = standing(state, "training").line(width).replace("\xa0", " ")
    assert "probe" not in told or told.endswith((" steps", " step"))


@pytest.mark.parametrize(
    "text, first",
    [
        (
            "the single step loses its direction: sign alignment .21, .32 at step 840",
            "the single step loses its direction",
        ),
        (
            wording.ahead(Ahead(eps=0.125, n=512, single=0.44, all=0.12, z=4.0)),
            "little stands beyond the budget",
        ),
    ],
)
def test_a_suspicion_in_words_gives_way_to_its_first_words(text, first):
    told = line(*HEALTHY, alert("suspect", 12, t=101.0, text=text), width=76)
    assert f" 12 │ {first} │ " in told and told.endswith("probe in 38 steps")


def test_a_log_that_nobody_can_read_is_not_called_starting():
    newer = Notice("version", "trainer", "000001-000000.jsonl", 0, "written in format 7")
    told = standing(fold(newer), "starting")
    assert told.line(120).startswith("NEWER LOG │ log/trainer/000001-000000.jsonl: written in")
    assert told.banner == "caution"


def test_nothing_measured_is_a_sentence():
    state = fold(start(), steps(0))
    assert sentence(state, verdict(state)).startswith("unmeasured: ")


def test_a_run_without_probes_names_what_measures_its_checkpoints():
    ended = record("sup.exit", {"how": "finished", "code": 0}, stream="supervisor")
    saved = record("ckpt.saved", {"id": "main-20", "step": 20, "branch": "main"}, 20)
    nothing, something = fold(start(), steps(0), ended), fold(start(), steps(0), saved, ended)
    told = sentence(nothing, verdict(nothing))
    assert told == "unmeasured: the run ended before its first probe"
    more = sentence(something, verdict(something))
    assert more == f"{told}; selffit diagnose {something.run} measures its checkpoints"


def test_what_matters_least_is_left_out_first_and_the_first_part_never():
    found = [part(1, "at step 5", "at 5"), part(2, "a long cause", "cause"), part(8, "aside")]
    assert fitted("ONSET", found, 60) == "ONSET at step 5 │ a long cause │ aside"
    assert fitted("ONSET", found, 20) == "ONSET at 5 │ cause"
    assert fitted("ONSET", found, 3) == "ONSET at 5  cause"  # whoever draws it cuts it
