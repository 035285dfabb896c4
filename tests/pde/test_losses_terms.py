"""Terms of the losses of problems add up to the losses."""

import jax
import jax.numpy as jnp
import pytest

from simplebias.core.terms import terms_loss
from simplebias.networks import MLP
from simplebias.pde import Box, Elliptic, PLaplacian, Residual, Ritz

BOX = Box([0, 0], [1, 2])
SOURCE = lambda x: jnp.sin(3 * x[0]) + x[1]
LINEAR = Elliptic(BOX, SOURCE, diffusion=lambda x: 1 + x[0] ** 2, reaction=2.0, boundary=lambda x: x[0] * x[1])
CURVED = PLaplacian(BOX, SOURCE, exponent=3.0)


@pytest.mark.parametrize("problem", [LINEAR, CURVED], ids=["linear", "p-Laplacian"])
@pytest.mark.parametrize(
    ("loss", "boundary"),
    [(Ritz, "penalty"), (Ritz, "nitsche"), (Ritz, "hard"), (Residual, "penalty"), (Residual, "hard")],
)
@pytest.mark.usefixtures("float64")
def test_terms_add_up_to_the_loss(problem, loss, boundary, key):
    network = MLP(2, 1, (5, 4), activation="tanh", key=key)
    options = {"boundary_weight": 3.0} if boundary != "hard" else {}
    task = loss(problem, count=32, boundary=boundary, boundary_count=16, key=key, **options)
    batch = task.batch(None, key=key)
    whole, parts = jax.jit(lambda batch: (task.loss(network, batch, key=key), terms_loss(task.terms(batch), network)))(
        batch
    )
    assert jnp.allclose(whole, parts, rtol=1e-12)
