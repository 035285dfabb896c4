"""Squares and a cube with holes on which multi-scale networks were tried, ready to be solved on."""

import functools
import itertools
from collections.abc import Iterable

from simplebias.pde.combinations import Difference
from simplebias.pde.domains import Box
from simplebias.pde.shapes import Ball, Ellipsoid


def square_with_ellipse() -> Difference:
    """The square (-1, 1)² less three discs and an ellipse, on which multi-scale networks were tried.

    Discs of radius 0.1, 0.2, 0.2 around (-½, -½), (½, ½), (½, -½) and the ellipse `16 (x + ½)² + 64 (y - ½)² < 1`.

    Returns:
        The domain, of area `4 - 0.09 π - π/32`.

    References:
        Liu, Cai, Xu, arXiv:2007.11207; the holes are those of its figures as they are remembered, not of a source.

    Example:
        >>> domain = square_with_ellipse()
        >>> round(domain.volume, 6), domain.volume_error, len(domain.outline())
        (3.619082, 0.0, 5)
    """
    discs = (((-0.5, -0.5), 0.1), ((0.5, 0.5), 0.2), ((0.5, -0.5), 0.2))
    ellipse = Ellipsoid((-0.5, 0.5), (0.25, 0.125))
    return Difference(Box((-1, -1), (1, 1)), *(Ball(*disc) for disc in discs), ellipse)


def square_with_discs() -> Difference:
    """The square (-1, 1)² less five discs, of the subspace-decomposition experiments.

    Discs of radius 0.2, 0.15, 0.15, 0.1125, 0.15 around (0.5, 0.5), (-0.45, 0.65), (-0.55, -0.35),
    (-0.0875, -0.3875), (0.55, -0.55).

    Returns:
        The domain, of area `4 - 0.12015625 π`.

    References:
        Li, Xu, Zhang, arXiv:2112.06660, its published code.

    Example:
        >>> domain = square_with_discs()
        >>> round(domain.volume, 6), domain.volume_error, len(domain.outline())
        (3.622518, 0.0, 6)
    """
    rows = ((0.3, 0.3, 0.4), (-0.6, 0.5, 0.3), (-0.7, -0.5, 0.3), (-0.2, -0.5, 0.225), (0.4, -0.7, 0.3))
    return Difference(Box((-1, -1), (1, 1)), *_discs(rows))


@functools.cache
def square_with_seven_discs() -> Difference:
    """The unit square less seven discs, of the subspace-decomposition experiments; the discs lie apart, and inside.

    Returns:
        The domain, of area `1 - 0.0438875 π`.

    References:
        Li, Xu, Zhang, arXiv:2112.06660, its published code.

    Example:
        >>> domain = square_with_seven_discs()
        >>> round(domain.volume, 6), domain.volume_error, len(domain.outline())
        (0.862123, 0.0, 8)
    """
    rows = (
        *((0.1, 0.1, 0.225), (0.3, 0.5, 0.16), (0.6, 0.2, 0.2), (0.825, 0.5, 0.125)),
        *((0.1, 0.75, 0.1), (0.8, 0.75, 0.16), (0.4, 0.75, 0.09)),
    )
    return Difference(Box((0, 0), (1, 1)), *_discs(rows))


@functools.cache
def square_with_twenty_discs() -> Difference:
    """The square (-1, 1)² less twenty discs, of the subspace-decomposition experiments.

    The discs lie apart. The last one, of radius 0.05 around (0.95, -0.85), touches the side x = 1 from within, where
    the domain has two cusps.

    Returns:
        The domain, of area `4 - 0.1315625 π`; its own `volume` is an estimate, since one disc touches the side.

    References:
        Li, Xu, Zhang, arXiv:2112.06660, its published code.

    Example:
        >>> domain = square_with_twenty_discs()
        >>> len(domain.holes), domain.contains([[0.2125, 0.2125], [0.0, 0.0]]).tolist()
        (20, [False, True])
    """
    rows = (
        *((0.1, 0.1, 0.225), (0.3, 0.5, 0.125), (0.6, 0.2, 0.3), (0.825, 0.5, 0.075), (0.1, 0.75, 0.1)),
        *((-0.1, 0.8, 0.075), (-0.4, 0.5, 0.3), (-0.6, 0.2, 0.1), (-0.8, 0.7, 0.2), (-0.9, 0.1, 0.1)),
        *((-0.1, -0.75, 0.1), (-0.4, -0.8, 0.075), (-0.3, -0.5, 0.075), (-0.6, -0.2, 0.125), (-0.825, -0.5, 0.3)),
        *((0.1, -0.5, 0.075), (0.3, -0.2, 0.175), (0.5, -0.75, 0.125), (0.725, -0.3, 0.1), (0.9, -0.9, 0.1)),
    )
    return Difference(Box((-1, -1), (1, 1)), *_discs(rows))


@functools.cache
def cube_with_balls() -> Difference:
    """The cube (-1, 1)³ less 125 balls, of the subspace-decomposition experiments.

    Their centres have coordinates out of -0.8, -0.4, 0, 0.4, 0.8. The radius is 0.125 for the 27 whose coordinates
    are out of -0.8, 0, 0.8, else 0.075. The source takes 27 large balls out besides 125 small ones; 27 of the small
    ones lie within the large ones around the same centres, and are left out here.

    Returns:
        The domain, of volume `8 - (4/3) π (27 · 0.125³ + 98 · 0.075³)`.

    References:
        Li, Xu, Zhang, arXiv:2112.06660, its published code.

    Example:
        >>> domain = cube_with_balls()
        >>> round(domain.volume, 6), domain.volume_error, len(domain.holes)
        (7.605926, 0.0, 125)
    """
    centres = itertools.product((-0.8, -0.4, 0.0, 0.4, 0.8), repeat=3)
    balls = (Ball(centre, 0.075 if 0.4 in map(abs, centre) else 0.125) for centre in centres)
    return Difference(Box((-1,) * 3, (1,) * 3), *balls)


def _discs(rows: Iterable[tuple[float, float, float]]) -> list[Ball]:
    """Discs by the lower left corner and the side of the square around each, as the source has them."""
    return [Ball((x + width / 2, y + width / 2), width / 2) for x, y, width in rows]
