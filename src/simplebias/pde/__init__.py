"""Domains, problems and losses for networks that solve equations, and the classical solvers to hold them against."""

from simplebias.pde.combinations import Difference, Intersection, Union
from simplebias.pde.domains import Box, Lattice
from simplebias.pde.errors import Errors, boundary_error, relative_h1, relative_l2, relative_max, solution_errors
from simplebias.pde.finite_differences import LatticeSolution, finite_differences, solve_direct
from simplebias.pde.finite_elements import FiniteElements, finite_elements
from simplebias.pde.geometry import Domain
from simplebias.pde.holed_squares import (
    cube_with_balls,
    square_with_discs,
    square_with_ellipse,
    square_with_seven_discs,
    square_with_twenty_discs,
)
from simplebias.pde.last_layer import last_layer
from simplebias.pde.losses import Residual, Ritz, staged_weight
from simplebias.pde.losses_hard import HardBoundary
from simplebias.pde.multigrid import multigrid
from simplebias.pde.polygons import Polygon
from simplebias.pde.problems import Problem, field_values, zero
from simplebias.pde.problems_elliptic import Elliptic, Helmholtz, PLaplacian, Poisson, PoissonBoltzmann
from simplebias.pde.quadrature import graded_points
from simplebias.pde.random_features import RandomFeatures, random_features
from simplebias.pde.ready import READY, ready
from simplebias.pde.ready_tones import poisson_bump, poisson_tones
from simplebias.pde.ritz_galerkin import GreenSum, RitzGalerkin, ritz_galerkin, ritz_galerkin_limit
from simplebias.pde.sampling import BoundaryPoints
from simplebias.pde.shapes import Ball, Ellipsoid
from simplebias.pde.sines import sine_coefficients, sine_error_measure, sine_series
from simplebias.pde.solvers import gauss_seidel, jacobi, jacobi_factor

__all__ = [
    "READY",
    "Ball",
    "BoundaryPoints",
    "Box",
    "Difference",
    "Domain",
    "Ellipsoid",
    "Elliptic",
    "Errors",
    "FiniteElements",
    "GreenSum",
    "HardBoundary",
    "Helmholtz",
    "Intersection",
    "Lattice",
    "LatticeSolution",
    "PLaplacian",
    "Poisson",
    "PoissonBoltzmann",
    "Polygon",
    "Problem",
    "RandomFeatures",
    "Residual",
    "Ritz",
    "RitzGalerkin",
    "Union",
    "boundary_error",
    "cube_with_balls",
    "field_values",
    "finite_differences",
    "finite_elements",
    "gauss_seidel",
    "graded_points",
    "jacobi",
    "jacobi_factor",
    "last_layer",
    "multigrid",
    "poisson_bump",
    "poisson_tones",
    "random_features",
    "ready",
    "relative_h1",
    "relative_l2",
    "relative_max",
    "ritz_galerkin",
    "ritz_galerkin_limit",
    "sine_coefficients",
    "sine_error_measure",
    "sine_series",
    "solution_errors",
    "solve_direct",
    "square_with_discs",
    "square_with_ellipse",
    "square_with_seven_discs",
    "square_with_twenty_discs",
    "staged_weight",
    "zero",
]
