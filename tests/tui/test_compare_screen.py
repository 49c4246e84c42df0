"""The Compare screen as people use it: keys in, pictures out."""

import json

import pytest
from made_up.browsing import SIZES, compare_app, drive, until

from selffit_tui.model.compare.scene import CompareView


@pytest.mark.parametrize("size", SIZES)
def test_snapshot_of_a_comparison(size, root, shown, snapshot):
    async def look(app, pilot):
        snapshot(f"compare-{size}", shown(app))

    drive(compare_app(root, "fallen", "healthy"), look, SIZES[size])


def test_snapshot_of_branches_by_several_measures_in_ascii(root, shown, snapshot):
    async def look(app, pilot):
        text = shown(app)
        assert text.isascii()
        snapshot("compare-branches-ascii", text)

    view = CompareView(branches=True, multiples=True, table="chart")
    drive(compare_app(root, "rescued", view=view, glyphs="ascii"), look, (120, 40))


def test_the_choices_of_a_comparison(root, shown):
    async def steps(app, pilot):
        screen = app.screen
        assert "PGD by step" in shown(app)
        await pilot.press("m", "a")
        assert "FGSM by epoch" in shown(app)
        await pilot.press("a")
        assert "by onset" in shown(app) and "not drawn (no onset): B" in shown(app)
        await pilot.press("a", "left", "left")
        assert screen.view.cursor is not None and "A ." in shown(app)
        await pilot.press("plus", "plus")
        assert "zoom 4" in shown(app)
        await pilot.press("v")
        assert "several measures" in shown(app) and "training loss" in shown(app)
        await pilot.press("d")
        assert screen.view.table == "table" and "the settings of all lines" in shown(app)
        await pilot.press("d", "d", "b")
        assert "none of these runs has a second branch" in shown(app)
        await pilot.press("escape", "escape")
        assert screen.view.cursor is None

    drive(compare_app(root, "fallen", "healthy"), steps, (120, 50))


def test_what_is_seen_can_be_written(root, shown, tmp_path):
    async def steps(app, pilot):
        for kind in ("csv", "json", "svg"):
            await pilot.press("w")
            await pilot.press("ctrl+u", *f"seen.{kind}", "enter")
            await until(pilot, lambda kind=kind: f"wrote seen.{kind}" in shown(app))
        await pilot.press("w", "ctrl+u", *"seen.txt")
        assert "has to end in .csv, .json or .svg" in shown(app)
        await pilot.press("enter")
        assert not (tmp_path / "seen.txt").exists()

    drive(compare_app(root, "fallen", "healthy"), steps)
    assert (tmp_path / "seen.csv").read_text().startswith("line,run,branch,measure")
    assert [one["line"] for one in json.loads((tmp_path / "seen.json").read_text())["lines"]] == [
        "A",
        "B",
    ]
    assert (tmp_path / "seen.svg").read_text().startswith("<svg")
