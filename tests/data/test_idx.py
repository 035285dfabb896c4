"""Labelled pictures: synthetic idx files, and the real MNIST where it is at hand."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from simplebias.core.errors import InputError, StorageError
from simplebias.data import read

MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist"
RANDOM = np.random.default_rng(11)


def encode(array):
    return struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write(folder, images, labels, *, head="train-", packed=False, joint="-"):
    ending = ".gz" if packed else ""
    pack = gzip.compress if packed else bytes
    path = folder / f"{head}images{joint}idx3-ubyte{ending}"
    path.write_bytes(pack(encode(images)))
    (folder / f"{head}labels{joint}idx1-ubyte{ending}").write_bytes(pack(encode(labels)))
    return path


@pytest.fixture
def pictures():
    return RANDOM.integers(0, 256, (30, 4, 3), dtype=np.uint8), (np.arange(30) % 4).astype(np.uint8)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("joint", ["-", "."])
def test_round_trip(tmp_path, pictures, packed, joint):
    images, labels = pictures
    path = write(tmp_path, images, labels, packed=packed, joint=joint)
    for source in (path, tmp_path):
        sample = read(source)
        np.testing.assert_array_equal(sample.points, images.reshape(30, 12) / 255)
        np.testing.assert_array_equal(sample.labels, labels)
        assert sample.image_shape == (4, 3)
        assert sample.class_names == ("0", "1", "2", "3")
        assert sample.notes == ()
    assert read(tmp_path).name == tmp_path.name


def test_limit_keeps_all_class_names(tmp_path, pictures):
    sample = read(write(tmp_path, *pictures), limit=3)
    assert sample.size == 3
    assert len(sample.class_names) == 4
    assert "first 3 of 30" in sample.notes[0]


def test_mixed_packing(tmp_path, pictures):
    path = write(tmp_path, *pictures)
    labels = tmp_path / "train-labels-idx1-ubyte"
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels.read_bytes()))
    labels.unlink()
    assert read(path).size == 30
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(StorageError, match="train-labels-idx1-ubyte"):
        read(path)


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read(path, **options)
    return str(caught.value)


def test_refusals(tmp_path, pictures):
    images, labels = pictures
    path = write(tmp_path, images, labels[:29])
    assert "29" in refusal(path)
    path = write(tmp_path, images, labels)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert str(path) in refusal(path)
    path.write_bytes(whole[:7])
    assert "cut off" in refusal(path)
    path.write_bytes(whole + b"\x00")
    assert "361" in refusal(path)
    path.write_bytes(b"x,y\n1,2\n")
    assert "unsigned bytes in 3 dimensions" in refusal(path)
    path.write_bytes(struct.pack(">BBBBIII", 0, 0, 13, 3, 1, 1, 1) + b"\x00" * 4)
    assert "unsigned bytes" in refusal(path)
    path.write_bytes(struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1))
    assert "Fetch it again" in refusal(path)
    path.write_bytes(whole)
    assert "images-idx3-ubyte" in refusal(tmp_path / "train-labels-idx1-ubyte")
    assert "Leave it out" in refusal(path, classification=False)
    write(tmp_path, images, np.full(30, 7, np.uint8))
    assert "label equal to 7" in refusal(path)


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(StorageError, match="is a folder without"):
        read(tmp_path)


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not at ../shared/data/mnist")
def test_mnist():
    sample = read(MNIST)
    assert sample.points.shape == (2000, 784)
    assert sample.points.min() == 0
    assert sample.points.max() == 1
    np.testing.assert_array_equal(sample.labels[:10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    assert "first 2000 of 60000" in sample.notes[0]
    sample = read(MNIST / "t10k-images-idx3-ubyte.gz", limit=10000)
    np.testing.assert_array_equal(np.bincount(sample.labels), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
