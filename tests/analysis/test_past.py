"""What the log tells of a checkpoint.

Its line of history, the onset that was open, the reference from before it.
"""

import pytest

from selffit.analysis.past import Past
from selffit.eventlog import kinds
from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir


@pytest.fixture
def past(tmp_path):
    """Healthy to step 20, onset at 30, back to 20 as b1, recovered there from a second onset."""
    run = RunDir.create(tmp_path, "demo", {"config": {}})
    with EventWriter(run.path, "trainer", 1) as log:
        log.put("run.start", {"config": {}, "steps_per_epoch": 10})
        for step, pgd in ((0, 0.1), (10, 0.4), (20, 0.4), (30, 0.0)):
            log.put("probe.robust", {"n": 512, "clean": 0.9, "fgsm": 0.5, "pgd": pgd}, step=step)
            log.put("probe.self", {"n": 64, "index": step / 100, "values": {}}, step=step)
            saved = {
                "id": f"main-{step}",
                "branch": "main",
                "step": step,
                "pgd": pgd,
                "healthy": pgd > 0.2,
            }
            log.put("ckpt.saved", saved, step=step)
        onset = {"level": "onset", "onset_step": 28, "healthy": {"step": 20, "pgd": 0.4}}
        log.put("alert", onset, step=30, critical=True)
        log.put(
            "branch",
            {"name": "b1", "parent": "main", "base_step": 20, "ckpt": "main-20"},
            step=20,
            branch="b1",
        )
        log.put(
            "probe.robust", {"n": 512, "clean": 0.9, "fgsm": 0.5, "pgd": 0.3}, step=40, branch="b1"
        )
        log.put("alert", {"level": "onset", "onset_step": None}, step=40, branch="b1")
        log.put("alert", {"level": "recovered"}, step=60, branch="b1")
    return Past.read(run)


def test_only_probes_that_led_to_a_step_count(past):
    assert [probe.step for probe in past.before(kinds.RobustProbe, "main", 20)] == [0, 10, 20]
    assert [probe.step for probe in past.before(kinds.RobustProbe, "b1", 50)] == [0, 10, 20, 40]
    assert [probe.step for probe in past.before(kinds.SelfProbe, "b1", 50)] == [0, 10, 20]
    assert [probe.step for probe in past.before(kinds.RobustProbe, "b7", 50)] == []


def test_a_step_leads_to_another_on_its_line_only(past):
    assert past.leads_to("main", 20, "b1", 40) and past.leads_to("main", 10, "main", 10)
    assert not past.leads_to("main", 30, "b1", 40) and not past.leads_to("b1", 40, "main", 60)


def test_the_onset_is_the_one_that_was_open_then(past):
    assert past.onset("main", 20) is None
    assert past.onset("main", 30).onset_step == 28
    assert past.onset("b1", 50).step == 40
    assert past.onset("b1", 60) is None


def test_references_are_healthy_checkpoints_from_before_the_first_onset_newest_first(past):
    assert past.healthy() == ["main-20", "main-10"]


def test_without_an_onset_or_a_log_there_is_no_reference(tmp_path):
    assert Past.read(RunDir.create(tmp_path, "bare", {})).healthy() == []


def test_the_columns_for_a_report_hold_every_probe_and_onset(past):
    data = past.as_data()
    assert data["probes"]["step"] == [0, 10, 20, 30, 40]
    assert data["probes"]["branch"] == ["main"] * 4 + ["b1"]
    assert data["selfs"]["index"] == [0.0, 0.1, 0.2, 0.3]
    assert data["onsets"] == {"branch": ["main", "b1"], "step": [28, 40]}
