"""Blocks that last are logged in pieces, and the detector sees whole ones all the same."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from selffit.eventlog import kinds
from selffit.eventlog.writer import EventWriter


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step lasts longer than a piece may."""
    monkeypatch.setattr("selffit.train.blocks.SEND_SECONDS", 0.0)


def show(shown: list[tuple[int, list[float]]], run: Any) -> None:
    """Note what the detector sees from now on: first step and losses of each block."""
    monitor = run.session.monitor
    signals = monitor.signals

    def watch(step: int, columns: Any) -> None:
        shown.append((step, list(columns["loss_adv"])))
        signals(step, columns)

    monitor.signals = watch


def test_slow_steps_are_logged_as_they_come(start: Callable[..., Any], slow: None) -> None:
    run = start(block_steps=4).go()
    blocks = run.of("steps")
    assert [(step, data["n"]) for step, data in blocks] == [(step, 1) for step in range(10)]


def test_the_detector_sees_the_same_blocks_however_slow_steps_are(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[tuple[int, list[float]]] = []
    found: list[tuple[int, list[float]]] = []
    for shown, limit in ((whole, 1e9), (found, 0.0)):
        monkeypatch.setattr("selffit.train.blocks.SEND_SECONDS", limit)
        start(block_steps=4).go(at={0: partial(show, shown)})
    assert found == whole and [step for step, _ in whole] == [0, 4, 5, 9]


def test_a_piece_that_is_still_computed_is_waited_for_by_nobody(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, slow: None
) -> None:
    """As on a GPU, where the host is ahead of the device."""
    run = start(block_steps=4)
    arrived: list[bool] = []

    def look(run: Any) -> None:
        signals = run.session.blocks._signals
        monkeypatch.setattr(type(signals), "arrived_blocks", lambda self: [])
        monkeypatch.setattr(type(signals), "late", property(lambda self: 1))
        arrived.append(True)

    run.go(at={0: look})
    assert arrived and sum(data["n"] for _, data in run.of("steps")) == 10
    state = run.of(kinds.Steps.KIND.name)
    assert [step for step, _ in state] == list(range(10))


def test_a_log_on_a_slow_disk_does_not_hold_training(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A critical event waits for the disk where training depends on it; a checkpoint does not."""
    sync = "selffit.eventlog.disk.Disk.sync"
    waits: list[str] = []

    def slowly(run: Any) -> None:
        monkeypatch.setattr(sync, lambda disk, fd: time.sleep(0.4))
        wait_for = EventWriter._wait_for

        def noted(writer: EventWriter, line: Any) -> bool:
            waits.append(line.kind)
            return wait_for(writer, line)

        monkeypatch.setattr(EventWriter, "_wait_for", noted)

    run = start(block_steps=5, checkpoint_every=2, keep=2)
    run.go(at={1: slowly})
    assert [step for step, _ in run.of("ckpt.saved")] == [2, 4, 6, 8, 10]
    assert not waits
    assert {data["id"] for _, data in run.of("ckpt.pruned")} >= {"main-2", "main-4"}
