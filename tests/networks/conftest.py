"""An independent network in NumPy: outputs, gradient and Hessian, of which no line is the package's."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.networks import ResNet

STEP = 1e-20  # of complex differentiation, which loses no digits
POINTS = 60


def parts(network):
    """Weight and bias of each layer; a list, for the twin knows nothing of the package."""
    return [
        (np.asarray(layer.weight), np.zeros(0) if layer.bias is None else np.asarray(layer.bias))
        for layer in network.layers
    ]


def elu(z):
    return np.where(z.real > 0, z, np.exp(z) - 1)


ACTIVATIONS = {  # and the derivative from the activation
    "tanh": (np.tanh, lambda a: 1 - a**2),
    "relu": (lambda z: z * (z.real > 0), lambda a: a.real > 0),
    "elu": (elu, lambda a: np.where(a.real > 0, 1, a + 1)),
    "xtanh": (lambda z: z * np.tanh(z), None),
    "sin": (np.sin, None),
}


class Twin:
    """Outputs, and gradient and Hessian of the mean square, of a network in NumPy."""

    def __init__(self, network, x):
        self.parts, self.x, self.shortcut = parts(network), x, isinstance(network, ResNet)
        self.function, self.derivative = ACTIVATIONS[network.activation]
        self.theta = np.concatenate([one.ravel() for pair in self.parts for one in pair])

    def layers(self, theta):
        found, start = [], 0
        for weight, bias in self.parts:
            middle, end = start + weight.size, start + weight.size + bias.size
            found.append((theta[start:middle].reshape(weight.shape), theta[middle:end] if bias.size else 0.0))
            start = end
        return found

    def run(self, theta):
        h = [self.x]
        *hidden, (weight, bias) = self.layers(theta)
        for place, (inner, shift) in enumerate(hidden):
            h.append(self.function(h[-1] @ inner.T + shift) + (h[-1] if self.shortcut and place else 0))
        return h, h[-1] @ weight.T + bias

    def gradient(self, theta, y):
        h, outputs = self.run(theta)
        back, found = 2 * (outputs - y) / y.size, []
        layers = self.layers(theta)
        for place in range(len(layers) - 1, -1, -1):
            (weight, _), (_, bias) = layers[place], self.parts[place]
            delta = back
            if place < len(layers) - 1:
                a = h[place + 1] - (h[place] if self.shortcut and place else 0)
                delta = back * self.derivative(a)
            found.append(np.concatenate([(delta.T @ h[place]).ravel(), delta.sum(axis=0)[: bias.size]]))
            passed = self.shortcut and 0 < place < len(layers) - 1
            back = delta @ weight + (back if passed else 0)
        return np.concatenate(found[::-1])

    def differentiate(self, function):
        steps = 1j * STEP * np.eye(self.theta.size)
        return np.stack([np.imag(function(self.theta + step)) / STEP for step in steps], axis=-1)

    def slope(self, y):
        return np.abs(self.gradient(self.theta, y)).max()

    def outputs(self):
        return self.run(self.theta)[1]

    def critical_values(self, draw):
        """Targets f - e with Jᵀe = 0, of which any θ is a critical point."""
        jacobian = self.differentiate(lambda theta: self.run(theta)[1]).reshape(-1, self.theta.size)
        noise = draw.normal(size=len(jacobian))
        left, sizes, _ = np.linalg.svd(jacobian, full_matrices=False)
        left = left[:, sizes > 1e-12 * sizes[0]]
        for _ in range(2):
            noise = noise - left @ (left.T @ noise)
        return self.outputs() - noise.reshape(self.outputs().shape)

    def inertia(self, y, tolerance=1e-10):
        hessian = self.differentiate(lambda theta: self.gradient(theta, y))
        assert np.allclose(hessian, hessian.T, rtol=0, atol=1e-12)
        values = np.linalg.eigvalsh(hessian)
        bound = tolerance * np.abs(values).max()
        return np.array([(values > bound).sum(), (np.abs(values) <= bound).sum(), (values < -bound).sum()])


class PictureTwin(Twin):
    """A tanh SmallCNN of two convolutions of 4 × 4 pixels; the gradient is that of complex differentiation."""

    def run(self, theta):
        picture, (first, second, inner, last) = self.x.reshape(-1, 4, 4, 1), self.layers(theta)
        for weight, bias in (first, second):
            wide = np.pad(picture, ((0, 0), (1, 1), (1, 1), (0, 0)))
            taps = [wide[:, i : i + 4, j : j + 4] for i in range(3) for j in range(3)]
            picture = np.tanh(np.concatenate(taps, axis=3) @ weight.T + bias)
        cells = np.stack([picture[:, i::2, j::2] for i in range(2) for j in range(2)])
        pooled = np.take_along_axis(cells, cells.real.argmax(axis=0)[None], axis=0)[0]
        hidden = np.tanh(pooled.reshape(len(pooled), -1) @ inner[0].T + inner[1])
        return None, hidden @ last[0].T + last[1]

    def gradient(self, theta, y):
        return self.differentiate(lambda moved: ((self.run(moved)[1] - y) ** 2).mean())


def drawn(network, seed=0):
    """The network with Gaussian weights in every layer, biases of the output layer too."""
    draw = np.random.default_rng(seed)
    return jax.tree.map(
        lambda a: jnp.asarray(0.8 * draw.normal(size=a.shape)) if eqx.is_inexact_array(a) else a, network
    )


def flat(network):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))])


@pytest.fixture
def twin():
    """A network in NumPy."""
    return Twin


@pytest.fixture
def picture_twin():
    """A convolutional network in NumPy."""
    return PictureTwin


@pytest.fixture(name="drawn")
def fixture_drawn():
    """Gaussian weights in every layer."""
    return drawn


@pytest.fixture(name="flat")
def fixture_flat():
    """All weights of a network."""
    return flat


@pytest.fixture
def draw():
    return np.random.default_rng(7)


@pytest.fixture
def x(draw):
    return draw.normal(size=(POINTS, 2))
