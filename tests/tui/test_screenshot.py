"""A picture of the screen without a terminal."""

import time

import pytest

from selffit.errors import UserError
from selffit.run.in_time import TimedSource
from selffit_tui.app.screenshot import save_screenshot
from selffit_tui.panels.list import PANELS


def test_a_screenshot_shows_the_whole_log(made_up, tmp_path):
    run_dir = tmp_path / "strokes-fgsm-7f3a"
    run_dir.mkdir()
    made_up.write(run_dir, 702)
    save_screenshot(run_dir, tmp_path / "run.svg", "80x24")
    picture = (tmp_path / "run.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert (
        picture.startswith("<svg") and "ONSET at 620" in picture and "strokes-fgsm-7f3a" in picture
    )


def test_a_screenshot_waits_for_a_log_that_is_slow_to_come(made_up, tmp_path, monkeypatch):
    run_dir = tmp_path / "strokes-fgsm-7f3a"
    run_dir.mkdir()
    made_up.write(run_dir, 702)
    poll = TimedSource.poll

    def slow(source, limit=None):
        time.sleep(0.5)
        return poll(source, limit)

    monkeypatch.setattr(TimedSource, "poll", slow)
    save_screenshot(run_dir, tmp_path / "run.svg", "80x24")
    assert "strokes-fgsm-7f3a" in (tmp_path / "run.svg").read_text(encoding="utf-8")
    assert "no probe has looked" not in (tmp_path / "run.svg").read_text(encoding="utf-8")


def test_a_screenshot_can_show_one_panel(made_up, tmp_path):
    run_dir = tmp_path / "strokes-fgsm-7f3a"
    run_dir.mkdir()
    made_up.write(run_dir, 702)
    save_screenshot(run_dir, tmp_path / "run.svg", "80x24", "heat")
    picture = (tmp_path / "run.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert "channels through time" in picture and "accuracy on" not in picture


@pytest.mark.parametrize("panel", PANELS, ids=[panel.name for panel in PANELS])
def test_every_panel_can_be_shown_alone_by_its_name(panel, made_up, tmp_path):
    run_dir = tmp_path / "strokes-fgsm-7f3a"
    run_dir.mkdir()
    made_up.write(run_dir, 702)
    save_screenshot(run_dir, tmp_path / "run.svg", "80x24", panel.name)
    picture = (tmp_path / "run.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert panel.title in picture and "strokes-fgsm-7f3a" in picture


def test_a_panel_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no panel 'heet'; did you mean 'heat'"):
        save_screenshot(tmp_path, tmp_path / "run.svg", panel="heet")


@pytest.mark.parametrize("size", ["", "120", "0x0", "1000x1000", "10x5", "axb"])
def test_an_impossible_size_is_refused(size, tmp_path):
    with pytest.raises(UserError, match="columns x rows"):
        save_screenshot(tmp_path, tmp_path / "run.svg", size)


def test_a_file_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(UserError, match="name a file in a folder that exists"):
        save_screenshot(tmp_path, tmp_path / "missing" / "run.svg")
