"""Squares with holes on which multi-scale networks were tried, ready to be solved on."""

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
    discs = (Ball((x + width / 2, y + width / 2), width / 2) for x, y, width in rows)  # corner and diameter
    return Difference(Box((-1, -1), (1, 1)), *discs)
