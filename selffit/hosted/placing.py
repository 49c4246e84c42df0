"""Rows of printed measures as events of a log, each at its step."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan
from typing import Any

from selffit.data.catalogue import DATA_SETS
from selffit.detect.types import ProbePoint
from selffit.eventlog import kinds
from selffit.exchange.events import CONFIG, block_of, probe_of
from selffit.exchange.recording import Sample
from selffit.exchange.sources.printed import typed
from selffit.lines import ACCURACIES, Row
from selffit.vocabulary import STEP

_ROW = "row"
_PLACELESS = 5  # rows without a place, after which rows are counted


class Placing:
    """Knows what a step of the log stands for, and what the lines have told of the training.

    The unit is that of the first row: optimiser steps where it tells one, else epochs, else rows.
    With the steps of an epoch, epochs are placed at steps. A step that begins anew, as in a new
    epoch, counts on.
    """

    def __init__(self, per_epoch: int, images: int, classes: int, known: Mapping[str, Any]) -> None:
        self._wanted = per_epoch
        self._images = images
        self._classes = classes
        self.settings: dict[str, Any] = dict(known)
        self.unit = ""  # "" before the first row
        self.first = 1  # 0 where the program counts from 0
        self.step = -1  # the newest
        self._offset = 0.0
        self._raw = -1.0
        self._signals_at = -1
        self._placeless = 0

    @property
    def per_epoch(self) -> int:
        """Steps of the log that an epoch has, 0 where that is not known."""
        return self._wanted or (1 if self.unit == "epoch" else 0)

    @property
    def classes(self) -> int:
        """Of the data set, 0 where that is not known."""
        told = self.settings.get("classes")
        known = DATA_SETS.get(str(self.settings.get("data")))
        usual = known.classes if known is not None else 0
        return self._classes or (told if isinstance(told, int) and told > 1 else usual)

    def said(self, settings: Mapping[str, Any]) -> bool:
        """Take in what a line tells of the training; whether that is news."""
        before = dict(self.settings)
        self.settings |= typed(settings)
        return self.settings != before

    def start(self) -> kinds.RunStart:
        """What is known of the training, as the log has it."""
        config = {name: value for name, value in self.settings.items() if name in CONFIG}
        told = config.get("epochs")
        epochs = told if isinstance(told, int | float) and told > 0 else 0
        return kinds.RunStart(
            config=config,
            steps_total=round(epochs * self.per_epoch),
            steps_per_epoch=self.per_epoch,
            device="",
            device_name="",
            torch="",
            params=0,
            layers=(),
            data_set=kinds.ImageSetInfo(name=str(config.get("data", "")), classes=self.classes),
        )

    def events(self, row: Row) -> list[kinds.Event]:
        """The block and the probe that a row is.

        None before the first place: what is printed there tells of settings, or of a network that
        is not trained yet. Where no place comes, rows are counted after a few.
        """
        if not self.unit and row.epoch is None and row.step is None:
            self._placeless += 1
            if self._placeless < _PLACELESS:
                return []
        step = self._place(row)
        signals = {name: row.values[name] for name in STEP if name in row.values}
        sample = Sample(step=step, line=row.line, epoch=self._epoch(row, step), signals=signals)
        found: list[kinds.Event] = []
        new = step > self._signals_at
        if new and (signals or self.unit != "step"):
            self._signals_at = step
            found.append(block_of([sample], self.first, self.unit))
        if any(name in row.values for name in ACCURACIES):
            found.append(probe_of(sample, self._point(row, step)))
        return found

    def _place(self, row: Row) -> int:
        raw = row.step if row.step is not None and self.unit in ("", "step") else None
        unit = "step"
        if raw is None and row.epoch is not None and (self.unit != "step" or self._wanted):
            raw, unit = row.epoch * (self._wanted or 1), "epoch"
        elif raw is None:
            unit = _ROW
            raw = self._raw + 1 if self.unit in ("", _ROW) else self._raw
        if not self.unit:
            # with the steps of an epoch, a step of the log is one of the optimiser
            self.unit = "step" if unit == "epoch" and self._wanted else unit
            self.first = 0 if raw == 0 else 1
        if unit == "step" and raw < self._raw:
            self._offset += self._raw
        self._raw = max(raw, 0.0)
        self.step = max(self.step, round(self._offset + self._raw))
        return self.step

    def _epoch(self, row: Row, step: int) -> float:
        if row.epoch is not None:
            return row.epoch
        return step / self._wanted if self._wanted else nan

    def _point(self, row: Row, step: int) -> ProbePoint:
        clean, fgsm, pgd = (row.values.get(name, nan) for name in ACCURACIES)
        eps = row.values.get("eps", self.settings.get("eps", nan))
        n = row.values.get("n", self.settings.get("images", self._images))
        printed = [row.values[name] for name in ACCURACIES if name in row.values]
        count = int(n) if isinstance(n, int | float) and n > 0 else self._images
        return ProbePoint(
            step,
            clean,
            fgsm,
            pgd,
            count,
            eps=float(eps) if isinstance(eps, int | float) else nan,
            nonfinite=count if any(map(isnan, printed)) else 0,
        )
