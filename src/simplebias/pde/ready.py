"""Problems with names, ready to be solved."""

import functools
from collections.abc import Callable
from types import MappingProxyType

from simplebias.core.errors import check_choice
from simplebias.pde import ready_boltzmann as boltzmann
from simplebias.pde import ready_oscillating as coefficients
from simplebias.pde import ready_pores as pores
from simplebias.pde import ready_waves as waves
from simplebias.pde.problems import Problem
from simplebias.pde.ready_tones import poisson_bump, poisson_tones

_FUNCTIONS: dict[str, Callable[[], Problem]] = {
    "boltzmann-1d": boltzmann.boltzmann_1d,
    **{f"boltzmann-pores-{holes}": functools.partial(pores.boltzmann_pores, holes) for holes in (7, 20)},
    "boltzmann-two-scale": waves.boltzmann_two_scale,
    "bump": poisson_bump,
    "bumpy-ball": boltzmann.bumpy_ball,
    **{f"coefficients-{number}": functools.partial(coefficients.coefficients, number) for number in range(1, 7)},
    "concentrated": boltzmann.concentrated,
    "dielectric-ball": boltzmann.dielectric_ball,
    "discs-7": functools.partial(waves.discs, 7),
    "discs-15": functools.partial(waves.discs, 15),
    "exponentials": waves.exponentials,
    "helmholtz": waves.helmholtz,
    "holes-7": functools.partial(waves.holes, 7),
    "holes-15": functools.partial(waves.holes, 15),
    "oscillating": coefficients.oscillating,
    "oscillating-p3": functools.partial(coefficients.oscillating, 3),
    "oscillating-p5": functools.partial(coefficients.oscillating, 5),
    "oscillating-p8": functools.partial(coefficients.oscillating, 8),
    "oscillating-fine": functools.partial(coefficients.oscillating, 2, 0.01),
    "oscillating-fine-p3": functools.partial(coefficients.oscillating, 3, 0.01),
    "oscillating-fine-p5": functools.partial(coefficients.oscillating, 5, 0.01),
    "oscillating-fine-p8": functools.partial(coefficients.oscillating, 8, 0.01),
    "poisson-3d": waves.poisson_3d,
    "poisson-10d-ball": boltzmann.poisson_10d_ball,
    "poisson-10d-cube": waves.poisson_10d_cube,
    **{f"pores-{holes}": functools.partial(pores.pores, holes) for holes in (7, 20)},
    "pores-125": pores.pores_3d,
    "sines-7": functools.partial(waves.sines, 7),
    "sines-15": functools.partial(waves.sines, 15),
    "three-scale": coefficients.three_scale,
    "tones": poisson_tones,
    "two-scale": waves.two_scale,
    "waves-3d": waves.waves_3d,
    "waves-4d": waves.waves_4d,
    "waves-5d": waves.waves_5d,
}
READY = MappingProxyType(_FUNCTIONS)
"""Problems by name: functions without arguments, whose first line says what they are."""


def ready(name: str) -> Problem:
    """A problem by its name.

    Args:
        name: one of `READY`.

    Returns:
        The problem; the same object every time, so that nothing is compiled again.

    Raises:
        InputError: for an unknown name, with the nearest.

    Example:
        >>> ready("sines-7").domain
        Box(low=(-1.0, -1.0), high=(1.0, 1.0))
    """
    check_choice(name, "problem", READY)
    return READY[name]()


__all__ = ["READY", "ready"]
