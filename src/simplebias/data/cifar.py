"""CIFAR-10 and CIFAR-100 in their binary version: a folder, one of its files, or the archive as downloaded."""

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simplebias.core.errors import InputError, StorageError, check_positive
from simplebias.data.files import damaged, load
from simplebias.data.sample import Sample, complete

LIMIT = 2000
"""Number of pictures kept by default."""
SIDE = 32
"""Pixels along each side of a picture."""
PIXELS = 3 * SIDE**2
"""Bytes of a picture: a plane of red, of green, of blue."""
TRAINING = re.compile(r"^(data_batch_\d+|train)\.bin$")
FILES = re.compile(r"^(data_batch_\d+|test_batch|train|test)\.bin$")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""What the ten labels of CIFAR-10 mean."""
PICKLED = re.compile(r"^(data_batch_\d+|test_batch|train|test|batches\.meta|meta)$")
REMEDY = "Take the binary version, cifar-10-binary.tar.gz or cifar-100-binary.tar.gz, from the same place."


def find_batches(folder: Path) -> list[Path]:
    """CIFAR's binary training files in a folder, in order; empty if there are none."""
    return sorted(path for path in folder.iterdir() if TRAINING.match(path.name))


def holds_pickles(folder: Path) -> bool:
    """Whether a folder holds CIFAR's Python version."""
    return sum(bool(PICKLED.match(path.name)) for path in folder.iterdir()) > 1


def read_cifar(path: Path, *, limit: int | None = None) -> Sample:
    """Read coloured pictures with their labels.

    Args:
        path: a folder that holds `data_batch_1.bin …` (CIFAR-10) or `train.bin` (CIFAR-100), one such file, or the
            archive `cifar-10-binary.tar.gz`. Names of classes are read from the text file beside them, if there is one.
        limit: keep the first so many pictures; 2000 by default.

    Returns:
        The sample for classification: pixels in [0, 1] as inputs, row by row with the colour running fastest,
        `image_shape` (32, 32, 3). Of CIFAR-100 the labels are the fine ones.

    Raises:
        InputError: for a file that is not whole, labels that cannot be, or the pickled Python version.
        StorageError: if a file cannot be read or found.
    """
    limit = LIMIT if limit is None else limit
    check_positive(limit, "--limit", integer=True)
    if PICKLED.match(path.name) or (path.is_dir() and holds_pickles(path)):
        raise InputError(f"CIFAR's binary version in {path}", "the pickled Python version", REMEDY)
    labels, pictures, total, names = _gather(path, int(limit))
    coloured = pictures.reshape(-1, 3, SIDE**2).transpose(0, 2, 1).reshape(len(pictures), -1)
    if names and labels.max() >= len(names):
        raise InputError(f"labels below {len(names)} in {path}", f"{labels.max()}", "Fetch it again.")
    names = names or tuple(str(number) for number in range(int(labels.max()) + 1))
    rows = range(SIDE)
    inputs = tuple(f"pixel r{r} c{c} {colour}" for r in rows for c in rows for colour in ("red", "green", "blue"))
    sample = Sample(
        name=path.name.split(".")[0],
        points=coloured / 255.0,
        labels=labels,
        class_names=names,
        input_names=inputs,
        input_units=("",) * PIXELS,
        output_names=("label",),
        output_units=("",),
        image_shape=(SIDE, SIDE, 3),
        source=str(path),
        notes=(f"first {len(labels)} of {total} pictures kept",) if len(labels) < total else (),
        path=path,
    )
    return complete(sample)


def _gather(path: Path, limit: int) -> tuple[np.ndarray, np.ndarray, int, tuple[str, ...]]:
    """Labels, pictures as stored, how many there are in all, and names of classes."""
    labels, pictures, total, text = [], [], 0, {}
    kept = 0
    for name, content in _contents(path):
        if name.endswith(".txt"):
            text[name] = content.decode("utf-8", errors="replace").split("\n")
            continue
        records = _records(path, name, content)
        total += len(records)
        few = records[: limit - kept]
        kept += len(few)
        labels.append(few[:, -PIXELS - 1].astype(np.int64))
        pictures.append(few[:, -PIXELS:])
    if not total:
        raise StorageError(f"cannot read {path}: there is no data_batch_1.bin or train.bin in it: name CIFAR's folder")
    lines = text.get("fine_label_names.txt", text.get("batches.meta.txt", []))
    names = tuple(line.strip() for line in lines if line.strip())
    ten = not names and max(int(one.max(initial=0)) for one in labels) < len(CLASSES)
    return np.concatenate(labels), np.concatenate(pictures), total, CLASSES if ten else names


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the training files and of the names of classes."""
    if path.is_dir() or path.suffix == ".bin":
        folder = path if path.is_dir() else path.parent
        for name in ("batches.meta.txt", "fine_label_names.txt"):
            if (folder / name).is_file():
                yield name, load(folder / name)
        for file in find_batches(path) if path.is_dir() else [path]:
            yield file.name, load(file)
        return
    try:
        with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            for member in sorted(members, key=lambda one: one.name):
                name = Path(member.name).name
                if PICKLED.match(name):
                    raise InputError(f"CIFAR's binary version in {path}", "the pickled Python version", REMEDY)
                extracted = archive.extractfile(member)
                if extracted is not None and (name.endswith(".txt") or TRAINING.match(name)):
                    yield name, extracted.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise StorageError(f"cannot read {path}: {error.strerror}: check the path") from error
        raise damaged(path, "archive", error) from error


def _records(path: Path, name: str, content: bytes) -> np.ndarray:
    """The records of one file, `(pictures, labels and pixels)`; CIFAR-100 has a coarse and a fine label."""
    size = PIXELS + (2 if name in {"train.bin", "test.bin"} else 1)
    if not content or len(content) % size:
        raise InputError(
            f"records of {size} bytes in {name} of {path}",
            f"{len(content)} bytes, {len(content) / size:.2f} records",
            "It is no CIFAR file, or not a whole one: fetch it again.",
        )
    return np.frombuffer(content, np.uint8).reshape(-1, size)
