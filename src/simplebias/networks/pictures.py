"""Convolution and max-pooling of many pictures in NumPy, there and back: what `Chain` needs of a convolutional net.

Pictures are `(points, height, width, channels)`; kernels and paddings are those of `convolution`.
"""

import dataclasses

import numpy as np

from simplebias.networks.convolution import KERNEL, POOL

BLOCK = 2**21
"""Numbers of patches that are written out at once."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """What a convolution reads, and what becomes of what it gives.

    Args:
        height: pixels from top to bottom.
        width: pixels from left to right.
        pooled: whether max-pooling follows.

    Example:
        >>> Picture(8, 6, pooled=True).pixels
        48
    """

    height: int
    width: int
    pooled: bool

    @property
    def pixels(self) -> int:
        """Places at which each kernel is applied."""
        return self.height * self.width


def patches(pictures: np.ndarray) -> np.ndarray:
    """The 3 × 3 pixels around each pixel, zeros outside: `(points, height, width, 9 channels)`."""
    _, height, width, _ = pictures.shape
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i : i + height, j : j + width] for i in range(KERNEL) for j in range(KERNEL)]
    return np.concatenate(shifted, axis=3)


def blocks(pictures: np.ndarray) -> list[slice]:
    """Points whose patches are written out together."""
    step = max(1, BLOCK // max(1, KERNEL**2 * pictures[:1].size))
    return [slice(start, start + step) for start in range(0, len(pictures), step)]


def convolve(pictures: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Kernels `(kernels, 9 channels)` on the patches: `(points, height, width, kernels)`."""
    return np.concatenate([patches(pictures[some]) @ weight.T for some in blocks(pictures)])


def transposed(weight: np.ndarray, channels: int) -> np.ndarray:
    """Kernels of the convolution that carries gradients back: `(channels, 9 kernels)`."""
    taps = weight.reshape(len(weight), KERNEL**2, channels)
    return taps[:, ::-1].transpose(2, 1, 0).reshape(channels, -1)


def pool(pictures: np.ndarray) -> np.ndarray:
    """The largest of each 2 × 2 pixels."""
    return _cells(pictures).max(axis=(2, 4))


def unpool(gradient: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """A gradient with respect to pooled pictures, handed to the pixels that were largest, in equal parts."""
    cells = _cells(pictures)
    won = cells == cells.max(axis=(2, 4), keepdims=True)
    shares = won * (gradient[:, :, None, :, None] / won.sum(axis=(2, 4), keepdims=True)).astype(pictures.dtype)
    back = np.zeros_like(pictures)
    points, rows, _, columns, _, channels = cells.shape
    back[:, : POOL * rows, : POOL * columns] = shares.reshape(points, POOL * rows, POOL * columns, channels)
    return back


def _cells(pictures: np.ndarray) -> np.ndarray:
    points, height, width, channels = pictures.shape
    rows, columns = height // POOL, width // POOL
    return pictures[:, : POOL * rows, : POOL * columns].reshape(points, rows, POOL, columns, POOL, channels)


__all__ = ["Picture", "blocks", "convolve", "patches", "pool", "transposed", "unpool"]
