"""What a file is; nothing in it is run, and nothing in it can hold up the reader."""

import gzip
import io
import os
import pickle
import subprocess
import tarfile
import zipfile
from typing import Any

import pytest
import torch
from made_up import foreign as package
from made_up.foreign import prefixed, theirs
from safetensors.torch import save_file

from selffit.analysis.foreign import read_state_dict
from selffit.errors import UserError

STATE = {name: value.contiguous() for name, value in theirs("resnet18").items()}


def tar() -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.pth"))
    return whole.getvalue()


def archive(content: bytes, how: int = zipfile.ZIP_STORED, name: str = "a/data.pkl") -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", how) as packed:
        packed.writestr(name, content)
        packed.writestr("a/version", "3\n")
    return whole.getvalue()


TWICE = b"".join(b"q%ch%c\x86" % (n, n) for n in range(60))  # a pair of the thing before, twice
STRANGE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "text": (b"epoch,acc\n1,0.5\n", "is a text file"),
    "web page": (b"<!DOCTYPE html><html>", "is a web page"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
    "shards": (b'{"metadata": {}, "weight_map": {"a": "b"}}', "index of a checkpoint in shards"),
    "gzip": (gzip.compress(b"x"), r"compressed \(gzip\)"),
    "tar": (tar(), "is a tar archive"),
    "zip": (archive(b"", name="a/model.pth"), "zip archive without"),
    "TorchScript": (archive(b"", name="a/constants.pkl"), "TorchScript archive"),
    "NumPy": (b"\x93NUMPY\x01\x00", "a NumPy array"),
    "plain pickle": (pickle.dumps({"w": 1}), "torch.save did not write"),
    "noise": (bytes(range(256)) * 4, "neither a PyTorch nor a safetensors file"),
    "zeros": (bytes(1000), "neither a PyTorch nor a safetensors file"),
    "cut zip": (b"PK\x03\x04abc", "is it whole"),
    "cut pickle": (archive(b"\x80\x02}q"), "is it whole"),
    "zip bomb": (archive(bytes(10**6), zipfile.ZIP_DEFLATED), "unpacks to"),
    "tuples twice in each other": (archive(b"\x80\x02}N" + TWICE + b"Ns."), "without end"),
    "tuples in tuples": (archive(b"\x80\x02})" + b"\x85" * 200_000 + b"Ns."), "without end"),
    "lists in lists": (archive(b"\x80\x02" + b"]" * 10**4 + b"a" * (10**4 - 1) + b"."), "no state"),
    "safetensors, cut": (b"\x0a\0\0\0\0\0\0\0{" + b" " * 40, "damaged safetensors"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_checkpoint_is_named(tmp_path, kind):
    content, said = STRANGE[kind]
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_state_dict(path)


def test_places_that_are_no_files_are_named(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        read_state_dict(tmp_path / "none.pt")
    with pytest.raises(UserError, match="is a folder; give the file in it"):
        read_state_dict(tmp_path)
    (tmp_path / "model.safetensors.index.json").touch()
    with pytest.raises(UserError, match=r"in shards \(model\.safetensors\.index\.json\)"):
        read_state_dict(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="a pipe or a device"):
        read_state_dict(tmp_path / "pipe")
    for name in ("a\0b", "a" * 5000):
        with pytest.raises(UserError, match="cannot read"):
            read_state_dict(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    path = tmp_path / "model.pth"
    torch.save(STATE, path)
    path.chmod(0)
    with pytest.raises(UserError, match=r"cannot read .* Permission denied"):
        read_state_dict(path)


def test_a_file_larger_than_the_memory_is_refused_unread(tmp_path):
    path = tmp_path / "model.pth"
    with path.open("wb") as file:
        file.write(b"\x80\x02")
        file.truncate(1 << 42)
    with pytest.raises(UserError, match="of memory are free"):
        read_state_dict(path)


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    path = tmp_path / "model.pth"
    torch.save(STATE, path)
    whole = path.read_bytes()
    for size in (2000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match="is it whole"):
            read_state_dict(path)


def test_safetensors_are_told_by_their_content(tmp_path):
    path = tmp_path / "model.bin"
    save_file(prefixed("model.", STATE), path)
    found = read_state_dict(path)
    assert found.keys() == STATE.keys()
    assert torch.equal(found["linear.weight"], STATE["linear.weight"])


class Bomb:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("function", [os.mkdir, eval, subprocess.Popen, open])
def test_code_in_a_file_is_refused_by_name_and_never_run(tmp_path, function, old):
    trap, path = tmp_path / "trap", tmp_path / "bomb.pt"
    arguments: dict[Any, tuple[Any, ...]] = {
        os.mkdir: (str(trap),),
        eval: (f"__import__('os').mkdir({str(trap)!r})",),
        subprocess.Popen: (["mkdir", str(trap)],),
        open: (str(trap), "w"),
    }
    content = {"state_dict": STATE, "extra": Bomb(function, *arguments[function])}
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    with pytest.raises(UserError, match=rf"would call \w+\.{function.__name__}.* refused"):
        read_state_dict(path)
    assert not trap.exists()


def test_a_function_of_another_package_is_not_called(tmp_path, monkeypatch):
    path = tmp_path / "their.pt"
    torch.save({"state_dict": STATE, "extra": Bomb(package.theirs, "resnet18")}, path)
    called: list[str] = []
    monkeypatch.setattr(package, "theirs", called.append)
    assert read_state_dict(path).keys() == STATE.keys()
    assert called == []
