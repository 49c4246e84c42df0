"""What a checkpoint consists of, and the proof of it: ids, file names, and manifest.json.

That is one line of JSON with a hash of each file. It ends in `,"sha256":"<64 hex>"}` and a
newline, where the hash covers all bytes before the comma: a changed byte anywhere in the manifest
is seen too. The hashes tell damage and half-written files from whole ones; they are no signature,
and stop nobody who may write to the folder and recompute them.
"""

import re
from hashlib import sha256
from typing import Annotated

import msgspec

from selffit.checkpoint.errors import Damaged
from selffit.errors import UserError

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MODEL, OPTIMIZER, STATE = "model.safetensors", "optim.safetensors", "state.json"
MANIFEST_LIMIT = 1 << 20  # bytes: more than any manifest of ours, little enough to read whole

_ID = re.compile(r"(main|b[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,15})")
# no slash, no leading dot: never a path, never hidden
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


def parse_id(id: str) -> tuple[str, int]:
    """Branch and step of a checkpoint id, `<branch>-<step>`. Raises UserError where it is none."""
    found = _ID.fullmatch(id)
    if found is None:
        raise UserError(f"'{id[:80]}' is no checkpoint; ids look like main-1200 or b1-1500")
    return found[1], int(found[2])


def is_id(name: str) -> bool:
    """Whether a name is a checkpoint id."""
    return _ID.fullmatch(name) is not None


def is_file_name(name: str) -> bool:
    """Whether a checkpoint may hold a file of this name beside its manifest."""
    return name != MANIFEST and _FILE.fullmatch(name) is not None


class Entry(msgspec.Struct, frozen=True):
    """One file: its size in bytes and the SHA-256 of its content."""

    size: Count
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Manifest(msgspec.Struct, frozen=True):
    """What was written, by which attempt, when (`t`, wall clock, seconds).

    base: the checkpoint that this one's branch started from, None on `main`.
    run: id of the run, "" from before there were ids.
    """

    format: Count
    id: str
    branch: str
    step: Count
    attempt: Count
    t: float
    base: str | None
    files: dict[str, Entry]
    run: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{12})?$")] = ""

    @property
    def size(self) -> int:
        """Size of all files but the manifest itself."""
        return sum(entry.size for entry in self.files.values())

    def encode(self) -> bytes:
        """The content of manifest.json."""
        body = msgspec.json.encode(self)[:-1]
        return body + _ending(body)


class _Format(msgspec.Struct):
    format: int


def decode(id: str, data: bytes) -> Manifest:
    """The manifest of checkpoint `id`. Raises Damaged, or UserError for one of a newer selffit."""
    size = len(_ending(b""))
    if data[-size:] != _ending(data[:-size]):
        raise Damaged(id, "the manifest is cut off or changed")
    try:
        newer = msgspec.json.decode(data, type=_Format).format > FORMAT_VERSION
        if newer:
            raise UserError(
                f"checkpoint {id} was written by a newer selffit; update selffit to use it"
            )
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise Damaged(id, f"the manifest cannot be read: {fault}") from fault
    if (manifest.id, f"{manifest.branch}-{manifest.step}") != (id, id):
        raise Damaged(id, f"the manifest is that of {manifest.id[:80]}")
    if not all(map(is_file_name, manifest.files)):
        raise Damaged(id, "the manifest lists a name that no file of a checkpoint has")
    return manifest


def _ending(body: bytes) -> bytes:
    return b',"sha256":"' + sha256(body).hexdigest().encode() + b'"}\n'
