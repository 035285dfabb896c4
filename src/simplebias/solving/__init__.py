"""Differential equations solved by networks, held against classical methods in the same run."""

from simplebias.solving.ending import result_line
from simplebias.solving.solve import solve

__all__ = ["result_line", "solve"]
