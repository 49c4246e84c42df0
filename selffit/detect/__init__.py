"""Streaming detector of catastrophic overfitting (CO) over logged numbers: no torch, no numpy."""

from selffit.detect.detector import Detector
from selffit.detect.divergence import Caught, Diverged, DivergenceRule, judge
from selffit.detect.offline import TraceResult, detect_trace
from selffit.detect.robust_rule import RuleThresholds
from selffit.detect.types import ProbePoint, SignalBlock, point_of

__all__ = [
    "Caught",
    "Detector",
    "Diverged",
    "DivergenceRule",
    "ProbePoint",
    "RuleThresholds",
    "SignalBlock",
    "TraceResult",
    "detect_trace",
    "judge",
    "point_of",
]
