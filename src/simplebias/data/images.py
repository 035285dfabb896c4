"""Pictures as samples: the position of a pixel is the input, its brightness or colour the output."""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.data.files import damaged, load, refuse_content
from simplebias.data.sample import Sample, complete

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE = 64
"""Longer side in pixels to which a picture is reduced by default."""


def read_image(path: Path, *, size: int | None = None) -> Sample:
    """Read a picture: position to grey or colour in [0, 1].

    With `L` the longer side in pixels, the centre of the pixel in column `c` and row `r` is the point
    `x = (c + ½)/L`, `y = (r + ½)/L`: `x` to the right, `y` downwards, both from the top left corner.
    Values are as stored (sRGB), 0 is black. A smaller picture is made by averaging the pixels that each new one covers.

    Args:
        path: a `.png`, `.jpg` or `.jpeg` file.
        size: reduce the longer side to at most so many pixels; 64 by default.

    Returns:
        The sample, with `lattice` set.

    Raises:
        InputError: for a damaged, huge or uniform picture, or a file that is none.
        StorageError: if the file cannot be read.
    """
    size = SIZE if size is None else size
    check_positive(size, "--size", integer=True)
    content = load(path)
    notes: list[str] = []
    pixels = _pixels(_open(content, path, notes), content, notes)
    pixels = _reduce(pixels, int(size), notes)
    rows, columns, channels = pixels.shape
    longer = max(rows, columns)
    y, x = np.meshgrid((np.arange(rows) + 0.5) / longer, (np.arange(columns) + 0.5) / longer, indexing="ij")
    unit = "image width" if columns >= rows else "image height"
    names = ("grey",) if channels == 1 else ("red", "green", "blue")
    sample = Sample(
        name=path.stem,
        points=np.stack([x.ravel(), y.ravel()], axis=1),
        values=pixels.reshape(-1, channels),
        input_names=("x", "y"),
        input_units=(unit, unit),
        output_names=names,
        output_units=("",) * channels,
        lattice=(rows, columns),
        source=str(path),
        notes=tuple(notes),
        path=path,
    )
    return complete(sample)


def _open(content: bytes, path: Path, notes: list[str]) -> "Image":
    """Decode the picture and turn it upright."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not content.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        refuse_content(path, "a PNG or JPEG image", content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
            image.load()
            upright = ImageOps.exif_transpose(image)
    except Image.DecompressionBombError as error:
        raise InputError(
            f"a picture of at most {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels in {path}",
            "a larger one",
            "Reduce it with an image program first.",
        ) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise damaged(path, "PNG or JPEG image", error) from error
    if image.getexif().get(0x0112, 1) != 1:
        notes.append("turned upright as its orientation mark says")
    return upright


def _pixels(image: "Image", content: bytes, notes: list[str]) -> np.ndarray:
    """Pixels `(rows, columns, 1 or 3)` in [0, 1], float64."""
    mode = image.mode
    if mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        notes.append("transparency left out")
    if mode.startswith("I"):  # 16 bits a pixel
        return (np.asarray(image).astype(np.float64) / 65535.0)[:, :, None]
    if content.startswith(b"\x89PNG") and content[24] == 16:
        notes.append("16 bits a colour read as 8")
    if mode in ("1", "L", "LA", "La"):
        return (np.asarray(image.convert("L")).astype(np.float64) / 255.0)[:, :, None]
    if mode not in ("RGB", "RGBA", "P", "PA"):
        notes.append(f"colours converted from {mode} to RGB")
    if mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    colours = np.asarray(image.convert("RGB")).astype(np.float64) / 255.0
    if (colours == colours[:, :, :1]).all():
        notes.append("red, green and blue are equal everywhere: read as grey")
        return colours[:, :, :1]
    return colours


def _reduce(pixels: np.ndarray, size: int, notes: list[str]) -> np.ndarray:
    from PIL import Image

    rows, columns, channels = pixels.shape
    longer = max(rows, columns)
    if longer <= size:
        return pixels
    shape = (max(1, round(columns * size / longer)), max(1, round(rows * size / longer)))
    planes = [
        np.asarray(Image.fromarray(pixels[:, :, k].astype(np.float32)).resize(shape, Image.Resampling.BOX))
        for k in range(channels)
    ]
    notes.append(f"reduced from {columns} × {rows} to {shape[0]} × {shape[1]} pixels by averaging")
    return np.clip(np.stack(planes, axis=2).astype(np.float64), 0.0, 1.0)
