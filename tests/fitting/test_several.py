"""A fit of several inputs and outputs, kept in memory."""

import numpy as np

from simplebias.fitting import fit

SMALL = {"width": 24, "steps": 120, "records": 6, "progress": False, "report": False}


def test_several_inputs_and_outputs_in_memory():
    random = np.random.default_rng(0)
    x = random.uniform(0, 5, (300, 3))
    y = np.stack([x[:, 0] + x[:, 1] ** 2, 100 * np.sin(x[:, 2])], axis=1)
    run = fit(x, y, names=["a", "b", "c"], seed=3, depth=2, plain=False, **SMALL)
    assert set(run.provenance["summary"]) == {"title", "headline", "advice", "notes", "tables"}
    assert float(run.data["validation_loss"][-1]) < 0.2
    assert run.network.plain is None
