"""Differential equations solved by networks, held against classical methods in the same run."""
