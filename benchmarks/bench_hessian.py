"""Hessian of an MLP of 100,000 parameters on 5000 points: products, both ends of the spectrum, density; a dense one.

    python benchmarks/bench_hessian.py [--rounds 3] [--steps 40] [--points 5000] [--only QUESTION]
        [--rivals FOLDER]

The rival that is always there is what PyHessian does, written in PyTorch by hand: the gradient's graph is kept, and a
product is one backward pass through it. With FOLDER the packages themselves run too:

    python -m pip install --no-deps --target FOLDER pyhessian curvlinops-for-pytorch backpack-for-pytorch einops \
        einconv unfoldnd linear-operator tqdm

All sides have the same weights, points and float32, take turns in one process with two threads, after a call in which
JAX compiles, and their products are compared first. Ends: ours from one run of Lanczos' method; PyTorch's and
curvlinops' by SciPy's `eigsh(which="BE")` to the same tolerance; PyHessian's largest eigenvalue alone, by power
iteration to its default tolerance. Density: as many products on every side. Exit status 1 unless all of it is at least
as fast as each rival, products agree to 1e-3, and the dense Hessian of 2000 parameters (1000 points, float64) takes at
most 10 s once compiled.
"""

import argparse
import os
import platform
import statistics
import sys
import time

import jax
import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from simplebias.core import Regression
from simplebias.landscape import (
    extreme_eigenvalues,
    hessian,
    hessian_operator,
    parameter_vector,
    spectral_density,
)
from simplebias.networks import MLP

WIDTH, INPUTS = 310, 10
TOLERANCE, APART, DENSE_SECONDS = 1e-4, 1e-3, 10
SLOW = 30
"""Seconds above which a function gets one turn only."""


class Torch:
    """The same network, and products with its Hessian from the kept graph of its gradient."""

    def __init__(self, network: MLP, task: Regression):
        layers = []
        for layer in network.layers:
            targets, sources = layer.weight.shape
            layers += [torch.nn.Linear(sources, targets), torch.nn.Tanh()]
            with torch.no_grad():
                layers[-2].weight.copy_(torch.tensor(np.asarray(layer.weight)))
                layers[-2].bias.copy_(torch.tensor(np.asarray(layer.bias)))
        self.model = torch.nn.Sequential(*layers[:-1])
        self.points, self.values = (torch.tensor(np.asarray(one)) for one in (task.points, task.values))
        self.loss = torch.nn.MSELoss()
        self.parameters = list(self.model.parameters())
        loss = self.loss(self.model(self.points), self.values)
        self.gradient = torch.autograd.grad(loss, self.parameters, create_graph=True)
        self.shapes = [one.shape for one in self.parameters]

    def product(self, vector: np.ndarray) -> np.ndarray:
        """The Hessian times a vector."""
        parts = torch.split(torch.tensor(vector, dtype=torch.float32), [shape.numel() for shape in self.shapes])
        along = [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]
        found = torch.autograd.grad(self.gradient, self.parameters, grad_outputs=along, retain_graph=True)
        return torch.cat([one.reshape(-1) for one in found]).numpy()

    def operator(self) -> LinearOperator:
        """The Hessian for SciPy."""
        size = sum(shape.numel() for shape in self.shapes)
        return LinearOperator((size, size), matvec=self.product, dtype=np.float32)

    def lanczos(self, steps: int) -> np.ndarray:
        """Steps of Lanczos' method with all the orthogonalisation that PyHessian does, in PyTorch."""
        size = sum(shape.numel() for shape in self.shapes)
        vectors = [np.sign(np.random.default_rng(0).normal(size=size)).astype(np.float32) / np.sqrt(size)]
        diagonal, beside = [], []
        for _ in range(steps):
            left = self.product(vectors[-1])
            basis = np.stack(vectors)
            shares = basis @ left
            diagonal.append(shares[-1])
            left = left - shares @ basis
            beside.append(np.linalg.norm(left))
            vectors.append(left / beside[-1])
        return np.linalg.eigvalsh(np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1))


def timed(function) -> tuple[float, object]:
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def packages(rival: Torch, steps: int) -> dict[str, dict]:
    """What PyHessian and curvlinops do, as functions by question."""
    from curvlinops import HessianLinearOperator
    from curvlinops.papyan2020traces.spectrum import lanczos_approximate_spectrum
    from pyhessian import hessian as pyhessian

    def eig(matrix, eigenvectors=True):  # PyHessian calls what PyTorch 1.9 took away
        values, vectors = torch.linalg.eigh(matrix)
        return torch.stack([values, torch.zeros_like(values)], dim=1), vectors

    torch.eig = eig
    data = (rival.points, rival.values)
    theirs = pyhessian(rival.model, rival.loss, data=data, cuda=False)
    operator = HessianLinearOperator(rival.model, rival.loss, rival.parameters, [data], check_deterministic=False)
    scipy_operator = operator.to_scipy()

    def density():
        return lanczos_approximate_spectrum(operator, steps, num_points=512, num_repeats=1, boundaries=(-5.0, 45.0))

    return {
        "product": {"curvlinops": lambda: scipy_operator @ np.ones(operator.shape[0], np.float32)},
        "ends": {
            "curvlinops": lambda: eigsh(scipy_operator, 2, which="BE", tol=TOLERANCE, return_eigenvectors=False),
            "PyHessian": lambda: theirs.eigenvalues(top_n=1)[0],
        },
        "density": {"curvlinops": density, "PyHessian": lambda: theirs.density(iter=steps, n_v=1)},
    }


def sides(count: int, steps: int, folder: str | None) -> tuple[dict[str, dict], float]:
    """For each question our function and those of the rivals; and how far products are apart."""
    network = MLP(INPUTS, 1, WIDTH, 2, key=jax.random.key(0))
    points = np.random.default_rng(0).normal(size=(count, INPUTS)).astype(np.float32)
    task = Regression(points, np.sin(points.sum(axis=1)))
    rival, ones = Torch(network, task), np.ones(parameter_vector(network).size, np.float32)
    operator = hessian_operator(network, task, precision="float32")
    options = {"precision": "float32", "key": jax.random.key(1)}
    found = {
        "product": {"simplebias": lambda: operator @ ones, "PyTorch": lambda: rival.product(ones)},
        "ends": {
            "simplebias": lambda: extreme_eigenvalues(network, task, tolerance=TOLERANCE, **options).values,
            "PyTorch": lambda: eigsh(rival.operator(), 2, which="BE", tol=TOLERANCE, return_eigenvectors=False),
        },
        "density": {
            "simplebias": lambda: spectral_density(network, task, steps=steps, vectors=1, **options),
            "PyTorch": lambda: rival.lanczos(steps),
        },
    }
    if folder:
        sys.path.insert(0, folder)
        for question, more in packages(rival, steps).items():
            found[question] |= more
    ours, theirs = operator @ ones, rival.product(ones)
    return found, float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def compare(question: str, functions: dict, rounds: int) -> bool:
    """Whether ours is at least as fast as each of them, by medians of turns."""
    functions["simplebias"]()  # compiles
    times = {name: [] for name in functions}
    for turn in range(rounds):
        for name, function in functions.items():
            if turn == 0 or times[name][0] < SLOW:
                times[name].append(timed(function)[0])
    medians = {name: statistics.median(all_) for name, all_ in times.items()}
    for name, spent in medians.items():
        ratio = spent / medians["simplebias"]
        print(
            f"{question:>8} {name:>11}: {spent:8.3f} s ({min(times[name]):.3f}–{max(times[name]):.3f}), {ratio:.1f}×",
            flush=True,
        )
    return all(spent >= medians["simplebias"] for spent in medians.values())


def dense() -> float:
    """Seconds of the second call of a dense Hessian of 1995 parameters."""
    network = MLP(INPUTS, 1, (40, 37), key=jax.random.key(0))
    points = np.random.default_rng(0).normal(size=(1000, INPUTS))
    task = Regression(points, np.sin(points.sum(axis=1)))
    first, second = (timed(lambda: hessian(network, task))[0] for _ in range(2))
    print(f"dense Hessian of {parameter_vector(network).size} parameters: {second:.2f} s, first call {first:.2f} s")
    return second


def main() -> int:
    parser = argparse.ArgumentParser(description="Hessians against PyTorch, PyHessian and curvlinops.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--points", type=int, default=5000)
    parser.add_argument("--only", choices=["product", "ends", "density", "dense"])
    parser.add_argument("--rivals")
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}, JAX {jax.__version__}, PyTorch {torch.__version__}: two hidden layers of "
        f"{WIDTH}, {options.points} points, float32, densities of {options.steps} products"
    )
    questions, apart = sides(options.points, options.steps, options.rivals)
    print(f"products differ by {apart:.1e} of the largest entry", flush=True)
    good = apart <= APART
    for question, functions in questions.items():
        if options.only in {None, question}:
            good = compare(question, functions, options.rounds) and good
    if options.only in {None, "dense"}:
        good = dense() <= DENSE_SECONDS and good
    print(f"bounds: as fast as each, {APART:g} apart, dense in {DENSE_SECONDS} s: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
