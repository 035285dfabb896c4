"""Optimistic sample sizes in closed form: the fewest samples from which a function can be recovered.

The optimistic sample size of a function is the least model rank over all parameters of a model that give it. It does
not grow with the width of a network, as wide networks hold narrow ones; it does grow where connections are added. Each
formula is the `model_rank` of a network in general position that is just wide enough.
"""

import itertools
from collections.abc import Sequence

from simplebias.core.errors import InputError, check_positive


def _whole(**sizes: int) -> None:
    for name, size in sizes.items():
        check_positive(size, name, integer=True)


def matrix_sample_size(rank: int, rows: int, columns: int | None = None) -> int:
    """Optimistic sample size of a matrix completed by factors `A B`, `r (rows + columns) - r²`.

    For square matrices that is `2 r d - r²`, the dimension of the matrices of rank r, whatever the inner size of the
    factors.

    Args:
        rank: r of the matrix to be completed.
        rows: of the matrix.
        columns: of the matrix; as many as rows by default.

    Returns:
        Number of entries.

    Raises:
        InputError: for sizes that are not whole numbers > 0, or a rank larger than a side.

    References:
        Zhang, Zhang, Zhang, Bai, Luo, Xu, Optimistic estimate uncovers the potential of nonlinear models,
        arXiv:2307.08921.

    Example:
        >>> [matrix_sample_size(rank, 4) for rank in (1, 2, 3, 4)]
        [7, 12, 15, 16]
    """
    columns = rows if columns is None else columns
    _whole(rank=rank, rows=rows, columns=columns)
    if rank > min(rows, columns):
        raise InputError(f"a rank of at most {min(rows, columns)}", repr(rank))
    return int(rank * (rows + columns) - rank**2)


def two_layer_sample_size(neurons: int, inputs: int, *, bias: bool = True, output_bias: bool = False) -> int:
    """Optimistic sample size of `Σ_k a_k σ(w_k·x + b_k)` in a fully connected two-layer network: `k (d + 1)`.

    d counts what feeds a neuron, its bias included; k is the intrinsic width, the number of neurons with different
    orientations that the function cannot do without. For activations such as tanh, where σ(w·x) and σ′(w·x) x are
    independent; for ReLU, σ(z) = σ′(z) z, one less for each neuron.

    Args:
        neurons: k.
        inputs: of the network, without bias.
        bias: whether neurons have a bias.
        output_bias: whether the output layer has one.

    Returns:
        Number of samples.

    Raises:
        InputError: for sizes that are not whole numbers > 0.

    References:
        Zhang, Zhang, Zhang, Bai, Luo, Xu, Optimistic estimate uncovers the potential of nonlinear models,
        arXiv:2307.08921.

    Example:
        >>> two_layer_sample_size(2, 3, bias=False), two_layer_sample_size(3, 5)
        (8, 21)
    """
    _whole(neurons=neurons, inputs=inputs)
    return int(neurons * (inputs + bool(bias) + 1) + bool(output_bias))


def convolution_sample_size(kernels: int, patch: int, places: int, *, shared: bool = True, bias: bool = True) -> int:
    """Optimistic sample size of a function of so many kernels in a two-layer convolutional network.

    With shared weights `k_C (patch + places)`, one kernel and an output weight at each place; without,
    `k_C places (patch + 1)`. In one dimension `patch + places` is `d + 1`. Seen by a fully connected network the same
    function has `k_C places` neurons, see `two_layer_sample_size`.

    Args:
        kernels: k_C.
        patch: numbers under a kernel, channels included.
        places: of a kernel on a picture.
        shared: whether a kernel has the same weights at every place.
        bias: whether kernels have a bias, which counts as one more number of the patch.

    Returns:
        Number of samples.

    Raises:
        InputError: for sizes that are not whole numbers > 0.

    References:
        Zhang, Zhang, Zhang, Bai, Luo, Xu, Optimistic estimate uncovers the potential of nonlinear models,
        arXiv:2307.08921.

    Example:
        >>> places = 26 * 26  # of 3 × 3 pixels on 28 × 28, without biases
        >>> [convolution_sample_size(1, 9, places, shared=shared, bias=False) for shared in (True, False)]
        [685, 6760]
        >>> two_layer_sample_size(places, 28 * 28, bias=False)
        530660
    """
    _whole(kernels=kernels, patch=patch, places=places)
    weights = patch + bool(bias)
    return int(kernels * (weights + places if shared else places * (weights + 1)))


def deep_sample_size_bound(inputs: int, widths: Sequence[int], *, outputs: int = 1, bias: bool = True) -> int:
    """Bound on the optimistic sample size in deep fully connected networks: parameters of the narrowest that will do.

    `d m₁ + m₁ m₂ + … + m_{L-1}` with the widths of the narrowest network of the same depth that gives the function, d
    and the widths counting a bias as one more input.

    Args:
        inputs: d, without bias.
        widths: of the hidden layers of that network.
        outputs: of the network.
        bias: whether its layers have biases, the output layer included.

    Returns:
        Number of parameters, never more than those of the network trained.

    Raises:
        InputError: for sizes that are not whole numbers > 0, or no hidden layer.

    References:
        Zhang, Zhang, Zhang, Bai, Luo, Xu, Optimistic estimate uncovers the potential of nonlinear models,
        arXiv:2307.08921.

    Example:
        >>> deep_sample_size_bound(3, (2, 2), bias=False), deep_sample_size_bound(3, (2, 2))
        (12, 17)
    """
    if not len(widths):
        raise InputError("widths of at least one hidden layer", "none")
    sizes = (inputs, *widths, outputs)
    for size in sizes:
        check_positive(size, "inputs, widths and outputs", integer=True)
    return int(sum((a + bool(bias)) * b for a, b in itertools.pairwise(sizes)))


__all__ = ["convolution_sample_size", "deep_sample_size_bound", "matrix_sample_size", "two_layer_sample_size"]
