"""The channel panel: what zeroing a channel or several does, and how stable the ranking is."""

import pytest
from made_up.looks import SETS, plain_text

from selffit.eventlog import kinds
from selffit_tui.model.scene import View
from selffit_tui.panels.channels import channel_lines
from selffit_tui.panels.parts.causal import causal_lines, effect, stage_of

ALONE = View(panel="channels")


def words(lines):
    return plain_text(lines).split("\n")


@pytest.fixture
def causal(record):
    """A causal check of one layer of stage layer1, with round numbers."""
    base = {"clean": 0.9, "fgsm": 0.8, "pgd": 0.1, "carrier": 0.6, "swap": 0.3}
    self_row = {
        "stage": "layer1",
        "group": "self",
        "share": 0.1,
        "channels": 2,
        "clean": 0.9,
        "fgsm": 0.4,
        "pgd": 0.3,
    }
    self_row |= {"carrier": 0.1, "swap": 0.2}
    rows = [self_row, self_row | {"group": "random", "fgsm": 0.78, "pgd": 0.1}]
    rows += [self_row | {"group": group} for group in ("data", "norm")]
    rows += [
        self_row | {"share": 0.4, "fgsm": 0.2},
        {"stage": "layer2", "group": "self", "share": 0.1, "fgsm": 0.0},
    ]
    single = [
        {
            "layer": "layer1.0.conv1",
            "channel": 2,
            "dominance": 0.9,
            "clean": 0.9,
            "fgsm": 0.49,
            "pgd": 0.22,
        }
    ]
    return record(
        "probe.causal", {"n": 40, "n_rank": 50, "base": base, "rows": rows, "single": single}, 20
    )


@pytest.fixture
def channels(record):
    layers = [
        {"name": name, "dominance": [-0.5, 0.1, 0.9, 0.2], "rho": 0.91}
        for name in ("layer1.0.conv1", "fc")
    ]
    layers[0] |= {
        "si": [0.5, 1.0, 1.9, 1.2],
        "rand": [0.3, 0.3, 0.4, 0.3],
        "agree": 1.0,
        "gini": 0.4,
    }
    return record("probe.channels", {"n": 256, "layers": layers}, 20)


def test_the_stage_of_a_layer_is_the_first_part_of_its_name():
    assert [stage_of(name) for name in ("layer1.0.conv1", "conv1", "")] == ["layer1", "conv1", ""]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.49, "-.31"), (0.92, "+.12"), (0.804, "0"), (1.8, "+1.0"), (float("nan"), "")],
)
def test_an_effect_is_a_signed_change_in_four_cells(value, shown):
    base = kinds.Effects(fgsm=0.8)
    assert effect(kinds.Effects(fgsm=value), base, "fgsm") == shown
    assert effect(kinds.Effects(), base, "fgsm") == ""


def test_a_channel_that_was_zeroed_alone_shows_what_that_changed(scene, channels, causal, record):
    start = record("run.start", {"config": {}})
    lines = words(channel_lines(scene([start, channels, causal]), 48, 16))
    assert lines[1].rstrip("│").endswith("ΔFGSM  ΔPGD")
    assert lines[2].split()[2:3] == ["2"] and lines[2].rstrip("│").endswith("+.90  -.31  +.12")
    assert lines[3].rstrip("│ ").endswith("+.20")  # the others were not tried
    without = words(channel_lines(scene([start, channels]), 48, 16))
    assert "FGSM" not in without[1]


def test_effects_are_those_of_the_newest_check_before_the_cursor(scene, channels, causal, record):
    later = record(
        "probe.causal", causal.d | {"single": [causal.d["single"][0] | {"fgsm": 0.8}]}, 40
    )
    items = [channels, causal, later]
    before = words(channel_lines(scene(items, View(cursor=30)), 90, 16))
    assert "alone: FGSM -.31, ch 2, step 20" in before[-1] and "◉" in before[2]
    lines = words(channel_lines(scene(items), 90, 16))
    assert "zeroed alone, step 40" in lines[-1] and "-.31" not in lines[2]
    assert "◉" not in lines[2]  # without it nothing is lost


@pytest.mark.parametrize("width", [30, 40, 48, 90])
def test_a_channel_that_alone_carries_fgsm_accuracy_is_marked_at_any_width(
    scene, channels, causal, width
):
    lines = words(channel_lines(scene([channels, causal]), width, 12))
    assert [line[1] for line in lines[2:6]] == ["◉", " ", " ", " "]
    assert "◉ alone: FGSM -.31" in lines[-1]
    text = plain_text(channel_lines(scene([channels, causal], glyphs=SETS["ascii"]), width, 12))
    assert "@ alone: FGSM -.31" in text


def test_a_check_that_a_roll_back_left_behind_does_not_count(scene, acted_on, causal):
    items = acted_on.rolled_back().records
    assert "causal  conv1  step" not in plain_text(channel_lines(scene(items, ALONE), 80, 18))
    assert "none yet" in plain_text(channel_lines(scene(items, ALONE), 80, 18))


def test_a_roomy_panel_adds_the_response_to_random_signs(scene, channels, causal):
    lines = words(channel_lines(scene([channels, causal]), 80, 16))
    assert lines[1].split()[-6:-1] == ["ΔFGSM", "ΔPGD", "resp", "rand", "clean"]
    assert lines[2].split("+.90")[1].split()[:4] == ["-.31", "+.12", "1.90", ".40"]


def test_the_stability_of_the_ranking_stands_with_the_concentration(scene, channels):
    assert "stability rho .91  agree 1.00" in plain_text(channel_lines(scene([channels]), 60, 16))
    other = plain_text(channel_lines(scene([channels], View(layer=1)), 60, 16))
    assert "rho .91" in other and "agree" not in other  # it was not measured there


@pytest.mark.parametrize("size", [(80, 18), (120, 34), (60, 18)])
def test_shown_alone_the_table_of_the_stage_stands_beside_or_below(scene, channels, causal, size):
    text = plain_text(channel_lines(scene([channels, causal], ALONE), *size))
    assert "layer1  step 20  n 40 rank 50" in text
    assert "10 % self       0  -.40  +.20" in text and "10 % random     0  -.02     0" in text
    assert "10 % self       0  -.80" not in text  # of layer2
    assert ("40 % self       0  -.60" in text) == (size[1] > 20)
    assert ("none zeroed    .90   .80   .10   .60   .30" in text) == (size[1] > 20)
    overview = plain_text(channel_lines(scene([channels, causal]), *size))
    assert "rank 50" not in overview


def test_a_stage_that_was_not_checked_says_so(scene, channels, causal):
    assert "was not part of it" in plain_text(causal_lines(scene([channels, causal]), "fc", 44, 6))


def test_without_a_check_the_panel_says_how_to_get_one(scene, channels, record):
    start = record("run.start", {"config": {"causal_images": 256}})
    text = " ".join(plain_text(causal_lines(scene([start, channels]), "fc", 44, 6)).split())
    assert (
        "none yet: it comes after an onset, or now with: selffit ctl strokes-fgsm-7f3a probe"
        in text
    )
    off = record("run.start", {"config": {"causal_images": 0}})
    assert "--causal-images 256" in plain_text(causal_lines(scene([off, channels]), "fc", 44, 6))
    ended = [start, channels, record("end", {"how": "finished"})]
    assert "none in this run" in plain_text(causal_lines(scene(ended), "fc", 44, 6))


def test_the_participation_ratio_is_drawn_as_a_share_of_the_channels(scene, made_up):
    whole = scene(made_up.records(702), glyphs=SETS["ascii"])
    text = plain_text(channel_lines(whole, 48, 16), ascii=True)
    line = next(line for line in text.split("\n") if "particip." in line)
    # it falls from high to low
    assert "13.0-->5.6" in line and "'" in line and "." in line.split("5.6")[1]


def test_a_check_that_lies_is_drawn_all_the_same(scene, channels, record):
    evil = {"stage": "layer1", "group": "self\x1b", "share": "NaN", "clean": [], "fgsm": 1e300}
    rows = [evil, evil | {"group": "self"}, evil | {"group": "self", "share": -3e300}, 7]
    for data in (
        {"rows": rows, "single": [evil, {"layer": "layer1.0.conv1", "channel": -9}]},
        {"rows": 3},
        {},
    ):
        whole = scene([channels, record("probe.causal", data, 3)], ALONE)
        for size in ((80, 18), (120, 34), (10, 5)):
            assert len(channel_lines(whole, *size)) == size[1]
