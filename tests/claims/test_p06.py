"""p06 comes out false where an activation of bounded support leaves as much error as ReLU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.claims.p06_bounded_supports import BOUNDED, ENERGY, PLANE, RELU, VALUES, experiment, lifted
from simplebias.pde import ready


def failed(smoke, **changed):
    claim, evidence = smoke("p06")
    return [one.what for one in claim.check(dict(evidence) | changed).criteria if not one.holds]


def with_errors(data, *errors):
    """The same with these errors at the end."""
    changed = data["error"].copy(deep=True)
    changed.values[:, -1] = errors
    return data.assign(error=changed)


def test_three_rows_hold(smoke):
    claim, evidence = smoke("p06")
    verdict = claim.check(evidence)
    assert len(verdict.criteria) == 3
    assert verdict.holds


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize(("errors", "holds"), [((0.9, 0.1, 0.1), True), ((0.1, 0.9, 0.9), False), ((0.5,) * 3, False)])
def test_medians_are_compared(smoke, name, errors, holds):
    _, evidence = smoke("p06")
    all_low = {experiment(VALUES, one): with_errors(evidence[experiment(VALUES, one)], *[0.2] * 3) for one in BOUNDED}
    relu = with_errors(evidence[experiment(VALUES, RELU)], 0.5, 0.5, 0.5)
    one = {experiment(VALUES, name): with_errors(evidence[experiment(VALUES, name)], *errors)}
    assert (not failed(smoke, **(all_low | one | {experiment(VALUES, RELU): relu}))) is holds


def test_an_activation_taken_for_relu_is_false(smoke):
    _, evidence = smoke("p06")
    exchanged = {
        experiment(VALUES, RELU): evidence[experiment(VALUES, "phi")],
        experiment(VALUES, "phi"): evidence[experiment(VALUES, RELU)],
    }
    assert len(failed(smoke, **exchanged)) == 3


@pytest.mark.parametrize("loss", [ENERGY, PLANE])
def test_energies_are_compared_where_there_are_any(smoke, loss):
    _, evidence = smoke("p06")
    low, high = (with_errors(evidence[experiment(VALUES, RELU)], *[value] * 3) for value in (0.1, 0.2))
    assert not failed(smoke, **{experiment(loss, RELU): high, experiment(loss, "phi"): low})
    assert len(failed(smoke, **{experiment(loss, RELU): low, experiment(loss, "phi"): high})) == 1


def test_the_lift_has_the_boundary_values_and_is_not_the_solution():
    ends = np.linspace(-1, 1, 9)
    sides = [(side, end) for side in (-1.0, 1.0) for end in ends]
    edge = jnp.asarray(sides + [(end, side) for side, end in sides])
    np.testing.assert_allclose(jax.vmap(lifted)(edge), ready("sines-7").exact_values(edge)[:, 0], atol=1e-5)
    assert abs(float(lifted(jnp.array([0.2, 0.2]))) - np.sin(1.4) ** 2) > 0.3
