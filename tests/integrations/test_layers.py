"""Which rows are shown of each kind of layer, and which layer reads which."""

import numpy as np
import pytest
import torch
from torch import nn

from simplebias.core.errors import InputError
from simplebias.integrations.layers import ACTIVATIONS, layers_of, linked, weights_of
from simplebias.integrations.modules import untouched
from simplebias.torch import MultiScale


def rows_of(model, name=None):
    with torch.no_grad():
        found = {one.name: one for one in weights_of(layers_of(model))}
    return found[name] if name else next(iter(found.values()))


def test_a_row_of_a_convolution_gives_one_output():
    """Each row with its bias, on the patch that it reads, is the pixel that the convolution gives."""
    for groups in (1, 2):
        layer = nn.Conv2d(4, 6, (3, 2), groups=groups)
        picture = torch.randn(1, 4, 3, 2)
        rows = rows_of(layer)
        parts = picture.reshape(groups, -1).repeat_interleave(6 // groups, 0).numpy()
        by_hand = (rows.incoming * parts).sum(1) + rows.bias
        assert np.allclose(by_hand, layer(picture).detach().numpy().ravel(), atol=1e-6)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_row_of_a_transposed_convolution_is_the_kernel_of_one_output(groups):
    layer = nn.ConvTranspose1d(4, 6, 3, groups=groups, bias=False)
    rows = rows_of(layer).incoming.reshape(6, 4 // groups, 3)
    impulse = torch.eye(4)[:, :, None]  # what each input channel alone gives
    given = layer(impulse).detach().numpy()
    for output in range(6):
        own = range(4)[output // (6 // groups) * (4 // groups) :][: 4 // groups]
        assert np.allclose(rows[output], given[list(own), output], atol=1e-6)


def test_attention_and_embeddings_are_named_by_what_they_do():
    model = nn.ModuleDict({
        "words": nn.Embedding(11, 8), "mix": nn.MultiheadAttention(8, 2),
        "other": nn.MultiheadAttention(8, 2, kdim=5, vdim=5),
    })  # fmt: skip
    names = [layer.name for layer in layers_of(model)]
    parts = ["query", "key", "value", "out_proj"]
    assert names[:5] == ["words", *(f"mix{'.' if part == 'out_proj' else ' '}{part}" for part in parts)]
    assert np.array_equal(rows_of(model, "words").incoming, model["words"].weight.detach())
    key = rows_of(model, "mix key")
    assert np.array_equal(key.incoming, model["mix"].in_proj_weight.detach()[8:16])
    assert key.bias.shape == (8,)
    assert rows_of(model, "other value").incoming.shape == (8, 5)
    assert [one.name for one in layers_of(model, ["mix", "words"])] == [*names[1:5], "words"]
    with pytest.raises(InputError, match="Did you mean 'mix key'"):
        layers_of(model, ["mix kye"])
    with pytest.raises(InputError, match="without any"):
        layers_of(nn.Sequential(nn.ReLU(), nn.Linear(3, 1)))


def test_shared_weights_are_shown_once_and_parametrised_ones_as_they_act():
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)))
    before = {name: one.clone() for name, one in model.state_dict().items()}
    with untouched(model):
        found = weights_of(layers_of(model))
    assert [one.name for one in found] == ["0", "3"]
    assert np.linalg.norm(found[1].incoming, 2) == pytest.approx(1, abs=0.2)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())  # no power iteration


def test_modules_of_the_package_show_their_scales():
    model = nn.Sequential(MultiScale(2, 3, 8, 2, scales=(1, 10)), nn.Tanh())
    assert [layer.name for layer in layers_of(model)] == ["0 layer 1", "0 layer 2"]
    rows = rows_of(model, "0 layer 1").incoming
    assert np.allclose(rows[4:], 10 * model[0].layers[0].weight[1].detach(), rtol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_reads_a_layer_is_found_with_the_activation(name):
    torch.manual_seed(1)

    class Two(nn.Module):
        def __init__(self):
            nn.Module.__init__(self)
            self.one, self.two = nn.Linear(2, 20), nn.Linear(20, 3)

        def forward(self, x):
            return self.two(ACTIVATIONS[name](self.one(x)))

    model, x = Two(), 3 * torch.randn(8, 2)
    with untouched(model):
        first, last = linked(model, layers_of(model), x)
        shown = weights_of([first, last])
    assert (first.activation, last.activation) == (name, "")
    assert np.array_equal(shown[0].outgoing, model.two.weight.detach())
    assert shown[1].outgoing is None


def test_a_shortcut_or_a_normalisation_between_is_no_link():
    class Between(nn.Module):
        def __init__(self, kind):
            nn.Module.__init__(self)
            self.kind, self.norm = kind, nn.LayerNorm(6)
            self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x):
            h = torch.relu(self.one(x))
            return self.two(self.norm(h) if self.kind == "norm" else h + x)

    for kind in ("norm", "shortcut"):
        model = Between(kind)
        with untouched(model):
            assert not any(one.activation for one in linked(model, layers_of(model), torch.randn(8, 6)))


def test_the_weights_that_read_a_convolution():
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 3))
    with untouched(model):
        first, _ = linked(model, layers_of(model), torch.randn(8, 1, 5, 5))
        (shown,) = weights_of([first])
    assert shown.outgoing.shape == (2 * 9, 3)
    assert np.array_equal(np.sort(shown.outgoing[:, 1]), np.sort(model[2].weight.detach()[:, 1].ravel()))
