"""Classical solvers and small problems, to hold networks against."""

from simplebias.pde.domains import Box, Lattice
from simplebias.pde.losses import HardBoundary, Residual, Ritz
from simplebias.pde.problems import Poisson, Problem, field_values, poisson_bump, poisson_tones, zero
from simplebias.pde.ritz_galerkin import GreenSum, RitzGalerkin, ritz_galerkin, ritz_galerkin_limit
from simplebias.pde.sines import sine_coefficients, sine_error_measure, sine_series
from simplebias.pde.solvers import jacobi, jacobi_factor, solve_direct

__all__ = [
    "Box",
    "GreenSum",
    "HardBoundary",
    "Lattice",
    "Poisson",
    "Problem",
    "Residual",
    "Ritz",
    "RitzGalerkin",
    "field_values",
    "jacobi",
    "jacobi_factor",
    "poisson_bump",
    "poisson_tones",
    "ritz_galerkin",
    "ritz_galerkin_limit",
    "sine_coefficients",
    "sine_error_measure",
    "sine_series",
    "solve_direct",
    "zero",
]
