"""What is usual of the signals: the detector's bands, up to where something was found."""

import numpy as np
import pytest

from selffit.detect.signal_bands import SignalBands
from selffit.detect.types import SignalBlock
from selffit.run.folded.rising import Runs
from selffit_tui.model.series import Signals
from selffit_tui.model.usual import REACH, WATCHED, UsualBands, calm_until


def made(number):
    """Signals of so many steps: little noise around a level each."""
    rng = np.random.default_rng(1)
    levels = {"abnormal": (0.02, 0.005), "pertalign": (0.8, 0.02)}
    signals = Signals()
    values = [
        level + noise * rng.standard_normal(number)
        for level, noise in (levels.get(name, (0.5, 0.01)) for name in signals.names)
    ]
    steps = Runs()
    steps.add(0, number)
    signals.of((steps.upto(number), np.array(values)))
    signals.add(0, number)
    return signals


def test_the_edges_are_those_of_the_detector():
    signals, bands = made(400), SignalBands()
    block = SignalBlock(0, **{name: signals.column(name).tolist() for name in WATCHED})
    for index in range(400):
        bands.update(block, index)
    found = UsualBands().upto(signals, 399)
    assert found["abnormal"].edge == pytest.approx(bands.bands["abnormal"].edge)
    assert found["abnormal"].out(0.3) and not found["abnormal"].out(0.03)
    assert found["pertalign"].out(0.1) and not found["pertalign"].out(0.75)


def test_before_the_bands_are_warm_nothing_is_usual():
    assert not UsualBands().upto(made(50), 49)


def test_going_on_gives_what_reading_at_once_gives():
    signals, slowly = made(600), UsualBands()
    for step in (150, 300, 599):
        found = slowly.upto(signals, step)
    assert found == UsualBands().upto(signals, 599)


def test_a_long_run_is_not_read_from_its_beginning():
    signals = made(5 * REACH)
    near = UsualBands().upto(signals, 5 * REACH)
    whole = SignalBands()
    for value in signals.column("abnormal").tolist():
        whole.bands["abnormal"].update(value)
    assert near["abnormal"].edge == pytest.approx(whole.bands["abnormal"].edge, abs=1e-3)


def test_once_something_stands_the_band_is_that_of_before(made_up, scene):
    whole = scene(made_up.records(702))
    assert calm_until(whole.state, whole.stands, whole.line) == 580  # when a signal moved first
    assert whole.usual["abnormal"].edge < 0.2
    healthy = scene(made_up.records(300))
    assert calm_until(healthy.state, healthy.stands, healthy.line) == healthy.state.step
