"""How the cells of a sweep are bundled: cells of one shape together, each bundle a piece of the store of its own."""

import dataclasses
import functools
from collections.abc import Hashable

import numpy as np

from simplebias.core.types import Int
from simplebias.sweeps.experiments import experiment
from simplebias.sweeps.specification import Specification


@dataclasses.dataclass(frozen=True)
class Bundle:
    """Cells of one shape that are computed and stored together.

    Args:
        number: of the bundle, from 0; its rows in the store are `number · size … + size`.
        shape: of its cells.
        cells: their indices in the sweep, at most `size`.
    """

    number: int
    shape: Hashable
    cells: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Layout:
    """Bundles of a sweep, and where each cell lies.

    No example: `lay_out` makes one.

    Args:
        bundles: all bundles, those of the costliest shapes (by width, where there is one) first.
        size: rows of a bundle in the store; the last of a shape may not fill them.
        row: for each cell its row in the store.
    """

    bundles: tuple[Bundle, ...]
    size: int
    row: Int[np.ndarray, " cells"]

    @property
    def rows(self) -> int:
        """Rows of the store."""
        return len(self.bundles) * self.size

    @property
    def shapes(self) -> tuple[Hashable, ...]:
        """The different shapes, each of which is compiled once."""
        return tuple(dict.fromkeys(bundle.shape for bundle in self.bundles))

    def first(self, shape: Hashable) -> int:
        """A cell of a shape."""
        return next(bundle.cells[0] for bundle in self.bundles if bundle.shape == shape)


@functools.lru_cache(maxsize=4)
def lay_out(specification: Specification) -> Layout:
    """Bundle the cells of a sweep.

    Args:
        specification: the sweep.

    Returns:
        The layout, always the same for the same specification.

    Example:
        >>> grid = Specification({"gamma": [0.5, 1.5], "width": [100, 200], "seed": 3}, experiment="phase", bundle=4)
        >>> [len(bundle.cells) for bundle in lay_out(grid).bundles], len(lay_out(grid).shapes)
        ([4, 2, 4, 2], 2)
    """
    kind, cells = experiment(specification.experiment), specification.cells
    groups: dict[Hashable, list[int]] = {}
    for index, cell in enumerate(cells):
        groups.setdefault(kind.shape(cell), []).append(index)
    size = min(specification.bundle, max(map(len, groups.values())))
    width = lambda shape: cells[groups[shape][0]].get("width") or 0
    bundles, row = [], np.zeros(len(cells), np.int64)
    for shape in sorted(groups, key=width, reverse=True):
        for first in range(0, len(groups[shape]), size):
            members = groups[shape][first : first + size]
            row[members] = len(bundles) * size + np.arange(len(members))
            bundles.append(Bundle(len(bundles), shape, tuple(members)))
    return Layout(tuple(bundles), size, row)
