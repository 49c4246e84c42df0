"""Why it stands so: numbers, cause and what can be done; four lines while it is calm."""

import pytest
from made_up.looks import SETS, plain_text

from selffit_tui.draw.styles import palette
from selffit_tui.model.scene import View, alarm_of
from selffit_tui.panels.why import WhyPanel
from selffit_tui.screens.layout import layout

INKS = palette("none")


def why(scene, items, height=14, **more):
    return plain_text(WhyPanel(INKS).draw(scene(items, **more), 48, height))


def test_at_an_onset_it_has_the_fall_the_cause_and_the_keys(made_up, scene):
    text = why(scene, made_up.records(702))
    assert "was .79" in text and "began between steps 589 and 620" in text
    assert "SELF-FITTING" in text and "the network reads its own perturbation" in text
    assert "[i]" in text and "[enter]" in text and "[a]" in text


def test_what_can_be_done_is_the_last_to_give_way(made_up, scene):
    text = why(scene, made_up.records(702), height=8)
    assert "was .79" in text and "[enter]" in text


def test_what_was_seen_is_not_asked_about_again(made_up, scene):
    items = made_up.records(702)
    seen = View(seen=alarm_of(scene(items).verdict))
    assert "[a]" not in why(scene, items, view=seen)


def test_while_nothing_stands_it_is_state_best_next_probe_and_policy(made_up, scene):
    lines = [line.strip("│ ") for line in why(scene, made_up.records(300), height=6).split("\n")]
    assert lines[1].startswith("✓ healthy: PGD .84 is normal at eps")
    assert lines[2].startswith("best .85 at eps .125, alarm below")
    assert lines[3] == "next probe at step 310, in 10 steps"
    assert lines[4] == "policy: alert only"


def test_while_nothing_stands_the_ranking_below_it_grows():
    calm, ill = layout(120, 40, "overview", calm=True), layout(120, 40, "overview")
    assert calm.heights["why"] == 6 < ill.heights["why"]
    assert calm.heights["channels"] > ill.heights["channels"]


def test_a_suspicion_says_what_moved_and_what_decides(made_up, scene):
    records = made_up.records(588)
    last = max(i for i, item in enumerate(records) if item.k == "alert")
    text = why(scene, records[: last + 1])
    assert "abn batch" in text and "was .02" in text and "it decides" in text


def test_after_a_roll_back_what_was_left_behind_stays_in_sight(acted_on, scene):
    text = why(scene, acted_on.rolled_back().records)
    assert "rolled back from 702" in text and "n-fgsm on b1 holds PGD" in text
    assert "!! onset at 620, self-fitting on main" in text and "[enter]" in text


def zeroed(record, step=651):
    """Somebody zeroes channels at a step."""
    data = {"id": f"c1-{'0' * 8}", "op": "zero", "args": {}, "by": "policy", "version": 1}
    new = {"zeroed": {"conv1": {"channels": [3, 6, 15]}}}
    return record("ctl.applied", {**data, "old": {"zeroed": {}}, "new": new}, step)


def test_what_the_policy_has_done_is_said_before_what_is_to_be_done(made_up, scene, record):
    saved = record("ckpt.saved", {"id": "main-558", "step": 558, "healthy": True}, 558)
    text = why(scene, [saved, *made_up.records(702), zeroed(record)])
    assert "policy: zeroed 3,6,15 of conv1 at step 651" in text
    assert "now .07: not back" in text and "SELF-FITTING since" in text
    assert "▸ roll back to 558 with n-fgsm" in text


def test_where_it_may_help_or_has_helped_nothing_is_rolled_back(made_up, scene, record):
    saved = record("ckpt.saved", {"id": "main-558", "step": 558, "healthy": True}, 558)
    items = [saved, *made_up.records(702), zeroed(record, 702)]
    text = why(scene, items)
    assert "no probe since" in text and "in 11 steps: it tells" in text
    back = {"n": 512, "eps": 0.35, "clean": 0.9, "fgsm": 0.8, "pgd": 0.75}
    helped = why(scene, [*items, record("probe.robust", back, 713)])
    assert "now .75: back" in helped
    for panel in (text, helped):
        assert "roll back" not in panel and "act: pause, stop, change settings" in panel


@pytest.mark.parametrize("glyphs", SETS)
def test_it_fills_every_size(made_up, scene, glyphs):
    for upto in (0, 40, 588, 702):
        whole = scene(made_up.records(upto), glyphs=SETS[glyphs])
        for width in (0, 9, 30, 60):
            for height in (0, 2, 5, 20):
                lines = WhyPanel(INKS).draw(whole, width, height)
                assert len(lines) == height
