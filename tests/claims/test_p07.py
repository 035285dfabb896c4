"""p07 comes out false for a plain network that solves it, a subspace network that does not, and mixed parts."""

import numpy as np
import pytest

from simplebias.claims.p07_oscillating_coefficient import PARTS, PLAIN, SUBSPACE, Separated, problem
from simplebias.core.task import task_loss
from simplebias.networks import SubspaceNet, orthogonality
from simplebias.pde import Ritz


def failed(smoke, **changed):
    claim, evidence = smoke("p07")
    return [one.what for one in claim.check(dict(evidence) | changed).criteria if not one.holds]


def test_three_rows_hold(smoke):
    claim, evidence = smoke("p07")
    verdict = claim.check(evidence)
    assert len(verdict.criteria) == 3
    assert verdict.holds


def test_errors_exchanged_are_false(smoke):
    _, evidence = smoke("p07")
    plain, subspace = evidence[PLAIN], evidence[SUBSPACE]
    assert len(failed(smoke, **{PLAIN: plain.assign(error=subspace["error"])})) == 1
    assert len(failed(smoke, **{SUBSPACE: subspace.assign(error=plain["error"])})) == 1


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 0, 2), (2, 0, 1)])
def test_high_frequencies_elsewhere_are_false(smoke, order):
    _, evidence = smoke("p07")
    data = evidence[SUBSPACE]
    moved = data["amplitude"].copy(data=data["amplitude"].values[:, list(order)])
    assert [PARTS[place] for place in order][1] != "fine"
    assert len(failed(smoke, **{SUBSPACE: data.assign(amplitude=moved)})) == 1


def test_one_bad_seed_is_enough_to_be_false(smoke):
    _, evidence = smoke("p07")
    error = evidence[SUBSPACE]["error"].copy(deep=True)
    error.values[1, -1] = 0.02
    assert len(failed(smoke, **{SUBSPACE: evidence[SUBSPACE].assign(error=error)})) == 1


def test_the_loss_is_energy_and_orthogonality():
    network = SubspaceNet(lambda x: x * (1 - x), lambda x: x * (1 - x) ** 2)
    ritz = Ritz(problem(), (np.arange(50) + 0.5) / 50, boundary="hard")
    found = float(task_loss(network, Separated(ritz, 3.0)) - task_loss(network, ritz))
    assert found == pytest.approx(3 * float(orthogonality(network, ritz.probe)), rel=1e-3)
    assert found == pytest.approx(3 / 60**2, rel=1e-2)  # ∫ x² (1 - x)³ = 1/60
