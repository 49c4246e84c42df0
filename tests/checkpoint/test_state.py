"""state.json loses nothing, keeps what it does not know, and refuses what is newer."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selffit.checkpoint.errors import Damaged
from selffit.checkpoint.state import CheckpointState
from selffit.errors import UserError

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5).filter(
    lambda key: not key.startswith("$")
)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner)
    ),
    max_leaves=12,
)


def state(**fields: Any) -> CheckpointState:
    return CheckpointState(
        **{"step": 40, "branch": "b1", "attempt": 2, "settings": {}, "version": 3, **fields}
    )


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(KEYS, VALUES))
def test_every_field_comes_back_equal_and_of_the_same_types(values: dict[str, object]) -> None:
    before = state(settings=values, optimizer=values, parts={"detector": values})
    after = CheckpointState.decode(before.encode(), "b1-40")
    # tells 1 from 1.0 and True, -0.0 from 0.0, a tuple from a list
    assert repr(after) == repr(before)


def test_a_diverged_run_keeps_its_infinities_in_valid_json() -> None:
    data = state(parts={"detector": {"loss": math.nan, "bounds": (-math.inf, math.inf)}}).encode()
    json.loads(data, parse_constant=pytest.fail)
    loaded = CheckpointState.decode(data, "b1-40").parts["detector"]
    assert math.isnan(loaded["loss"]) and loaded["bounds"] == (-math.inf, math.inf)


def test_unknown_fields_are_kept_when_encoded_again() -> None:
    fields = json.loads(state().encode()) | {"sampler": {"epoch": 3}, "unknown": 5}
    loaded = CheckpointState.decode(json.dumps(fields).encode(), "b1-40")
    assert loaded.parts == {"sampler": {"epoch": 3}, "unknown": 5}
    assert json.loads(loaded.encode()) == fields


def test_a_newer_format_is_refused_whatever_its_fields_look_like() -> None:
    with pytest.raises(UserError, match=r"b1-40 was written by a newer selffit"):
        CheckpointState.decode(b'{"format": 2, "step": "forty"}', "b1-40")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b'{"step": "x"}',
        b"[" * 10**5,
        b"null",
        state().encode()[:-3],
    ],
)
def test_what_no_trainer_wrote_is_damage(data: bytes) -> None:
    with pytest.raises(Damaged, match="b1-40"):
        CheckpointState.decode(data, "b1-40")


@pytest.mark.parametrize(
    "value", [{1: 2}, {"$float": "nan"}, {"x": object()}, {"x": b"bytes"}, {"x": {1}}]
)
def test_what_json_would_lose_is_a_mistake_of_the_caller(value: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"state\.json"):
        state(settings=value).encode()


def test_the_state_is_immutable() -> None:
    with pytest.raises(AttributeError):
        state().step = 41  # type: ignore[misc]
    assert msgspec.structs.replace(state(), step=41).step == 41
