"""Differential equations solved by networks, held against classical methods in the same run."""

from simplebias.solving.adaptive import solve_adaptively
from simplebias.solving.compare import compare
from simplebias.solving.ending import load_solution, result_line
from simplebias.solving.files import problem_from_file
from simplebias.solving.hybrid import hybrid
from simplebias.solving.residual_scales import added_scales
from simplebias.solving.scales import problem_scales, scales_for
from simplebias.solving.solve import solve

__all__ = [
    "added_scales",
    "compare",
    "hybrid",
    "load_solution",
    "problem_from_file",
    "problem_scales",
    "result_line",
    "scales_for",
    "solve",
    "solve_adaptively",
]
