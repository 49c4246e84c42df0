"""Pictures in the terminal: image arithmetic, colours, half blocks and shades, and the panel made
of them.
"""

from base64 import b64encode

import numpy as np
import pytest
from made_up.looks import SETS, plain_text
from rich.cells import cell_len
from rich.color import Color
from rich.style import Style

from selffit.data import patterns
from selffit.eventlog.records import Record
from selffit_tui.draw.glyphs import ASCII
from selffit_tui.draw.pixels import (
    PixelInks,
    colours,
    half_blocks,
    perturbation,
    perturbed,
    pixels,
    shades,
    shrunk,
    signed_colours,
)
from selffit_tui.draw.spans import to_strip
from selffit_tui.draw.styles import palette
from selffit_tui.model.scene import View
from selffit_tui.panels.images import ImagePanel, image_lines, picture_size

GREY = (1, 28, 28)


def rows_of(values):
    """The rows of a uint8 or int8 array [C,H,W] as the log has them."""
    return [
        b64encode(row.tobytes()).decode() for row in np.ascontiguousarray(values.transpose(1, 2, 0))
    ]


def strip_data(count=4, shape=GREY, classes=(), eps=0.16, own=(), **more):
    """The data of a `probe.images` record: images of `patterns`, or noise where the shape is
    another one.
    """
    rng = np.random.default_rng(0)
    held = (
        patterns.generate("held", count)[0]
        if shape == GREY
        else rng.integers(0, 256, (count, *shape), np.uint8)
    )
    rows = []
    for i in range(count):
        delta = np.where(rng.random(shape) < 0.5, -127, 127).astype(np.int8)
        answers = {"clean": [i, 0.93], "own": own or [i + 1, 0.99], "carrier": [i, 0.82]}
        rows.append({"y": i, "x": rows_of(held[i]), "delta": rows_of(delta), **answers})
    found = {
        "shape": list(shape),
        "eps": eps,
        "attack": "fgsm",
        "classes": list(classes),
        "rows": rows,
    }
    return found | more


def on(scene, made_up, record, *strips, view=None, glyphs=SETS["braille"]):
    """A scene of a run with these strips at steps 62, 124, …"""
    items = [record("run.start", made_up.run_start())]
    items += [record("probe.images", strip, 62 * i) for i, strip in enumerate(strips, 1)]
    return scene(items, view or View(panel="images"), glyphs)


# ---- arithmetic  -------------------------------------------------------------------------
def test_rows_of_the_log_become_an_image_and_a_perturbation():
    grey = pixels(bytes([0, 255, 51, 102]), (1, 2, 2))
    assert grey.tolist() == [[[0.0, 1.0], [0.2, 0.4]]]
    colour = pixels(bytes([255, 0, 51, 0, 255, 102]), (3, 1, 2))  # two pixels of three channels
    assert colour[:, 0, 0].tolist() == [1.0, 0.0, 0.2] and colour[:, 0, 1].tolist() == [
        0.0,
        1.0,
        0.4,
    ]
    delta = perturbation(bytes([127, 129, 0, 128]), (1, 2, 2))  # 127, -127, 0, -128
    assert delta.tolist() == [[[1.0, -1.0], [0.0, -1.0]]]


def test_a_perturbation_is_added_within_its_budget_and_clipped():
    x, delta = np.array([[[0.0, 0.5, 0.95]]]), np.array([[[-1.0, 1.0, 1.0]]])
    assert perturbed(x, delta, 0.1).tolist() == [[[0.0, 0.6, 1.0]]]
    assert np.allclose(perturbed(0.5, delta, 0.1), [[[0.4, 0.6, 0.6]]])


def test_shrinking_takes_the_mean_of_the_area():
    image = np.arange(16.0).reshape(1, 4, 4)
    assert shrunk(image, 2, 2).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]
    # 2/3 of the middle on each side
    assert np.allclose(shrunk(np.array([[[0.0, 3.0, 6.0]]]), 1, 2), [[[1.0, 5.0]]])
    assert np.array_equal(shrunk(image, 4, 4), image)
    assert np.isclose(
        shrunk(np.random.default_rng(0).random((3, 28, 28)), 11, 18).mean(), 0.5, atol=0.05
    )


# ---- colours  ----------------------------------------------------------------------------
def test_greys_are_those_of_the_ramp_with_true_black_and_white():
    levels = np.array([[[0, 8, 18], [128, 238, 255]]]) / 255
    assert colours(levels).tolist() == [[16, 232, 233], [244, 255, 231]]


def test_colours_come_from_the_cube_and_neutral_ones_from_the_ramp():
    red, green, blue, grey = (1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.5, 0.5)
    image = np.array([[red, green], [blue, grey]]).transpose(2, 0, 1)
    assert colours(image).tolist() == [[196, 46], [21, 244]]
    assert colours(np.array([[[135]], [[175]], [[215]]]) / 255).tolist() == [
        [16 + 36 * 2 + 6 * 3 + 4]
    ]


def test_a_perturbation_is_blue_below_zero_grey_at_zero_orange_above_and_brighter_with_each_step():
    scale = signed_colours(np.linspace(-1, 1, 7)[None, None])[0].tolist()
    assert scale == [18, 25, 67, 245, 180, 216, 223]
    colour = [Color.parse(f"color({number})").get_truecolor() for number in scale]
    brightness = [0.3 * c.red + 0.59 * c.green + 0.11 * c.blue for c in colour]
    assert (
        brightness == sorted(brightness)
        and colour[0].blue > colour[0].red
        and colour[-1].red > colour[-1].blue
    )
    assert signed_colours(np.zeros((3, 1, 1))).tolist() == [[244]]  # three channels: around grey


# ---- cells  ------------------------------------------------------------------------------
def test_a_cell_shows_two_pixels_and_equal_neighbours_share_a_span():
    numbers = np.array([[16, 231, 231], [231, 16, 16], [244, 244, 244], [244, 244, 244]])
    assert half_blocks(numbers) == [[("▀", "16/231"), ("▀▀", "231/16")], [("▀▀▀", "244/244")]]


def test_shades_are_denser_for_brighter_pixels():
    image = np.linspace(0, 1, 10)[None, None]
    assert shades(image) == [[(" .:-=+*#%@", "text")]]


def test_pixel_inks_know_colours_beside_the_palette():
    inks = PixelInks(palette("256"))
    assert (
        inks["244/16"] == Style(color="color(244)", bgcolor="color(16)")
        and inks["244/16"] is inks["244/16"]
    )
    assert inks["title"] == palette("256")["title"]
    for unknown in ("nothing", "1/", "a/b", "/"):
        with pytest.raises(KeyError):
            inks[unknown]


# ---- the panel  --------------------------------------------------------------------------
def test_pictures_are_as_large_as_fits_and_never_larger_than_the_image():
    assert picture_size(GREY, 116, 33, 4) == (28, 14)
    assert picture_size(GREY, 300, 90, 4) == (28, 14)
    # two images rather than one that is a little larger
    assert picture_size(GREY, 78, 16, 4) == (14, 7)
    assert picture_size(GREY, 78, 16, 1) == picture_size(GREY, 78, 12, 4) == (18, 9)
    assert picture_size(GREY, 34, 5, 4) == (7, 4)
    assert picture_size((3, 32, 32), 140, 40, 4) == (32, 16)
    assert picture_size((1, 10, 40), 300, 40, 4) == (40, 5)
    assert picture_size((0, 0, 0), 80, 20, 4) == (0, 0)


def test_the_pixels_on_show_are_those_of_the_four_pictures(scene, made_up, record):
    x = np.array([[0, 255, 128, 128] * 2] * 8, np.uint8)[None]
    delta = np.array([[127, -127, 127, -127] * 2] * 8, np.int8)[None]
    image = {
        "y": 1,
        "x": rows_of(x),
        "delta": rows_of(delta),
        "clean": [1, 1.0],
        "own": [1, 1.0],
        "carrier": [0, 0.5],
    }
    strip = strip_data(shape=(1, 8, 8), eps=0.5, rows=[image])
    lines = image_lines(on(scene, made_up, record, strip), 60, 12)
    drawn = [(text, style) for text, style in lines[2] if "/" in style]
    black, white, grey = "16/16", "231/231", "244/244"
    # x: its two greys share a span
    assert drawn[:6] == [("▀", black), ("▀", white), ("▀▀", grey)] * 2
    assert drawn[6:14] == [("▀", "223/223"), ("▀", "18/18")] * 4  # delta
    assert drawn[14:20] == [("▀▀", grey), ("▀", white), ("▀", black)] * 2  # x ± 0.5
    assert drawn[20:] == [("▀", white), ("▀", black)] * 4  # 0.5 ± 0.5


def test_predictions_stand_below_with_a_mark_that_needs_no_colour(scene, made_up, record):
    whole = on(scene, made_up, record, strip_data(1))
    caption = next(
        line
        for line in plain_text(image_lines(whole, 118, 36)).splitlines()
        if "true class 0" in line
    )
    assert caption.startswith("│ 0 .93 ✓ ")
    assert "1 .99 ×" in caption and "0 .82 ✓" in caption
    plain = plain_text(
        image_lines(on(scene, made_up, record, strip_data(1), glyphs=ASCII), 118, 36)
    )
    assert "0 .93 ok" in plain and "1 .99 x" in plain


def test_classes_are_named_and_long_names_give_way_to_what_is_short(scene, made_up, record):
    names = ("airplane", "automobile", "bird", "cat", "\x1b[31mdeer")
    whole = on(scene, made_up, record, strip_data(4, classes=names, own=[4, 0.5]))
    wide = plain_text(image_lines(whole, 118, 36))
    assert "airplane .93 ✓" in wide and "automobile .93 ✓" in wide and "true class airplane" in wide
    assert "\x1b" not in wide and ".50 ×" in wide
    assert "airplane .93 ✓" in plain_text(image_lines(whole, 80, 19))
    small = plain_text(image_lines(whole, 36, 8))
    assert "airp… ✓ y=airp…" in small and "93" not in small  # the class is what counts
    tiny = plain_text(image_lines(on(scene, made_up, record, strip_data(1), glyphs=ASCII), 36, 8))
    assert "0 ok" in tiny


def test_delta_says_how_much_it_is_amplified(scene, made_up, record):
    whole = on(scene, made_up, record, strip_data())
    for size in ((118, 36), (80, 19), (36, 8)):
        assert "delta 3.1× amplified" in plain_text(image_lines(whole, *size))
    unknown = on(scene, made_up, record, strip_data(eps=None))
    assert "delta in units of eps" in plain_text(image_lines(unknown, 118, 36))


def test_the_cursor_picks_the_strip_and_only_the_active_line_counts(scene, made_up, record):
    strips = [strip_data(1, attack=f"attack {i}") for i in (1, 2, 3)]
    assert "attack 3 eps .160" in plain_text(
        image_lines(on(scene, made_up, record, *strips), 80, 19)
    )
    at = on(scene, made_up, record, *strips, view=View(panel="images", cursor=125))
    assert "attack 2" in plain_text(image_lines(at, 80, 19)) and "step 124" in plain_text(
        image_lines(at, 80, 19)
    )
    early = on(scene, made_up, record, *strips, view=View(panel="images", cursor=10))
    assert "no images before the cursor" in plain_text(image_lines(early, 80, 19))
    items = [record("run.start", made_up.run_start())]
    items += [record("probe.images", strip, 62 * i) for i, strip in enumerate(strips, 1)]
    base = {"name": "b1", "parent": "main", "base_step": 62, "ckpt": "main-62"}
    items.append(Record(1, 1, 9, items[0].t, "branch", "b1", 62, base, "trainer"))
    assert "attack 1" in plain_text(image_lines(scene(items), 80, 19))


def test_more_images_than_fit_are_counted_and_scrolled_to(scene, made_up, record):
    strip = strip_data(4)
    first = plain_text(image_lines(on(scene, made_up, record, strip), 118, 36))
    assert "1-2 of 4" in first and "true class 0" in first and "true class 2" not in first
    last = on(scene, made_up, record, strip, view=View(panel="images", scroll=99))
    assert "3-4 of 4" in plain_text(image_lines(last, 118, 36)) and "true class 3" in plain_text(
        image_lines(last, 118, 36)
    )
    everything = plain_text(image_lines(on(scene, made_up, record, strip), 118, 90))
    assert (
        "of 4" not in everything
        and "true class 3" in everything
        and "holds nothing of the image" in everything
    )


def test_eighty_by_twenty_four_shows_four_pictures(scene, made_up, record):
    lines = image_lines(on(scene, made_up, record, strip_data()), 80, 17)
    blocks = [sum(text.count("▀") for text, _ in line) for line in lines]
    assert blocks.count(4 * 18) >= 7 or blocks.count(4 * 14) >= 7


def test_without_256_colours_there_are_characters_instead(scene, made_up, record):
    whole = on(scene, made_up, record, strip_data())
    for name, half in (("256", True), ("ansi", False), ("none", False)):
        text = plain_text(ImagePanel(palette(name)).draw(whole, 80, 19))
        assert ("▀" in text) == half and any(shade in text for shade in "%@") != half, name
    plain = ImagePanel(palette("256")).draw(
        on(scene, made_up, record, strip_data(), glyphs=ASCII), 80, 19
    )
    assert plain_text(plain, ascii=True).isascii()


def test_every_style_of_the_panel_is_known_to_it(scene, made_up, record):
    for shape in (GREY, (3, 32, 32)):
        whole = on(scene, made_up, record, strip_data(shape=shape))
        panel = ImagePanel(palette("256"))
        for line in panel.draw(whole, 118, 36):
            assert to_strip(line, panel._inks, 118).cell_length == 118


def test_an_empty_panel_says_why(scene, made_up, record):
    text = plain_text(image_lines(on(scene, made_up, record), 60, 12))
    assert "no images yet" in text and "selffit ctl strokes-fgsm-7f3a probe" in text
    start = made_up.run_start()
    start["config"]["self_images"] = 0
    off = plain_text(image_lines(scene([record("run.start", start)]), 60, 12))
    assert "probes are off" in off and "--self-images 128" in off
    for strip in (
        strip_data(shape=(1, 9999, 28), rows=[{}]),
        strip_data(shape=(2, 8, 8)),
        strip_data(rows="none"),
    ):
        assert "none that can be drawn" in plain_text(
            image_lines(on(scene, made_up, record, strip), 60, 12)
        )


@pytest.mark.parametrize("glyphs", SETS)
def test_the_panel_fills_every_size_exactly(glyphs, scene, made_up, record):
    strips = {
        shape: strip_data(shape=shape, classes=["宇宙船"] * 5)
        for shape in (GREY, (3, 32, 32), (1, 5, 40))
    }
    for strip in strips.values():
        for coloured in (True, False):
            whole = on(scene, made_up, record, strip, glyphs=SETS[glyphs])
            for width in (0, 1, 7, 9, 20, 31, 36, 44, 60, 80, 118, 200):
                for height in (0, 1, 2, 3, 5, 8, 12, 14, 19, 36, 70):
                    lines = image_lines(whole, width, height, coloured)
                    assert len(lines) == height
                    assert all(
                        sum(cell_len(text) for text, _ in line) == width for line in lines
                    ), (width, height)
