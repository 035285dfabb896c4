"""Labelled pictures in idx files, the format of MNIST, gzipped or not."""

import math
import re
from pathlib import Path

import numpy as np

from simplebias.core.errors import InputError, StorageError, check_positive
from simplebias.data.classes import as_classes
from simplebias.data.files import damaged, load, refuse_content
from simplebias.data.sample import Sample, complete

LIMIT = 2000
"""Number of pictures kept by default."""
IMAGES = re.compile(r"^(?P<head>.*)images(?P<joint>[-.])idx3-ubyte(\.gz)?$", re.IGNORECASE)
LABELS = re.compile(r"labels[-.]idx1-ubyte(\.gz)?$", re.IGNORECASE)


def find_images(folder: Path) -> Path | None:
    """The training images in a folder that holds MNIST's files, None if there are none."""
    found = [
        path for path in sorted(folder.iterdir()) if (match := IMAGES.match(path.name)) and "train" in match["head"]
    ]
    return found[0] if found else None


def read_idx(path: Path, *, limit: int | None = None, maximum: float = 255.0) -> Sample:
    """Read pictures with the labels found beside them.

    Args:
        path: `…images-idx3-ubyte`, with or without `.gz`; labels are in `…labels-idx1-ubyte` of the same folder. Or a
            folder that holds MNIST's training files.
        limit: keep the first so many pictures; 2000 by default.
        maximum: the number stored for white.

    Returns:
        The sample for classification: pixels in [0, 1] as inputs, row by row, with `image_shape` set.

    Raises:
        InputError: for a damaged file, labels that do not fit, or a file that is none.
        StorageError: if a file cannot be read or found.
    """
    limit = LIMIT if limit is None else limit
    check_positive(limit, "--limit", integer=True)
    folder = path
    if path.is_dir():
        images = find_images(path)
        if images is None:
            raise StorageError(
                f"cannot read {path}: it is a folder without train-images-idx3-ubyte: name a file, or MNIST's folder"
            )
        path = images
    match = IMAGES.match(path.name)
    if match is None:
        raise InputError(
            f"idx images in {path}", "a file of another name", "Name the file …images-idx3-ubyte; labels are found."
        )
    labels_path = _beside(path, f"{match['head']}labels{match['joint']}idx1-ubyte")
    images, labels = _decode(path, 3), _decode(labels_path, 1)
    if len(images) != len(labels):
        raise InputError(
            f"as many labels in {labels_path} as pictures in {path} ({len(images)})",
            f"{len(labels)}",
            "Fetch both files again from the same place.",
        )
    numbers, class_names = as_classes(labels, name="label", path=labels_path, forced=True)
    total, count = len(images), min(int(limit), len(images))
    notes = (f"first {count} of {total} pictures kept",) if count < total else ()
    shape = (images.shape[1], images.shape[2])
    names = tuple(f"pixel r{r} c{c}" for r in range(shape[0]) for c in range(shape[1]))
    sample = Sample(
        name=folder.name if folder.is_dir() else path.name.split(".")[0],
        points=images[:count].reshape(count, -1) / maximum,
        labels=numbers[:count],
        class_names=class_names,
        input_names=names,
        input_units=("",) * len(names),
        output_names=("label",),
        output_units=("",),
        image_shape=shape,
        source=str(folder),
        notes=notes,
        path=folder,
    )
    return complete(sample)


def _beside(path: Path, name: str) -> Path:
    """The labels that belong to some images, gzipped or not."""
    for candidate in (path.with_name(name), path.with_name(f"{name}.gz")):
        if candidate.is_file():
            return candidate
    raise StorageError(f"cannot find the labels of {path}: put {name} or {name}.gz beside it")


def _decode(path: Path, dimensions: int) -> np.ndarray:
    """Numbers of an idx file of unsigned bytes with so many dimensions."""
    content = load(path)
    expected = f"idx data of unsigned bytes in {dimensions} dimension{'s' * (dimensions > 1)}"
    if not content.startswith(bytes((0, 0, 8, dimensions))):
        refuse_content(path, expected, content)
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise damaged(path, "idx file", "its head is cut off")
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], dtype=">u4"))
    need = math.prod(shape)
    if need != len(content) - start:
        raise InputError(
            f"{need} bytes after the head of {path}, as it says itself", f"{len(content) - start}", "Fetch it again."
        )
    if need == 0:
        raise InputError(f"data in {path}", "none", "Fetch it again.")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
