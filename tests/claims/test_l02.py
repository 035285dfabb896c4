"""l02 is false where an embedding moves the output or the gradient, and where what is none keeps it."""

import pytest

from simplebias.claims.l02_critical_points_embed import BACKWARD, DENSE, READS


def failing(claim, data):
    return [one.what for one in claim.check({DENSE: data}).criteria if not one.holds]


@pytest.mark.parametrize("name", ["gradients", "changes"])
def test_one_embedding_that_fails_in_one_seed_is_false(smoke, name):
    claim, evidence = smoke("l02")
    data = evidence[DENSE].copy(deep=True)
    data[name][1, 4] = 1e-9
    assert len(failing(claim, data)) == 1


@pytest.mark.parametrize("name", [BACKWARD, READS])
def test_a_broken_condition_that_does_not_matter_is_false(smoke, name):
    claim, evidence = smoke("l02")
    data = evidence[DENSE].copy(deep=True)
    data["gradients"].loc[{"operator": name}] = 1e-16
    assert failing(claim, data) == [f"{name}: gradient, median over seeds", f"{name}: gradient of every seed"]


def test_a_broken_backward_condition_keeps_the_output(smoke):
    _, evidence = smoke("l02")
    assert (evidence[DENSE]["changes"].sel(operator=BACKWARD) < 1e-13).all()
