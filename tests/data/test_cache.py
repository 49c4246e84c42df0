"""Decoded sets in the user's cache directory: the same images, made anew when of no use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from made_up.idx import write_idx

from selffit.config import RunConfig
from selffit.data import load, load_set, read_ahead, torchvision_sets
from selffit.data.cache import Cached


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of MNIST, and a cache directory of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_idx(tmp_path / "data" / "MNIST" / "raw")
    return tmp_path / "data"


@pytest.fixture
def decoded(monkeypatch):
    """How often torchvision has read a set."""
    read, times = torchvision_sets.load_training_split, []

    def counted(*args):
        times.append(args)
        return read(*args)

    monkeypatch.setattr(torchvision_sets, "load_training_split", counted)
    return times


def images(folder):
    found = load_set("mnist", data_dir=str(folder), holdout=50)
    return found.train_x, found.train_y, found.held_x, found.held_y


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def cached(folder) -> Path:
    [file] = (folder.parent / "cache" / "selffit" / "images").iterdir()
    return file


def test_a_set_is_decoded_once_and_mapped_from_then_on(folder, decoded):
    first, second = images(folder), images(folder)
    assert same(first, second) and len(decoded) == 1
    assert cached(folder).stat().st_mode & 0o077 == 0


def cut(file):
    file.write_bytes(file.read_bytes()[:-1])


def flip(file):
    whole = bytearray(file.read_bytes())
    whole[-5000] ^= 1
    file.write_bytes(whole)


def empty(file):
    file.write_bytes(b"")


def garble(file):
    file.write_bytes(b'{"form": 1, "prints": [], "shape": [1, 1, 1, -1], "crc": 0}\n')


@pytest.mark.parametrize("harm", [cut, flip, empty, garble, os.unlink])
def test_a_damaged_file_is_made_anew(folder, decoded, harm):
    first = images(folder)
    harm(cached(folder))
    assert same(first, images(folder)) and len(decoded) == 2
    assert same(first, images(folder)) and len(decoded) == 2


def test_originals_that_have_changed_are_decoded_again(folder, decoded):
    images(folder)
    file = folder / "MNIST" / "raw" / "train-images-idx3-ubyte"
    whole = bytearray(file.read_bytes())
    whole[16:] = bytes(255 - pixel for pixel in whole[16:])
    file.write_bytes(whole)
    os.utime(file, ns=(1, 1))
    train, *_ = images(folder)
    assert len(decoded) == 2 and (train[:, 0, 0, 0] > 50).all()


def test_a_cache_that_cannot_be_written_is_done_without(folder, decoded):
    (folder.parent / "cache").write_text("a file is in the way")
    assert same(images(folder), images(folder)) and len(decoded) == 2


def test_what_is_read_ahead_is_what_would_be_loaded(folder, decoded):
    mnist = RunConfig(data="mnist", data_dir=str(folder), holdout=50)
    assert read_ahead(mnist).result() is None  # torchvision has to decode it
    images(folder)
    for config in (mnist, RunConfig(holdout=50, train_images=100)):
        ahead = read_ahead(config)
        assert ahead.result() is not None
        ours, theirs = load(config, "cpu", ahead), load(config, "cpu")
        assert torch.equal(ours.train_x, theirs.train_x) and torch.equal(ours.held_y, theirs.held_y)
    assert read_ahead(RunConfig(data="mnist", data_dir=str(folder), holdout=500)).result() is None


def test_the_cache_and_the_embedded_sets_load_no_torch():
    code = "import sys, selffit.data.cache, selffit.data.order, selffit.data.patterns, "
    code += "selffit.data.strokes; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_is_kept_of_a_set_that_is_not_there(folder):
    assert Cached("cifar10", str(folder)).load() is None
