"""Choosing held-out and training images from torchvision's sets.

And what people are told when a set is unusable.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_up.idx import write_idx

from selffit.data import load_set
from selffit.data.order import balanced_order
from selffit.errors import UserError


@pytest.fixture
def mnist_folder(tmp_path: Path) -> Path:
    write_idx(tmp_path / "MNIST" / "raw")
    return tmp_path


def test_held_out_images_are_cut_from_the_training_split(mnist_folder):
    data = load_set("mnist", data_dir=str(mnist_folder), holdout=50)
    held, train = set(data.held_x[:, 0, 0, 0].tolist()), set(data.train_x[:, 0, 0, 0].tolist())
    assert len(held) == 50 and len(train) == 150 and not held & train
    assert (data.train_x[:, 0, 0, 0] % 10 == data.train_y).all()
    assert (data.held_x[:, 0, 0, 0] % 10 == data.held_y).all()
    assert torch.bincount(data.held_y).tolist() == [5] * 10


def test_a_smaller_training_set_is_a_balanced_fixed_subset(mnist_folder):
    small = load_set("mnist", data_dir=str(mnist_folder), holdout=50, train_images=40)
    again = load_set("mnist", data_dir=str(mnist_folder), holdout=50, train_images=40)
    whole = load_set("mnist", data_dir=str(mnist_folder), holdout=50)
    assert torch.bincount(small.train_y).tolist() == [4] * 10
    assert torch.equal(small.train_x, again.train_x) and torch.equal(small.held_x, whole.held_x)


@pytest.mark.parametrize("inside", ["", "MNIST", "MNIST/raw"])
def test_the_data_folder_may_be_the_sets_own_folder(mnist_folder, inside):
    assert len(load_set("mnist", data_dir=str(mnist_folder / inside), holdout=10).train_x) == 190


def test_more_images_than_there_are(mnist_folder):
    with pytest.raises(
        UserError, match=r"200 training images, 50 of them held out: cannot train on 151"
    ):
        load_set("mnist", data_dir=str(mnist_folder), holdout=50, train_images=151)
    with pytest.raises(UserError, match="held out"):
        load_set("mnist", data_dir=str(mnist_folder), holdout=200)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn", "mnist", "fashion-mnist"])
def test_a_missing_set_names_the_folder_and_the_option_that_downloads(tmp_path, name):
    with pytest.raises(UserError, match="not found") as caught:
        load_set(name, data_dir=str(tmp_path))
    assert str(tmp_path) in str(caught.value) and "--download" in str(caught.value)


def test_without_a_data_folder_the_default_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="default of --data-dir") as caught:
        load_set("cifar10")
    assert str(tmp_path / "data" / "cifar-10-batches-py") in str(caught.value)


def test_a_damaged_cifar_file_is_named(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for i in range(1, 6):
        (folder / f"data_batch_{i}").write_bytes(b"not a batch")
    with pytest.raises(UserError, match=r"damaged: the checksum of data_batch_1 is wrong"):
        load_set("cifar10", data_dir=str(folder))
    (folder / "data_batch_4").unlink()
    with pytest.raises(UserError, match=r"damaged: data_batch_4 is missing"):
        load_set("cifar10", data_dir=str(folder))


def test_a_truncated_mnist_file_is_reported(mnist_folder):
    file = mnist_folder / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(UserError, match="damaged"):
        load_set("mnist", data_dir=str(mnist_folder))


def test_a_label_for_every_image(tmp_path):
    write_idx(tmp_path / "MNIST" / "raw", count=20, labels=30)
    with pytest.raises(UserError, match="20 images but 30 labels"):
        load_set("mnist", data_dir=str(tmp_path))


def test_a_data_folder_that_is_a_file(tmp_path):
    file = tmp_path / "data"
    file.write_text("")
    with pytest.raises(UserError, match="not found"):
        load_set("mnist", data_dir=str(file))


def test_unknown_set_and_impossible_counts():
    with pytest.raises(UserError, match="unknown data set 'mnits'"):
        load_set("mnits")
    with pytest.raises(UserError, match="held-out"):
        load_set("patterns", holdout=0)
    with pytest.raises(UserError, match="-5 training images"):
        load_set("patterns", train_images=-5)


def test_every_prefix_of_the_balanced_order_is_balanced():
    labels = np.array([0] * 50 + [1] * 20 + [2] * 3)
    order = balanced_order(labels, seed=3)
    assert sorted(order) == list(range(73))
    assert np.bincount(labels[order[:9]]).tolist() == [3, 3, 3]
    assert np.bincount(labels[order[:29]]).tolist() == [13, 13, 3]  # class 2 has run out
    assert (order != balanced_order(labels, seed=4)).any()


def test_real_cifar10(real_data):
    data = load_set(
        "cifar10", data_dir=str(real_data / "cifar-10-batches-py"), train_images=500, holdout=100
    )
    assert data.train_x.shape == (500, 3, 32, 32) and data.shape == (3, 32, 32)
    assert torch.bincount(data.train_y).tolist() == [50] * 10
    assert 110 < data.train_x.float().mean() < 130


def test_real_mnist(real_data):
    data = load_set("mnist", data_dir=str(real_data), holdout=1000)
    assert data.train_x.shape == (59_000, 1, 28, 28) and len(data.held_y) == 1000
    assert data.train_x.float().mean().item() == pytest.approx(33.3, abs=0.5)
