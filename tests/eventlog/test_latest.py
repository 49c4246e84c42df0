"""A mapping of which every version stays what it was."""

from hypothesis import given
from hypothesis import strategies as st

from selffit.eventlog.latest import Latest


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc"), st.integers())))
def test_every_version_is_as_a_copied_dict(changes: list[tuple[int, str, int]]) -> None:
    """Each change goes on from any version so far."""
    versions: list[Latest[str, int]] = [Latest()]
    copies: list[dict[str, int]] = [{}]
    for back, key, value in changes:
        base = max(0, len(versions) - 1 - back)
        versions.append(versions[base].with_value(key, value))
        copies.append({**copies[base], key: value})
    for version, copy in zip(versions, copies, strict=True):
        assert version == copy and copy == version
        assert list(version) == list(copy) and len(version) == len(copy)
        assert ("a" in version, version.get("b")) == ("a" in copy, copy.get("b"))
