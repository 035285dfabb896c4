"""A layer fitted weight by weight to what it gave before, from all that it reads at a place."""

from typing import Any

import numpy as np
import torch
from torch import fx, nn

from simplebias.condensation.refitting import fit_columns
from simplebias.torch.editing import put
from simplebias.torch.spaces import Graph

FREE = 2048
"""Most weights of one channel that are fitted one by one; where there are more, channels are only mixed."""
PLACES = 8192
"""Places (points, and pixels of maps) to fit on, at most about so many."""
RATIO = 2
"""Places for each weight of a channel below which weights are not fitted one by one."""
NUMBERS = 2**22
"""Most numbers of unfolded maps held at once."""


class Given(fx.Interpreter):
    """One run of a module that keeps what layers that read channels give, at some places.

    Args:
        graph: of the module.
    """

    def __init__(self, graph: Graph):
        fx.Interpreter.__init__(self, graph.module, graph=graph.graph)
        self.read_graph, self.kept, self.places = graph, {}, {}

    def run_node(self, n: fx.Node) -> Any:
        """Keep some of what a layer gives, before anything may change it in place."""
        value = fx.Interpreter.run_node(self, n)
        if n.name in self.read_graph.reads:
            flat = _channels_second(value, self.read_graph.module.get_submodule(str(n.target)))
            self.places[n.name] = _some_places(len(flat), flat.shape[2]).to(flat.device)
            self.kept[n.name] = _taken(flat, self.places[n.name]).clone()
        return value


def fit_windows(layer: Any, value: torch.Tensor, places: torch.Tensor, wanted: torch.Tensor) -> None:
    """Fit the weights of a layer by least squares, starting from those it has, in place.

    Left as it is: a layer with more weights of a channel than can be fitted or than there are places for, with groups,
    of another padding than by zeros, or of other maps than pictures.

    Args:
        layer: Linear, or a convolution.
        value: what it reads.
        places: `(points, places)`, at which places of what it gives.
        wanted: `(points · places, channels)`, what it is to give there.
    """
    columns = layer.weight[0].numel()
    if columns > FREE or len(wanted) < RATIO * columns or not _can(layer):
        return
    read, wanted = _read(layer, value, places).double(), wanted.double()
    shifted = layer.bias is not None
    middle, level = (one.mean(dim=0) * shifted for one in (read, wanted))
    off, goal = read - middle, wanted - level
    gram, cross = ((off.T @ one / len(off)).cpu().numpy() for one in (off, goal))
    old = layer.weight.detach()
    fitted = fit_columns(gram, cross, np.arange(columns), old.reshape(len(old), -1).T.double().cpu().numpy()).T
    weight = torch.as_tensor(np.ascontiguousarray(fitted), device=old.device)
    put(layer, "weight", weight.reshape(old.shape).to(old.dtype))
    if shifted:
        put(layer, "bias", (level - weight @ middle).to(old.dtype))


def _can(layer: Any) -> bool:
    if isinstance(layer, nn.Linear):
        return True
    zeros = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return isinstance(layer, nn.Conv2d) and layer.groups == 1 and zeros


def _read(layer: Any, value: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """What a layer reads at some places, `(points · places, columns)`."""
    if isinstance(layer, nn.Linear):
        return _taken(_channels_second(value, layer), places)
    each = layer.weight[0].numel() * value[0, 0].numel()
    count, found = max(1, NUMBERS // each), []
    for some, chosen in zip(value.split(count), places.split(count), strict=True):
        maps = nn.functional.unfold(some, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        found.append(_taken(maps, chosen))
    return torch.cat(found)


def _channels_second(value: torch.Tensor, layer: nn.Module) -> torch.Tensor:
    """As `(points, channels, places)`."""
    moved = value.movedim(-1, 1) if isinstance(layer, nn.Linear) else value
    return moved.reshape(*moved.shape[:2], -1)


def _some_places(points: int, count: int) -> torch.Tensor:
    """So many places of each point, `(points, places)`; the same at every call."""
    most = min(count, -(-PLACES // points))
    random = np.random.default_rng(0)
    return torch.as_tensor(np.stack([random.permutation(count)[:most] for _ in range(points)]))


def _taken(value: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Values at some places, one after the other, `(points · places, channels)`."""
    return torch.take_along_dim(value, places[:, None], dim=2).transpose(1, 2).reshape(-1, value.shape[1])
