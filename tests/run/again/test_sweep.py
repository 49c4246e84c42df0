"""Rules over recorded runs: what counts as a collapse, a hit and a false alarm."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from made_up.records import probe, record, start
from msgspec import structs

from selffit.detect import RuleThresholds
from selffit.errors import UserError
from selffit.eventlog.writer import EventWriter
from selffit.run.again.firing import Firing
from selffit.run.again.rerun import Rules, rerun
from selffit.run.again.rules import RULES, Heard, Rule, chosen
from selffit.run.again.sweep import score, sweep
from selffit.run.again.truth import truth
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.folder.run_dir import RunDir
from selffit_tui.commands import detect
from selffit_tui.plain import swept

RUNS = Path(__file__).parents[3] / "runs"
FALL = [(0, 0.1), (50, 0.4), (100, 0.42), (150, 0.25), (200, 0.05), (250, 0.03), (300, 0.02)]
WEAKENED = [(0, 0.1), (50, 0.6), (100, 0.62), (150, 0.25), (200, 0.2), (250, 0.2), (300, 0.19)]
HOLD = [(0, 0.1), (50, 0.4), (100, 0.42), (150, 0.05), (200, 0.4), (250, 0.41), (300, 0.4)]


def heard(probes, *more):
    items = [start(), *(probe(step, pgd, fgsm=0.6, eps=0.16) for step, pgd in probes), *more]
    state = reduce_all(RunState(run="r"), items)
    rules = Rules.of(state)
    return Heard(state=state, judged=rerun(state, [], rules), chance=0.1)


def at(*steps):
    fired = [Firing(branch="main", step=step, text="") for step in steps]
    return Rule(name="x", help="", source="", fires=lambda heard: fired)


def test_the_onset_is_the_first_of_the_fallen_probes_that_lead_to_the_end():
    found = truth(heard(FALL), "main")
    assert found is not None and (found.onset, found.low) == (200, 100)


def test_what_fell_and_came_back_is_no_collapse():
    assert truth(heard(HOLD), "main") is None


def test_robust_and_fgsm_accuracy_that_fall_together_are_no_collapse():
    for gap in (lambda pgd: 0.04, lambda pgd: 0.3 * pgd):  # the same, or the same share
        probes = [probe(step, pgd, fgsm=pgd + gap(pgd), eps=0.16) for step, pgd in WEAKENED]
        state = reduce_all(RunState(run="r"), [start(), *probes])
        found = Heard(state=state, judged=rerun(state, [], Rules.of(state)), chance=0.1)
        assert truth(found, "main") is None


def test_a_branch_that_was_rolled_back_is_judged_by_its_last_probe():
    begun = {"name": "b1", "parent": "main", "base_step": 100, "ckpt": "main-100"}
    branch = structs.replace(record("branch", begun, 100), b="b1")
    found = heard(FALL[:5], branch)
    assert found.state.branch == "b1"
    collapse = truth(found, "main")
    assert collapse is not None and collapse.onset == 200
    assert truth(found, "b1") is None


@pytest.mark.parametrize(
    ("steps", "hits", "false_alarms", "latencies"),
    [
        ((), 0, 0, ()),
        ((200, 250), 1, 0, (0,)),
        ((260,), 1, 0, (60,)),
        ((140,), 1, 0, (-60,)),  # early, not wrong
        ((50, 100), 0, 2, ()),
        ((50, 210), 1, 1, (10,)),
    ],
)
def test_hits_false_alarms_and_latency(steps, hits, false_alarms, latencies):
    found = score("r", heard(FALL), at(*steps))
    assert (found.collapses, found.hits, found.false_alarms) == (1, hits, false_alarms)
    assert found.latencies == latencies
    if latencies:  # 50 steps an epoch, 300 in all
        assert found.saved == pytest.approx((300 - 200 - latencies[0]) / 50)


def test_every_firing_on_a_run_that_holds_is_a_false_alarm():
    assert score("r", heard(HOLD), at(10, 20)).false_alarms == 2


def test_the_published_rule_fires_at_a_drop_at_one_budget_only():
    drop = RULES["drop"]
    assert [f.step for f in drop.fires(heard([(0, 0.1), (50, 0.4), (100, 0.19)]))] == [100]
    assert not list(drop.fires(heard(FALL[:4])))


def test_the_examples_are_judged_as_their_readme_has_it():
    found = sweep(RUNS, chosen(["robust", "signals"]), RuleThresholds())
    collapse = next(s for s in found.scores if s.run == "example-patterns-fgsm")
    assert (collapse.hits, collapse.collapses, collapse.false_alarms) == (1, 1, 0)
    assert collapse.onsets == (("main", 1032),)
    early = [s for s in found.scores if s.run == "example-patterns-fgsm"][1]
    assert early.rule == "signals" and early.latencies == (-47,)


def test_what_cannot_be_judged_is_counted_and_named(tmp_path):
    run = RunDir.create(tmp_path, "empty", {"config": {}})
    with EventWriter(run.path, "trainer", 1) as log:
        log.put("end", {"how": "finished"}, critical=True)
    found = sweep(tmp_path, chosen(["robust"]), RuleThresholds())
    assert found.scores == ()
    assert found.unread == (("empty", "its log has no multi-step probe"),)
    with pytest.raises(UserError, match="there are no runs"):
        sweep(tmp_path / "empty", chosen(["robust"]), RuleThresholds())


def test_rules_are_known_by_name():
    assert ", ".join(RULES) == detect._RULES
    with pytest.raises(UserError, match="there is no rule 'x'; valid: robust"):
        chosen(["x"])


def command(*args):
    words = [sys.executable, "-m", "selffit_tui", "detect", *map(str, args)]
    return subprocess.run(words, capture_output=True, text=True)


def test_a_sweep_is_a_table_csv_or_json(tmp_path):
    shutil.copytree(RUNS / "example-patterns-fgsm", tmp_path / "mine")
    found = sweep(tmp_path, rules := chosen(["robust"]), RuleThresholds())
    table = list(swept.lines(found, rules))
    assert table[0].split() == ["RUN", "RULE", "HITS", "FALSE", "LATENCY", "SAVED"]
    assert table[2].startswith("all 1 runs")
    rows = list(swept.data(found, rules))
    assert rows[0]["run"] == "mine" and rows[0]["onsets"] == [{"branch": "main", "step": 1032}]
    assert rows[-1]["run"] is None and rows[-1]["hits"] == 1
    csv = command("--sweep", tmp_path, "--rule", "robust", "--csv").stdout.splitlines()
    assert csv[0] == "run,rule,collapses,hits,false_alarms,latency,epochs_saved,unread"
    assert csv[1].startswith("mine,robust,1,1,0,0,")


def test_what_does_not_go_together_is_refused():
    for wrong in (["--sweep", RUNS, "x"], [], ["x", "--csv"]):
        assert command(*wrong).returncode == 2
