"""selffit, headless: fast adversarial training, its probes, the detector and the event log."""

__version__ = "0.2.0"
