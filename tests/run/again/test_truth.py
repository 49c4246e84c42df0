"""What other rules would have said of a log: when, how late, and what it would have saved."""

import json
from pathlib import Path

import pytest
from made_up import rollback
from made_up import run as synthetic
from made_up.records import probe, record, roll_back, steps
from typer.testing import CliRunner

from selffit.detect import RuleThresholds
from selffit.eventlog import kinds
from selffit.run.again.firing import AGAIN, FALSE, HIT
from selffit.run.again.rules import RULES, Heard
from selffit.run.again.truth import held_by_all
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit_tui.cli import app
from selffit_tui.model.replay import Replay
from selffit_tui.model.scene import Scene, Snapshot, View
from selffit_tui.model.series import Columns
from selffit_tui.screens.rules import rules_lines

EXAMPLES = Path(__file__).parents[3] / "runs"


def judged(records):
    """What all rules say of a log, by rule and branch."""
    state = reduce_all(RunState(), records)
    told = map(kinds.of_record, records)
    blocks = [event for event in told if isinstance(event, kinds.Steps)]
    found: dict = {}
    for one in held_by_all(Heard.over(state, blocks, RuleThresholds())):
        found.setdefault((one.rule, one.firing.branch), []).append(one)
    return found


FALL = (0.2, 0.5, 0.52, 0.37, 0.2, 0.1, 0.06)  # PGD accuracy, a probe every 31 steps


def run_of(*accuracies, fgsm=0.6, **more):
    probes = [probe(31 * i, pgd, fgsm=fgsm, **more) for i, pgd in enumerate(accuracies)]
    return [record("run.start", synthetic.run_start()), *probes]


@pytest.fixture(scope="module")
def fell():
    return judged(run_of(*FALL))


def test_every_rule_is_late_by_the_steps_after_the_first_probe_of_the_fall(fell):
    found = {
        name: [(o.firing.step, o.what, o.late) for o in told] for (name, _), told in fell.items()
    }
    assert found["half"] == [(124, HIT, 0)]
    assert found["gap"] == [(0, FALSE, -124), (93, HIT, -31)]
    assert found["robust"][0][1] == HIT and found["robust"][0][2] >= 0


def test_it_would_have_saved_what_the_branch_was_trained_for_afterwards(fell):
    [half] = fell["half", "main"]
    assert half.saved == pytest.approx((186 - 124) / 62)
    assert all(one.saved == 0 for told in fell.values() for one in told if one.what != HIT)


def test_and_that_goes_on_behind_the_last_probe():
    [half] = judged([*run_of(*FALL), steps(186, 31)])["half", "main"]
    assert half.saved == pytest.approx((217 - 124) / 62)


def test_only_the_first_firing_after_the_last_well_probe_is_a_hit():
    told = judged(run_of(0.5, 0.52, 0.2, 0.3, 0.1, 0.06))["half", "main"]
    assert [one.what for one in told] == [HIT, AGAIN]


def test_a_recorded_run_is_judged_with_all_its_signals():
    run = RunDir.open(EXAMPLES / "example-patterns-fgsm")
    state = Follower.of(run).read_all()
    found = held_by_all(Heard.of(run.place, state, RuleThresholds()))
    hits = [(one.rule, one.firing.step, one.late) for one in found if one.what == HIT]
    assert ("robust", 1032, 0) in hits and ("signals", 985, -47) in hits
    # the budget grows, and this rule does not know it
    assert ("half", 744) in [(one.rule, one.firing.step) for one in found if one.what == FALSE]


def test_where_nothing_falls_a_rule_that_fires_is_a_false_alarm():
    found = judged(run_of(0.3, 0.5, 0.55, 0.34))
    assert [(one.what, one.late) for one in found["gap", "main"]] == [(FALSE, None)] * 2
    assert ("half", "main") not in found


def test_each_branch_is_judged_on_the_line_that_leads_to_it():
    found = judged(rollback.rolled_back().records)
    assert [one.what for one in found["robust", "main"]] == [HIT]
    assert not any(
        branch == "b1" and one.what != FALSE for (_, branch), told in found.items() for one in told
    )
    [hit] = found["robust", "main"]
    assert hit.saved == pytest.approx((700 - 651) / 62, abs=0.02)


def test_a_fall_of_a_run_that_still_trains_is_a_collapse_as_soon_as_it_is_measured():
    falls = run_of(0.3, 0.5, 0.5, 0.1)
    assert [one.what for one in judged(falls)["half", "main"]] == [HIT]
    ended = judged([*falls, record("end", {"how": "finished"}, 93)])
    assert [one.what for one in ended["half", "main"]] == [FALSE]  # one of three is no collapse


def test_a_probe_without_a_number_fires_nothing():
    found = judged(
        [
            record("run.start", synthetic.run_start()),
            probe(0, 0.4),
            probe(31, float("nan")),
            probe(62, 0.39),
            *roll_back("b1", base=31),
            steps(62),
        ]
    )
    assert not any(rule in ("drop", "half") for rule, _ in found)


def test_every_rule_says_what_it_is_and_has_a_letter_of_its_own_on_the_timeline():
    assert all(rule.help and rule.source for rule in RULES.values())
    assert len({name[0] for name in RULES}) == len(RULES)


def logs(real_data):
    return [*sorted(EXAMPLES.glob("example-*")), *sorted((real_data / "runs").glob("*"))]


def test_the_screen_and_the_command_say_the_same_of_recorded_logs(real_data, tmp_path):
    for folder in logs(real_data):
        names = [word for name in RULES for word in ("--rule", name)]
        done = CliRunner().invoke(app, ["detect", str(folder), "--json", *names])
        told = json.loads(done.stdout)["rules"]
        assert [score["rule"] for score in told] == list(RULES)

        state = Follower.of(RunDir.open(folder)).read_all()
        found = held_by_all(Heard.of(folder, state, RuleThresholds()))
        by_command = [
            (score["rule"], one["branch"], one["step"], one["what"], one["late"])
            for score in told
            for one in score["firings"]
        ]
        by_screen = [
            (one.rule, one.firing.branch, one.firing.step, one.what, one.late) for one in found
        ]
        assert by_screen == by_command

        drawn = rows(state, found)
        for one in told:
            lines = drawn[one["rule"]]
            for firing in one["firings"]:
                if firing["what"] == HIT:
                    sign = "−" if firing["late"] < 0 else "+"
                    where = (f"{firing['step']}", f"{sign}{abs(firing['late'])}steps")
                    assert any(all(text in line for text in where) for line in lines)
            false = [firing for firing in one["firings"] if firing["what"] == FALSE]
            assert any(FALSE.replace(" ", "") in line for line in lines) == bool(false)
            assert any("saysnothing" in line for line in lines) == (not one["firings"]), one


def rows(state, found):
    """The lines of the table on the screen by rule, without their spaces."""
    newest = Snapshot(state=state, position=1)
    scene = Scene(
        snapshot=newest,
        newest=newest,
        view=View(),
        columns=Columns(),
        now=0.0,
        replay=Replay(rules=found),
    )
    lines = ["".join(text for text, _ in line).strip("│ ") for line in rules_lines(scene, 100, 60)]
    table = lines[: lines.index("", 1)]  # below it stands what the rules are
    return {
        name: [line.replace(" ", "") for line in table if line.startswith(f"{name} ")]
        for name in RULES
    }
