"""Names the disease of an onset from the probes that follow it: the same live and over a log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selffit.detect.selffitting import PATIENCE, Tracker, Verdict, of_probe, too_early
from selffit.detect.signs import Sign, of_channels
from selffit.detect.streak import lasted
from selffit.eventlog import kinds

MASKING = "gradient masking"
UNDECIDED = "undecided"


class Diagnoser:
    """Hears of every self-information probe and causal check, in their order, and of onsets.

    chance: 1 / classes. per_epoch: steps of an epoch, 0 where it is not known
    (`selffit.detect.streak`). At most one onset is open at a time.
    """

    def __init__(self, chance: float, per_epoch: int = 0) -> None:
        self._chance = chance
        self._per_epoch = per_epoch
        self.tracker = Tracker()
        self.onset: int | None = None  # step of the onset that is open
        self._told: dict[str, Any] = {}  # of the newest diagnosis of that onset
        self._signs: set[str] = set()  # of self-fitting that were told of since the onset
        # probes since the onset that rule out self-fitting, with none between that shows a sign of
        # it, and the first of them
        self._absent = 0
        self._absent_since = 0
        # what the causal check of that onset said, and the newest probe for it to stand beside
        self._channels: Sign | None = None
        self._probe: kinds.SelfProbe | None = None

    def measured(self, probe: kinds.SelfProbe) -> None:
        """Take a probe, before anybody asks what it says of an onset."""
        self.tracker.add(probe.step, self._verdict(probe))

    def opened(self, onset: kinds.Alert, probe: kinds.SelfProbe | None) -> str:
        """An onset begins; the disease as `probe`, of its step, has it. "" without a probe."""
        self.onset = onset.about
        self._told = {}
        self._signs = set()
        self._absent = 0
        self._channels = None
        self._probe = None
        if probe is None:
            return ""
        absent = int(self._verdict(probe).disease == MASKING)
        return self._settled(probe, absent, probe.step).disease

    def diagnose(
        self, probe: kinds.SelfProbe | None, *, back: bool = False
    ) -> kinds.Diagnosis | None:
        """What to tell of the open onset after a probe: first and whenever it becomes clearer.

        back: robust accuracy is back at this step (`Detector.is_back`). Then the absence of every
        sign says nothing of what made it fall.
        """
        if self.onset is None or probe is None:
            return None
        if back and not self._verdict(probe).clear:
            return None
        # a full set may follow the light one of the same step: that is no second look
        again = self._probe is not None and self._probe.at[:2] == probe.at[:2]
        verdict = self._verdict(probe)
        if verdict.clear:
            self._absent = 0
        elif verdict.disease == MASKING and not (again and self._absent):
            self._absent_since = self._absent_since if self._absent else probe.step
            self._absent += 1
        # a sign that is neither clear nor ruled out says nothing: whoever looks more often meets
        # more of those, and the answer has to be the same
        self._probe = probe
        return self._tell(probe)

    def checked(self, causal: kinds.CausalProbe) -> kinds.Diagnosis | None:
        """Take a causal check; it may make the diagnosis of its step clearer."""
        if self.onset is None:
            return None
        self._channels = of_channels(causal)
        probe = self._probe
        if probe is None or (probe.branch, probe.step) != (causal.branch, causal.step):
            return None
        self.tracker.add(probe.step, self._verdict(probe))
        return self._tell(probe)

    def closed(self) -> None:
        """The onset is over: recovered."""
        self.onset = None

    def _verdict(self, probe: kinds.SelfProbe) -> Verdict:
        return of_probe(probe, self._chance, self._channels)

    def _settled(self, probe: kinds.SelfProbe, absent: int, since: int) -> Verdict:
        """The verdict after so many probes since the onset that rule out self-fitting."""
        verdict = self._verdict(probe)
        enough = lasted(absent, since, probe.step, PATIENCE, self._per_epoch)
        return verdict if enough or verdict.disease != MASKING else too_early(verdict)

    def _tell(self, probe: kinds.SelfProbe) -> kinds.Diagnosis | None:
        verdict = self._settled(probe, self._absent, self._absent_since)
        told = self.tracker.diagnosis(verdict, probe, self.onset)
        now = {"disease": told.disease, "index_step": told.index_step}
        if verdict.disease == UNDECIDED and self._told.get("disease", UNDECIDED) != UNDECIDED:
            return None  # what was named once is not taken back for one probe
        clearer = verdict.disease != UNDECIDED and now != self._told
        if self._told and not clearer and set(told.signs) <= self._signs:
            return None
        self._told = now
        self._signs |= set(told.signs)
        return told

    def state(self) -> dict[str, Any]:
        """Everything that later diagnoses depend on, as plain JSON values."""
        return {
            "onset": self.onset,
            "told": self._told,
            "absent": self._absent,
            "absent_since": self._absent_since,
            "signs": sorted(self._signs),
            "channels": None if self._channels is None else list(self._channels),
            "tracker": self.tracker.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken; an empty state begins anew."""
        self.onset = state.get("onset")
        self._told = dict(state.get("told", {}))
        self._absent = state.get("absent", 0)
        self._absent_since = state.get("absent_since", 0)
        self._signs = set(state.get("signs", ()))
        channels = state.get("channels")
        self._channels = None if channels is None else Sign(*channels)
        self._probe = None
        self.tracker = Tracker()
        if "tracker" in state:
            self.tracker.restore(state["tracker"])
