"""What all tests share: deterministic property tests, and where real data sets lie."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# As in the trainer: threads that spin at barriers make a busy machine ten times slower. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

os.environ.pop("UV_RUN_RECURSION_DEPTH", None)  # texts are the same however the tests were started

# Shared, noisy machines: no deadlines; the same examples every time, so that a failure can be run again.
settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets and recorded traces; skips where SELFFIT_DATA does not name one."""
    folder = Path(os.environ.get("SELFFIT_DATA", ""))
    if not os.environ.get("SELFFIT_DATA") or not folder.is_dir():
        pytest.skip("SELFFIT_DATA does not name a folder with the real data sets")
    return folder
