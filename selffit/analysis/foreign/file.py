"""What a file is, told by its content, and what is in it: tensors and plain data only.

PyTorch files are read by torch's weights-only reader. Objects of other packages that lie beside the
tensors (an argparse.Namespace, a NumPy number, a configuration) become `Absent`: a placeholder that
knows its name and does nothing. Names of the standard library that are no plain data are how a
pickle runs commands; such a file is refused.
"""

import json
import pickle
import stat
import sys
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from selffit import numbers
from selffit.analysis.foreign.opcodes import DAMAGE, operations, spellings, today
from selffit.errors import UserError
from selffit.eventlog.clean import clean

SAVE = "save model.state_dict() where the network is at home, and give that file"

# what starts like this is something else; at 257 a tar archive has its mark
_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
}
_OTHERS = {
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file (Keras)",
}
_LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, 2)  # how torch.save began before version 1.6
_LEGACY_PARTS = 4  # pickles before the numbers: magic, version, system, content
_MOST_PICKLE = 64 << 20  # bytes; that of a state dict has a few hundred for each tensor
_PLAIN = {
    *(f"builtins.{name}" for name in ("bool", "dict", "float", "frozenset", "int", "list")),
    *(f"builtins.{name}" for name in ("object", "range", "slice", "str", "tuple")),
    "argparse.Namespace",
    "types.SimpleNamespace",
    "collections.defaultdict",
    "collections.deque",
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "decimal.Decimal",
    "fractions.Fraction",
    "uuid.UUID",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "pathlib.PureWindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
}


class Absent:
    """Stands for an object whose class is not loaded; `what` is the name of that class."""

    what = ""

    def __new__(cls, *args: Any, **named: Any) -> "Absent":
        """Anything can be given, nothing is done with it."""
        return super().__new__(cls)

    def __init__(self, *args: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __hash__(self) -> int:
        return id(self)


class _AsMapping:
    """The same for classes that are filled like a dict: an empty dict in their place."""

    def __new__(cls, *args: Any, **named: Any) -> Any:
        return OrderedDict()


def load(path: Path) -> Any:
    """The content of a PyTorch or safetensors file, its tensors on the CPU.

    Raises UserError for anything else, and for what cannot be read without running code.
    """
    shown = clean(str(path))
    try:
        size = _size(path, shown)
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError:
        raise UserError(f"there is no file {shown}; check the path") from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise UserError(f"cannot read {shown}: {clean(reason)}; check the path") from error
    if _is_safetensors(head, size):
        _check_memory(shown, size)
        return _safetensors(path, shown)
    _check_kind(head, shown)
    _check_memory(shown, size)
    try:
        return _torch(path, head, size, shown)
    except MemoryError:
        raise UserError(f"{shown} needs more memory than there is here") from None
    except OSError as error:
        raise UserError(f"cannot read {shown}: {error.strerror or error}") from error


def _size(path: Path, shown: str) -> int:
    """In bytes. Raises UserError for what is no file with something in it, OSError."""
    about = path.stat()
    if stat.S_ISDIR(about.st_mode):
        shards = sorted(p.name for p in path.iterdir() if p.name.endswith(".index.json"))
        if shards:
            raise UserError(
                f"{shown} is a folder with a checkpoint in shards ({clean(shards[0])}), which is "
                f"not read; {SAVE}"
            )
        raise UserError(f"{shown} is a folder; give the file in it that holds the state dict")
    if not stat.S_ISREG(about.st_mode):
        raise UserError(f"{shown} is no file but a pipe or a device; give a file")
    if about.st_size == 0:
        raise UserError(f"{shown} is empty; was it copied to the end?")
    return about.st_size


def _check_memory(shown: str, size: int) -> None:
    free = psutil.virtual_memory().available
    if size > free:
        raise UserError(
            f"{shown} has {numbers.size(size)}, and {numbers.size(free)} of memory are free; "
            "save the network's state dict alone"
        )


def _check_kind(head: bytes, shown: str) -> None:
    """Raises UserError where the first bytes say that it is something else."""
    for mark, form in _ARCHIVES.items():
        if head.startswith(mark):
            raise UserError(f"{shown} is compressed ({form}); unpack it, and give what was in it")
    if head[257:262] == b"ustar":
        raise UserError(f"{shown} is a tar archive; unpack it, and give the file in it")
    for mark, what in _OTHERS.items():
        if head.startswith(mark):
            raise UserError(f"{shown} is {what}; {SAVE}")
    if head.startswith(b"version https://git-lfs"):
        raise UserError(
            f"{shown} is only the pointer that git-lfs left in place of a large file; fetch that "
            "with 'git lfs pull'"
        )
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\x80")):
        return
    text = _text(head)
    if text:
        what = "a web page" if text.lower().startswith(("<!doctype", "<html")) else "a text file"
        if text.startswith("{") and b"weight_map" in head:
            what = "the index of a checkpoint in shards, which does not hold the tensors"
        raise UserError(
            f"{shown} is {what} (it begins with '{clean(text[:40])}'), no PyTorch file; {SAVE}"
        )
    raise UserError(f"{shown} is neither a PyTorch nor a safetensors file; {SAVE}")


def _text(head: bytes) -> str:
    """The beginning of a text, "" where it is none."""
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < 512 else "ignore").lstrip()
    except UnicodeDecodeError:
        return ""
    return text if text and all(c.isprintable() or c.isspace() for c in text) else ""


# ---- safetensors ---------------------------------------------------------------------------------
def _is_safetensors(head: bytes, size: int) -> bool:
    """Eight bytes say how long the JSON is that follows."""
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and length + 8 <= size


def _safetensors(path: Path, shown: str) -> Any:
    try:
        return load_file(path, device="cpu")
    except (SafetensorError, json.JSONDecodeError, ValueError, RuntimeError) as error:
        raise UserError(f"{shown} is a damaged safetensors file ({_line(error)})") from error


# ---- PyTorch -------------------------------------------------------------------------------------
def _torch(path: Path, head: bytes, size: int, shown: str) -> Any:
    absent = [Absent, _AsMapping]
    try:
        names = set(_foreign_classes(path, head, size, shown))
    except (pickle.PickleError, zipfile.BadZipFile, *DAMAGE) as error:
        raise UserError(
            f"{shown} cannot be read as a PyTorch file ({_line(error)}); is it whole?"
        ) from error
    if code := sorted(name for name in names if _runs_code(name)):
        raise UserError(
            f"{shown} is no pickle of tensors alone: loading it would call "
            f"{clean(code[0])}, code that it brings along, so it is refused; {SAVE}"
        )
    while True:
        base = absent.pop(0)
        known = [
            (type("Absent", (base,), {"what": name}), spelt)
            for name in names
            for spelt in spellings(name)
        ]
        try:
            # torch warns of formats that it refuses a moment later
            with (
                warnings.catch_warnings(action="ignore"),
                torch.serialization.safe_globals(known),  # type: ignore[arg-type]
                path.open("rb") as file,
            ):
                return torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            if absent and "Can only" in str(error):
                continue  # one of the classes is filled like a dict
            if any(name.startswith("torch.nn.modules.") for name in names):
                raise UserError(f"{shown} holds a whole pickled network; {SAVE}") from error
            raise UserError(
                f"{shown} is no pickle of tensors alone: loading it could run code that it brings "
                f"along, so it is refused; {SAVE}"
            ) from error
        # torch raises what it likes for a damaged file: RuntimeError, EOFError, KeyError …
        except (MemoryError, OSError):
            raise
        except Exception as error:
            raise UserError(
                f"{shown} cannot be read as a PyTorch file ({_line(error)}); is it whole?"
            ) from error


def _foreign_classes(path: Path, head: bytes, size: int, shown: str) -> Iterator[str]:
    """The names in its pickles that torch's reader would not know: "package.module.name".

    Nothing is loaded: the pickle is taken apart. Raises UserError for archives of another kind.
    """
    with path.open("rb") as file:
        if head.startswith(b"PK"):
            yield from _globals(_pickle_of_zip(file, size, shown))
        elif head.startswith(_LEGACY):
            for _ in range(_LEGACY_PARTS):
                yield from _globals(file)
        else:
            raise UserError(
                f"{shown} is a pickle that torch.save did not write: loading it could run code "
                f"that it brings along, so it is refused; {SAVE}"
            )


def _pickle_of_zip(file: IO[bytes], size: int, shown: str) -> IO[bytes]:
    """The pickle inside torch's zip archive. Raises UserError, BadZipFile."""
    archive = zipfile.ZipFile(file)
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise UserError(
            f"{shown} is a TorchScript archive, which brings its code along, so it is refused; "
            f"{SAVE}"
        )
    found = next((e for e in entries if e.filename.split("/", 1)[-1] == "data.pkl"), None)
    if found is None:
        raise UserError(
            f"{shown} is a zip archive without a PyTorch file's data.pkl; unpack it, and give the "
            "file in it"
        )
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    whole = sum(entry.file_size for entry in entries)
    if packed or whole > size or found.file_size > _MOST_PICKLE:
        raise UserError(
            f"{shown} has {numbers.size(size)} and unpacks to {numbers.size(whole)}; torch.save "
            f"does not write such archives, so it is refused; {SAVE}"
        )
    return archive.open(found)


def _globals(pickled: IO[bytes]) -> Iterator[str]:
    """The classes and functions that one pickle names, but for those of torch's own reader.

    Raises UserError for tuples that could not be hashed in any time.
    """
    for op, argument in operations(pickled):
        if op != "GLOBAL":
            continue
        module, name = today(*argument.split(" ", 1))
        if module == "torch" or module.startswith("torch."):
            if not module.startswith(("torch.nn.", "torch.optim")) or module == _PARAMETER:
                continue
        elif f"{module}.{name}" in _TORCH_KNOWS:
            continue
        yield f"{module}.{name}"


_PARAMETER = "torch.nn.parameter"
_TORCH_KNOWS = {
    "collections.OrderedDict",
    "collections.Counter",
    "_codecs.encode",
    "builtins.bytearray",
    "builtins.set",
    "builtins.complex",
}


def _runs_code(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names and name not in _PLAIN


def _line(error: Exception) -> str:
    return clean((str(error).strip().splitlines() or [type(error).__name__])[0])[:160]
