"""What went wrong beside training is said on every surface, and decides the exit code."""

import pytest
from made_up.records import record, start, steps

from selffit.eventlog.records import Notice
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.judged.summary import status_dict
from selffit.run.judged.trouble import left_with, troubled, troubles
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import closing, sentence
from selffit_tui.plain.lines import runs_table, status_lines

FAILED = record("ckpt.failed", {"id": "main-10", "reason": "No space left on device"}, 10)
SAVED = record("ckpt.saved", {"id": "main-20", "step": 20, "branch": "main"}, 20)
SHUT = Notice("unreadable", "trainer", "000001-000000.jsonl", 0, "cannot be read: no")
FINISHED = record("end", {"how": "finished"}, 20)
CASES = {
    "not saved": ([FAILED], True),
    "saves failed": ([FAILED, SAVED], False),
    "log unreadable": ([SHUT], True),
    "log damaged": ([Notice("damaged", "trainer", "000001-000000.jsonl", 9, "a bad line")], False),
    "newer log": ([Notice("version", "trainer", "000001-000000.jsonl", 9, "upgrade")], True),
    "metrics dropped": ([record("log.gap", {"dropped": 7, "why": "queue full"})], False),
    "log held back": ([record("host", {"log_ok": False, "log_error": "EIO"})], False),
    "no commands": ([record("host", {"inbox_error": "cannot read the inbox: gone"})], False),
}


def state_of(*items):
    return reduce_all(RunState(run="r"), [start(), steps(0), *items])


@pytest.mark.parametrize("name", CASES)
def test_every_trouble_is_said_by_status_runs_and_json(name):
    items, serious = CASES[name]
    state = state_of(*items)
    [found] = troubles(state)
    assert (found.name, found.serious) == (name, serious)
    told = status_dict(state, "training", 101.0)
    assert told["troubles"] == [{"name": name, "text": found.text, "serious": serious}]
    line = f"  {'!!' if serious else '!'} {name}: {found.text}"
    assert line in status_lines(told, sentence(state, verdict(state)))
    [_, row] = runs_table([told])
    assert row.endswith(f"; {'!! ' if serious else ''}{name}")
    assert f"{name}: {found.text}" in closing(state, "training")


def test_a_serious_trouble_of_a_run_that_has_ended_is_in_the_exit_code():
    assert left_with(state_of(FAILED), "training") == 0
    assert troubled(state_of(FAILED, FINISHED)) and left_with(
        state_of(FAILED, FINISHED), "finished"
    )
    assert left_with(state_of(FAILED, SAVED, FINISHED), "finished") == 0
    assert left_with(state_of(FINISHED), "finished") == 0


def test_what_a_trainer_said_of_its_disk_is_over_with_it():
    held = record("host", {"log_ok": False})
    assert not troubles(state_of(held, FINISHED))
    assert not troubles(state_of(held, record("open", {"run": "r"}, attempt=2)))


def test_a_log_without_the_last_word_of_a_trainer_that_finished_is_cut_short():
    exited = record("sup.exit", {"how": "finished", "code": 0}, stream="supervisor")
    [found] = troubles(state_of(exited))
    assert (found.name, found.serious) == ("log cut short", True)
    assert "ends at step 10 of 200" in found.text
    assert not troubles(state_of(FINISHED, exited))  # stopped early by what it was told
    hosted = record("hosted", {"by": "lines", "program": ["train.py"]})
    assert not troubles(state_of(hosted, exited))  # somebody's script, which may never say so
    killed = record("sup.exit", {"how": "killed", "code": -9}, stream="supervisor")
    assert not troubles(state_of(killed))


@pytest.mark.parametrize(
    ("how", "word", "code"),
    [("preempted", "preempted", 75), ("unsaved", "not saved", 1), ("superseded", "superseded", 0)],
)
def test_whoever_followed_a_run_leaves_with_a_code_that_a_job_can_use(how, word, code):
    assert left_with(state_of(record("end", {"how": how})), word) == code
