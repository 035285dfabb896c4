"""DeepXDE, jinns and PINA on an equation of bench_pde_steps.py and bench_pde_accuracy.py, with a Python of their own.

Those start it; by hand it is `python benchmarks/pde_peers.py PACKAGE FILE steps COUNT` or `... accuracy SECONDS`. FILE
holds points, first weights and the equation `-Δu = f` with `u = Σ A_i Π_j sin w_ij x_j`, so that every package starts
from the same loss. It prints a line of JSON.
"""

import json
import os
import sys
import time
from importlib.metadata import version

import numpy as np

RATE, DECAY, WARM = 1e-3, 0.9, 10
"""Adam's rate; what it is divided by grows by 1 in `2000 / 0.9` steps; steps before the clock starts."""
THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))
CLOCK = time.process_time if THREADS == 1 else time.perf_counter
"""With several threads the clock on the wall."""


class Case:
    """The equation and what a training of it starts from."""

    def __init__(self, file: str):
        self.data = dict(np.load(file))
        self.amplitudes, self.frequencies = self.data["amplitudes"], self.data["frequencies"]
        self.weights = [self.data[f"w{number}"] for number in range(4)]
        self.biases = [self.data[f"b{number}"] for number in range(4)]
        self.features = [self.data[name] for name in sorted(self.data) if name.startswith("features")]
        self.weight = float(self.data["boundary_weight"])

    def source(self, x, sin):
        """The right-hand side at points `(points, inputs)`, by the sine of a package."""
        return self.sines(x, sin, self.amplitudes * (self.frequencies**2).sum(axis=1))

    def solution(self, x, sin):
        """Its exact solution."""
        return self.sines(x, sin, self.amplitudes)

    def sines(self, x, sin, amplitudes):
        """A sum of products of sines, `(points, 1)`."""
        total = 0.0
        for amplitude, waves in zip(amplitudes, self.frequencies, strict=True):
            term = float(amplitude)
            for which, wave in enumerate(waves):
                term = term * sin(float(wave) * x[:, which : which + 1])
            total = total + term
        return total


def clock(train, losses) -> dict:
    """Seconds of `train(COUNT)` after a few steps, and the losses before and after it all."""
    if sys.argv[3] != "steps":
        raise SystemExit("only the steps of this package are measured")
    count, before = int(sys.argv[4]), float(losses())
    train(WARM)
    began = CLOCK()
    train(count)
    return {"seconds": CLOCK() - began, "steps": count, "losses": [before, float(losses())]}


def torch_network(case: Case):
    """Tanh layers with the given weights; with random features, DeepXDE's multi-scale Fourier network.

    The features of every scale go through the same hidden layers, whose outputs are read together. It stands here
    because the release of DeepXDE on PyPI has it for TensorFlow only.
    """
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linears = torch.nn.ModuleList()
            for weight, bias in zip(case.weights, case.biases, strict=True):
                layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
                with torch.no_grad():
                    layer.weight.copy_(torch.tensor(weight))
                    layer.bias.copy_(torch.tensor(bias))
                self.linears.append(layer)
            self.features = [torch.tensor(one) for one in case.features]
            self.regularizer = self._input_transform = self._output_transform = None
            self.auxiliary_vars = None

        def hidden(self, h):
            for layer in self.linears[:-1]:
                h = torch.tanh(layer(h))
            return h

        def forward(self, x):
            if not self.features:
                return self.linears[-1](self.hidden(x))
            phases = [x @ one.T for one in self.features]
            parts = [self.hidden(torch.cat([torch.cos(one), torch.sin(one)], dim=1)) for one in phases]
            return self.linears[-1](torch.cat(parts, dim=1))

    return Network()


def deepxde(case: Case) -> dict:
    """DeepXDE with PyTorch and its default derivatives, reverse mode."""
    os.environ["DDE_BACKEND"] = "pytorch"
    import deepxde as dde
    import torch

    torch.set_num_threads(THREADS)
    inputs = case.frequencies.shape[1]
    geometry = dde.geometry.Interval(0, 1) if inputs == 1 else dde.geometry.Rectangle([-1, -1], [1, 1])

    def equation(x, u):
        return -sum(dde.grad.hessian(u, x, i=each, j=each) for each in range(inputs)) - case.source(x, torch.sin)

    boundary = dde.icbc.PointSetBC(case.data["edge"], case.data["edge_values"])
    data = dde.data.PDE(geometry, equation, [boundary], num_domain=0, num_boundary=0, anchors=case.data["points"])
    model = dde.Model(data, torch_network(case))
    decay = ("inverse time", 2000, DECAY) if sys.argv[3] == "accuracy" else None
    scale = float(case.data["residual_weight"])
    model.compile("adam", lr=RATE, decay=decay, loss_weights=[scale, case.weight], verbose=0)
    if sys.argv[3] == "accuracy":
        return to_accuracy(case, model, float(sys.argv[4]))
    train = lambda steps: model.train(iterations=steps, display_every=10**9, verbose=0)
    losses = lambda: sum(float(one) for one in model._outputs_losses(True, *model.data.train_next_batch()[:2], None)[1])
    return clock(train, losses)


def to_accuracy(case: Case, model, seconds: float) -> dict:
    """Errors over processor seconds of training, looked at every hundred steps, that look not counted."""
    spent, curve = 0.0, []
    points, exact = case.data["test_points"], case.data["test_values"]
    while spent < seconds:
        began = CLOCK()
        model.train(iterations=100, display_every=10**9, verbose=0)
        spent += CLOCK() - began
        found = model.predict(points)
        error = float(np.linalg.norm(found - exact) / np.linalg.norm(exact))
        curve.append([spent, error])
        if error < float(case.data["accuracy"]):
            break
    return {"curve": curve}


def jinns(case: Case) -> dict:
    """The package jinns with its default Laplacian, reverse mode in reverse mode, trained in one compiled loop."""
    import tempfile

    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax
    from jinns import solve
    from jinns.data import CubicMeshPDEStatio
    from jinns.loss import (
        BoundaryConditionAbstract,
        LossPDEStatio,
        LossWeightsPDEStatio,
        PDEStatio,
        equation_on_all_facets_equal,
        laplacian_rev,
    )
    from jinns.nn import PINN
    from jinns.parameters import Params

    inputs = case.frequencies.shape[1]

    class Equation(PDEStatio):
        def equation(self, x, u, params):
            source = case.source(jnp.atleast_1d(x)[None], jnp.sin)[0]
            return (-laplacian_rev(x, u, params) - source).reshape(1)

    class Boundary(BoundaryConditionAbstract):
        @equation_on_all_facets_equal
        def equation_u(self, x, u, params):
            return u(x, params)

        @equation_on_all_facets_equal
        def equation_f(self, x, params, gridify=False):
            return case.solution(jnp.atleast_1d(x)[None], jnp.sin).reshape(1)

    network = eqx.nn.MLP(inputs, 1, case.weights[0].shape[0], 3, activation=jnp.tanh, key=jax.random.key(0))
    for number, (weight, bias) in enumerate(zip(case.weights, case.biases, strict=True)):
        where = lambda net, number=number: (net.layers[number].weight, net.layers[number].bias)
        network = eqx.tree_at(where, network, (jnp.asarray(weight), jnp.asarray(bias)))
    u = PINN(eq_type="PDEStatio", eqx_network=network)
    params = Params(nn_params=u.init_params, eq_params={"one": jnp.array(1.0)})
    low, high = ((0.0,), (1.0,)) if inputs == 1 else ((-1.0, -1.0), (1.0, 1.0))
    sizes = {"n": len(case.data["points"]), "nb": len(case.data["edge"]), "dim": inputs}
    data = CubicMeshPDEStatio(key=jax.random.key(0), min_pts=low, max_pts=high, method="uniform", **sizes)
    data = eqx.tree_at(lambda one: one.omega, data, jnp.asarray(case.data["points"]))
    sides = 2 * inputs
    if inputs == 2:  # points are in their order around the square
        edge = case.data["edge"].reshape(sides, -1, inputs).transpose(1, 2, 0)
        data = eqx.tree_at(lambda one: one.omega_border, data, jnp.asarray(edge))
    weights = LossWeightsPDEStatio(dyn_loss=1.0, boundary_loss=case.weight / sides)  # it adds the means of the sides
    loss = LossPDEStatio(
        u=u, dynamic_loss=Equation(), loss_weights=weights, boundary_condition=Boundary(), params=params
    )
    options = {"init_params": params, "data": data, "loss": loss, "optimizer": optax.adam(RATE), "verbose": False}
    run = lambda steps: solve(n_iter=steps, **options)[1]
    count = int(sys.argv[4])
    with tempfile.TemporaryDirectory() as folder:  # each call compiles: the second reads what the first has compiled
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        spent = []
        for steps in (WARM, WARM, WARM + count + 1, WARM + count + 1):
            began = CLOCK()
            losses = np.asarray(run(steps))
            spent.append(CLOCK() - began)
    return {"seconds": spent[3] - spent[1], "steps": count + 1, "losses": [float(losses[0]), float(losses[-1])]}


def pina(case: Case) -> dict:
    """PINA, on PyTorch Lightning."""
    import logging

    import torch
    from lightning.pytorch.callbacks import Callback
    from pina import Condition, LabelTensor, Trainer
    from pina.domain import CartesianDomain
    from pina.equation import Equation
    from pina.model import FeedForward
    from pina.operator import laplacian
    from pina.optim import TorchOptimizer
    from pina.problem import SpatialProblem
    from pina.solver import PINN

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(THREADS)
    inputs, count = case.frequencies.shape[1], int(sys.argv[4])
    names = ["x", "y"][:inputs]

    def equation(points, outputs):
        bent = laplacian(outputs, points, components=["u"], d=names)
        return -bent - case.source(points.as_subclass(torch.Tensor), torch.sin)

    labelled = lambda name, labels: LabelTensor(torch.tensor(case.data[name]), labels)

    class Problem(SpatialProblem):
        output_variables = ["u"]  # ruff: ignore[mutable-class-default]
        spatial_domain = CartesianDomain(dict.fromkeys(names, [0, 1] if inputs == 1 else [-1, 1]))
        conditions = {  # ruff: ignore[mutable-class-default]
            "inside": Condition(input=labelled("points", names), equation=Equation(equation)),
            "edge": Condition(input=labelled("edge", names), target=labelled("edge_values", ["u"])),
        }

    width = case.weights[0].shape[0]
    network = FeedForward(inputs, 1, layers=[width] * 3, func=torch.nn.Tanh)
    linears = [one for one in network.modules() if isinstance(one, torch.nn.Linear)]
    with torch.no_grad():
        for layer, weight, bias in zip(linears, case.weights, case.biases, strict=True):
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.copy_(torch.tensor(bias))
    times, losses = {}, []

    class Watch(Callback):
        def on_train_epoch_start(self, trainer, module):
            times[trainer.current_epoch] = CLOCK()

        def on_train_batch_end(self, trainer, module, outputs, batch, index):
            losses.append(float(outputs["loss"] if isinstance(outputs, dict) else outputs))

    solver = PINN(Problem(), network, optimizer=TorchOptimizer(torch.optim.Adam, lr=RATE))
    quiet = {"enable_progress_bar": False, "logger": False, "enable_checkpointing": False}
    Trainer(solver, max_epochs=WARM + count + 1, accelerator="cpu", callbacks=[Watch()], **quiet).train()
    return {"seconds": times[WARM + count] - times[WARM], "steps": count, "losses": [losses[0], losses[-1]]}


def main() -> int:
    packages = {"deepxde": (deepxde, "deepxde"), "jinns": (jinns, "jinns"), "pina": (pina, "pina-mathlab")}
    run, name = packages[sys.argv[1]]
    found = run(Case(sys.argv[2]))
    print(json.dumps({**found, "version": f"{sys.argv[1]} {version(name)}"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
