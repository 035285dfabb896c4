"""l04 is false where the deeper point is not critical, the manifold has another dimension, or nothing else changes."""

import pytest

from simplebias.claims.l04_embedding_in_depth import LIFTED, predicted_zeros


def failing(claim, data):
    return [one.what for one in claim.check({LIFTED: data}).criteria if not one.holds]


@pytest.mark.parametrize(
    ("name", "value"), [("gradient", 1e-9), ("on_points", 1e-9), ("off_points", 1e-12), ("off_segment", 1e-9)]
)
def test_one_figure_out_of_bounds_is_false(smoke, name, value):
    claim, evidence = smoke("l04")
    data = evidence[LIFTED].copy(deep=True)
    data[name][1, 1] = value
    assert len(failing(claim, data)) == 1


def test_other_zeros_or_fewer_negative_ones_are_false(smoke):
    claim, evidence = smoke("l04")
    data = evidence[LIFTED].copy(deep=True)
    data["inertia"][1, 0, 0, 1] += 1
    assert [what.startswith("zeros grow") for what in failing(claim, data)] == [True]
    data["inertia"][1, 0, 0] = -1
    assert len(failing(claim, data)) == 2


def test_the_dimension_is_that_of_the_spec():
    assert [predicted_zeros(width) for width in (3, 5)] == [12, 22]
