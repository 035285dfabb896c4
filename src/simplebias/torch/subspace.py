"""Subspace decomposition as a PyTorch module: a coarse model and fine ones, kept from saying the same."""

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from simplebias.core.errors import check_choice
from simplebias.core.types import ArrayLike
from simplebias.networks.subspace import KINDS
from simplebias.networks.subspace import SubspaceNet as _Checked


class SubspaceNet(nn.Module):
    """A sum of a coarse model and fine ones, `u(x) = N_c(x) + Σ_j α_j N_j(x)`.

    The same as `simplebias.networks.SubspaceNet`; parts are any modules of one shape of output.

    Args:
        coarse: N_c.
        fine: N_j, one module or several.
        contributions: fixed factors α_j, about the size of the fine part of the solution over the coarse one.

    Raises:
        InputError: for no fine module, or factors that are not as many, finite and not 0.

    References:
        Li, Xu, Zhang, Subspace decomposition based DNN algorithm for elliptic type multi-scale PDEs, arXiv:2112.06660.

    Example:
        >>> from simplebias.torch import MultiScale
        >>> coarse = nn.Sequential(nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 1))
        >>> model = SubspaceNet(coarse, MultiScale(1, 1, 30, 2, scales=(20, 40, 80)), contributions=0.05)
        >>> model(torch.rand(7, 1)).shape, model.parts(torch.rand(7, 1)).shape
        (torch.Size([7, 1]), torch.Size([2, 7, 1]))
    """

    def __init__(self, coarse: nn.Module, fine: Any, *, contributions: ArrayLike = None):
        nn.Module.__init__(self)
        several = tuple(fine) if isinstance(fine, tuple | list | nn.ModuleList) else (fine,)
        self.contributions = _Checked(coarse, several, contributions=contributions).contributions
        self.coarse, self.fine = coarse, nn.ModuleList(several)

    def parts(self, x: Tensor) -> Tensor:
        """What each part adds to the outputs, the coarse one first, factors included, `(parts, ..., outputs)`."""
        added = [factor * one(x) for factor, one in zip(self.contributions, self.fine, strict=True)]
        return torch.stack([self.coarse(x), *added])

    def forward(self, x: Tensor) -> Tensor:
        """Sum of all parts."""
        return self.parts(x).sum(dim=0)


def orthogonality(model: SubspaceNet, points: Tensor, *, kind: str = "mean") -> Tensor:
    """How far the parts of a subspace model are from orthogonal, summed over all pairs; to be added to a loss.

    With p and q two parts: `mean`, `(E p·q)²`, is the square of their inner product; `pointwise` is `E (p·q)²`;
    `gradients`, `E (∇p·∇q)²`. See `simplebias.networks.orthogonality`.

    Args:
        model: the parts.
        points: `(points, inputs)`, over which E is the mean.
        kind: "mean", "pointwise" or "gradients".

    Returns:
        The term, without the factor of the loss.

    Raises:
        InputError: for an unknown kind.

    References:
        Li, Xu, Zhang, Subspace decomposition based DNN algorithm for elliptic type multi-scale PDEs, arXiv:2112.06660.

    Example:
        >>> from simplebias.torch import Sine
        >>> x = 2 * torch.pi * torch.arange(16.0)[:, None] / 16
        >>> waves = SubspaceNet(Sine(1), Sine(2))
        >>> round(float(orthogonality(waves, x)), 5), round(float(orthogonality(waves, x, kind="pointwise")), 5)
        (0.0, 0.25)
    """
    check_choice(kind, "kind", KINDS)
    if kind == "gradients":
        where = points if points.requires_grad else points.detach().requires_grad_(True)
        found = torch.stack([_slopes(part, where) for part in model.parts(where)])
    else:
        found = model.parts(points).flatten(2)
    pairs = itertools.combinations(range(len(found)), 2)
    products = [(found[one] * found[other]).sum(dim=1) for one, other in pairs]
    return torch.stack([each.mean() ** 2 if kind == "mean" else (each**2).mean() for each in products]).sum()


def _slopes(part: Tensor, points: Tensor) -> Tensor:
    """Derivatives of all outputs of a part in all inputs, `(points, outputs · inputs)`."""
    columns = part.flatten(1).unbind(dim=1)
    slopes = [torch.autograd.grad(one.sum(), points, create_graph=True)[0] for one in columns]
    return torch.cat(slopes, dim=1)
