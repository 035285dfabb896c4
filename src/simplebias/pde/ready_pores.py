"""Problems on squares and a cube with many holes, with solutions of two scales that are given on every edge."""

import functools

from simplebias.pde.holed_squares import cube_with_balls, square_with_seven_discs, square_with_twenty_discs
from simplebias.pde.problems_elliptic import Poisson, PoissonBoltzmann
from simplebias.pde.ready_waves import PI, TWO_SCALES, Waves, WavesSource, boltzmann_waves

SQUARES = {7: square_with_seven_discs, 20: square_with_twenty_discs}
"""By the number of holes."""


@functools.cache
def pores(holes: int) -> Poisson:
    """`-Δu = f` with `u = ½ sin πx sin πy + 0.025 sin 10πx sin 10πy` on a square less 7 or 20 discs.

    The domains are those of arXiv:2112.06660, where the solution belongs to the equation of `boltzmann_pores`.

    Returns:
        The problem.
    """
    return Poisson(SQUARES[holes](), WavesSource(TWO_SCALES), boundary=TWO_SCALES, exact=TWO_SCALES)


@functools.cache
def boltzmann_pores(holes: int) -> PoissonBoltzmann:
    """`-∇·(a∇u) + π²u = f`, with u and a of `boltzmann-two-scale`, on a square less 7 or 20 discs.

    See arXiv:2112.06660.

    Returns:
        The problem.
    """
    return boltzmann_waves(SQUARES[holes](), TWO_SCALES)


@functools.cache
def pores_3d() -> Poisson:
    """`-Δu = f` with `u = sin πx sin πy sin πz + 0.05 sin 5πx sin 5πy sin 5πz` in a cube less 125 balls.

    The domain is that of arXiv:2112.06660; the solution is ours.

    Returns:
        The problem.
    """
    waves = Waves((1.0, 0.05), ((PI,) * 3, (5 * PI,) * 3))
    return Poisson(cube_with_balls(), WavesSource(waves), boundary=waves, exact=waves)
