"""CIFAR's binary version: synthetic files in the layout of its description."""

import io
import tarfile

import numpy as np
import pytest

from simplebias.core.errors import InputError, StorageError
from simplebias.data import read

RANDOM = np.random.default_rng(5)
PICTURES = RANDOM.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
LABELS = (np.arange(12) % 10).astype(np.uint8)


def ten(pictures, labels):
    """One label byte, then the planes red, green, blue, each row by row."""
    records = [
        bytes([label]) + b"".join(picture[:, :, colour].tobytes() for colour in range(3))
        for picture, label in zip(pictures, labels, strict=True)
    ]
    return b"".join(records)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    (folder / "data_batch_1.bin").write_bytes(ten(PICTURES[:7], LABELS[:7]))
    (folder / "data_batch_2.bin").write_bytes(ten(PICTURES[7:], LABELS[7:]))
    (folder / "test_batch.bin").write_bytes(ten(PICTURES[:1], LABELS[:1]))
    return folder


def check(sample, count=12):
    assert sample.size == count
    assert sample.image_shape == (32, 32, 3)
    np.testing.assert_array_equal(sample.labels, LABELS[:count])
    np.testing.assert_array_equal(sample.points, PICTURES[:count].reshape(count, -1) / 255)
    assert sample.input_names[3 * (32 * 2 + 5) + 1] == "pixel r2 c5 green"


def test_a_folder_is_its_training_batches(folder):
    sample = read(folder)
    check(sample)
    assert sample.class_names[3] == "cat"
    check(read(folder, limit=9), 9)
    assert "first 9 of 12" in read(folder, limit=9).notes[0]
    check(read(folder / "data_batch_1.bin"), 7)


def test_names_of_classes_are_those_of_the_text_beside(folder):
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n\n")
    assert read(folder).class_names == tuple("abcdefghij")
    (folder / "batches.meta.txt").write_text("a\nb\n")
    with pytest.raises(InputError, match="labels below 2"):
        read(folder)


def test_the_archive_as_downloaded(folder, tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "cifar-10-batches-bin")
    check(read(path))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match="damaged"):
        read(path)


def test_a_hundred_classes_have_fine_labels(tmp_path):
    content = b"".join(bytes([3]) + ten(PICTURES[i : i + 1], [40 + i]) for i in range(12))
    (tmp_path / "train.bin").write_bytes(content)
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"class {i}" for i in range(100)))
    sample = read(tmp_path)
    np.testing.assert_array_equal(sample.labels, 40 + np.arange(12))
    np.testing.assert_array_equal(sample.points, PICTURES.reshape(12, -1) / 255)
    assert sample.class_names[40] == "class 40"


def test_files_that_are_not_whole_or_pickled_are_named(folder, tmp_path):
    (folder / "data_batch_2.bin").write_bytes(ten(PICTURES[:2], LABELS[:2])[:-5])
    with pytest.raises(InputError, match="data_batch_2"):
        read(folder)
    python = tmp_path / "cifar-10-batches-py"
    python.mkdir()
    for name in ("data_batch_1", "batches.meta"):
        (python / name).write_bytes(b"\x80\x04")
    with pytest.raises(InputError, match="binary version"):
        read(python)
    path = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"\x80\x04"))
    with pytest.raises(InputError, match="binary version"):
        read(path)
    empty = tmp_path / "other.tar"
    with tarfile.open(empty, "w"):
        pass
    with pytest.raises(StorageError, match=r"no data_batch_1\.bin"):
        read(empty)
