"""Reduction of PyTorch modules: what was split is merged again exactly, and nothing else is touched."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import simplebias
from simplebias.core.errors import InputError
from simplebias.torch import ReducedModule, reduce


class Block(nn.Module):
    """A basic residual block, as that of ResNet-18."""

    def __init__(self, inputs, outputs, stride):
        nn.Module.__init__(self)
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.relu, self.downsample = nn.ReLU(inplace=True), None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        """Convolutions, and the shortcut."""
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Residual(nn.Module):
    """A small ResNet."""

    def __init__(self):
        nn.Module.__init__(self)
        self.conv1, self.bn1, self.relu = nn.Conv2d(1, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(Block(4, 4, 1), Block(4, 4, 1))
        self.layer2 = nn.Sequential(Block(4, 8, 2), Block(8, 8, 1))
        self.avgpool, self.dropout, self.fc = nn.AdaptiveAvgPool2d(1), nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x):
        """Pictures to outputs."""
        x = self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(self.dropout(torch.flatten(self.avgpool(x), 1)))


class Inverted(nn.Module):
    """Inverted residual blocks, as those of MobileNetV2."""

    def __init__(self):
        nn.Module.__init__(self)
        wide = lambda inputs, outputs, groups: nn.Sequential(
            nn.Conv2d(inputs, outputs, 1 if groups == 1 else 3, 1, 0 if groups == 1 else 1, groups=groups, bias=False),
            nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True),
        )  # fmt: skip
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU6(inplace=True))
        self.expand, self.depthwise = wide(4, 6, 1), wide(6, 6, 6)
        self.project = nn.Sequential(nn.Conv2d(6, 4, 1, bias=False), nn.BatchNorm2d(4))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        """Pictures to outputs."""
        x = self.stem(x)
        x = x + self.project(self.depthwise(self.expand(x)))
        return self.head(x.mean([2, 3]))


def settled(module, points):
    """A module with statistics of its own in its normalisation, evaluating."""
    generator = torch.Generator().manual_seed(5)
    for one in module.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.weight.data.uniform_(0.5, 1.5, generator=generator)
            one.bias.data.normal_(0.5, 0.2, generator=generator)
    with torch.no_grad():
        module.train()(points)
    return module.eval()


def doubled(layer, norm=None, followers=(), factor=1.0):
    """Make the second half of the rows of a layer, and of what follows it, those of the first."""
    half = len(layer.weight) // 2
    with torch.no_grad():
        for one in (layer, *followers, *([norm] if norm is not None else [])):
            scale = factor if one is (layer if norm is None else norm) else 1.0
            for name in ("weight", "bias", "running_mean", "running_var"):
                value = getattr(one, name, None)
                if value is not None:
                    value[half:] = value[:half] * (scale if name in {"weight", "bias"} else 1.0)


def same(small, module, points):
    with torch.no_grad():
        old, new = module.eval()(points), small.eval()(points)
    return float((old - new).norm() / old.norm())


@pytest.fixture(autouse=True)
def seeded():
    """Weights that are the same each time."""
    torch.manual_seed(0)


@pytest.fixture
def pictures():
    return torch.randn(24, 1, 12, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("function", "factor"), [(nn.ReLU, 3.0), (nn.Tanh, -1.0), (nn.GELU, 1.0)])
def test_twins_in_a_dense_network_are_merged(function, factor):
    module = nn.Sequential(
        nn.Linear(3, 12), function(), nn.Dropout(0.3), nn.Linear(12, 10), function(), nn.Linear(10, 2)
    )
    doubled(module[0], factor=factor)
    doubled(module[3], factor=factor)
    points, before = torch.randn(200, 3), copy.deepcopy(module.state_dict())
    small = reduce(module.train(), points, tolerance=1e-5)
    assert small.widths == {"0": (12, 6), "3": (10, 5)}
    assert small.condensed
    assert "5" in small.frozen
    assert np.array_equal(small.assignment["0"], np.tile(small.assignment["0"][:6], 2))
    assert all(one.training for one in small.module.modules())  # as it was
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert same(small.module, module, torch.randn(500, 3)) < 1e-5  # elsewhere too
    loss = small.module(points).square().mean()
    loss.backward()
    assert all(one.grad is not None for one in small.module.parameters())  # it can be trained on


def test_kernels_with_normalisation_are_merged(pictures):
    module = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3, padding=1),
        nn.ReLU(), nn.Flatten(), nn.Linear(6 * 25, 2),
    )  # fmt: skip
    settled(module, pictures)
    doubled(module[0], module[1], factor=2.0)
    doubled(module[4], factor=0.5)
    small = reduce(module, pictures, tolerance=1e-5)
    assert small.widths == {"0": (8, 4), "4": (6, 3)}
    assert same(small.module, module, torch.randn(9, 1, 12, 12)) < 1e-5
    assert (small.module[1].num_features, small.module[7].in_features) == (4, 75)


def test_a_residual_network_is_merged_where_shortcuts_tie_its_layers(pictures):
    module = settled(Residual(), pictures)
    blocks: list[Any] = [*module.layer1, *module.layer2]
    for block in blocks:
        doubled(block.conv1, block.bn1, factor=2.0)
        doubled(block.conv2, block.bn2)
    doubled(module.conv1, module.bn1)
    doubled(*blocks[2].downsample)
    small = reduce(module, pictures, tolerance=1e-5)
    assert ("conv1", "layer1.0.conv2", "layer1.1.conv2") in small.groups
    assert ("layer2.0.conv2", "layer2.0.downsample.0", "layer2.1.conv2") in {tuple(sorted(g)) for g in small.groups}
    assert all(after == before // 2 for before, after in small.widths.values())
    assert isinstance(small.module, Residual)
    assert same(small.module, module, torch.randn(9, 1, 12, 12)) < 1e-5
    again = copy.deepcopy(small.module)
    again.load_state_dict(small.module.state_dict())


def test_a_residual_network_with_one_odd_layer_stays_as_it_is(pictures):
    module = settled(Residual(), pictures)
    doubled(module.conv1, module.bn1)  # but not what the shortcut adds to it
    small = reduce(module, pictures, tolerance=1e-5)
    assert small.widths["conv1"] == (4, 4)


def test_depthwise_convolutions_follow(pictures):
    module = settled(Inverted(), pictures)
    expand, depthwise = list(module.expand), list(module.depthwise)
    doubled(expand[0], expand[1], depthwise[:2])
    small = reduce(module, pictures, tolerance=1e-5)
    assert small.widths["expand.0"] == (6, 3)
    assert small.widths["stem.0"] == (4, 4)
    layer = small.module.depthwise[0]
    assert (layer.groups, layer.in_channels, layer.out_channels, len(layer.weight)) == (3, 3, 3, 3)
    assert same(small.module, module, torch.randn(9, 1, 12, 12)) < 1e-5


def test_a_refit_keeps_what_was_asked_for_and_finds_columns_told_by_others():
    module = nn.Sequential(nn.Linear(4, 9, bias=False), nn.Identity(), nn.Linear(9, 2))
    points = torch.randn(100, 4)
    small = reduce(module, points, keep={"0": 4})  # nine linear neurons of four inputs
    assert small.widths == {"0": (9, 4)}
    assert small.change < 1e-5
    assert same(small.module, module, torch.randn(50, 4)) < 1e-4


def test_a_refit_tells_a_shifted_map_from_the_pixels_beside_it():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Identity(), nn.Conv2d(2, 3, 3))
    with torch.no_grad():
        module[0].weight[:] = 0
        module[0].weight[0, 0, 1, 1] = module[0].weight[1, 0, 1, 2] = 1  # the second map is the first, one pixel on
        module[2].weight[:, :, :, ::2] = 0
    small = reduce(module, torch.randn(20, 1, 12, 12), keep={"0": 1})
    assert small.widths == {"0": (2, 1)}
    assert same(small.module, module, torch.randn(5, 1, 12, 12)) < 1e-3


def test_a_refit_leaves_weights_before_and_after_a_layer_as_they_were_to_each_other():
    module = nn.Sequential(nn.Linear(3, 40), nn.PReLU(40), nn.Linear(40, 2))
    with torch.no_grad():
        for one in (module[0].weight, module[0].bias):
            one[8:] = one[:8].repeat(4, *[1] * (one.ndim - 1))  # eight neurons, five of each
    small = reduce(module, torch.randn(200, 3), keep=0.2).module
    ratio = lambda net: float((net[2].weight.norm() / net[0].weight.norm()).detach())
    assert small[0].out_features == 8
    assert same(small, module, torch.randn(50, 3)) < 1e-3
    assert ratio(small) == pytest.approx(ratio(module), rel=1e-4)


def test_a_refit_of_many_layers_errs_less_than_leaving_channels_out(pictures):
    module = settled(Residual(), pictures)
    small = reduce(module, pictures, keep=0.5)
    assert all(after == before // 2 for before, after in small.widths.values())
    assert small.change < 0.5
    assert small.change == pytest.approx(same(small.module, module, pictures), rel=1e-3)


def test_what_cannot_be_reduced_is_named():
    class Mixed(nn.Module):
        def __init__(self):
            nn.Module.__init__(self)
            self.a, self.norm, self.b = nn.Linear(3, 8), nn.LayerNorm(8), nn.Linear(8, 8)
            self.twice, self.last = nn.Linear(8, 8), nn.Linear(8, 2)

        def forward(self, x):
            h = torch.relu(self.b(self.norm(self.a(x))))
            return self.last(torch.tanh(self.twice(torch.tanh(self.twice(h)))))

    with pytest.raises(InputError, match="norm, a LayerNorm"):
        reduce(Mixed(), torch.randn(30, 3))
    grouped = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 1, groups=2), nn.Conv2d(6, 4, 1),
                            nn.ReLU(), nn.Conv2d(4, 1, 1))  # fmt: skip
    small = reduce(grouped, torch.randn(9, 1, 6, 6), tolerance=1e-5)
    assert "2 groups" in small.frozen["0"]
    assert "2 groups" in small.frozen["2"]
    assert "3" in small.widths


def test_a_concatenation_is_followed(pictures):
    class Two(nn.Module):
        def __init__(self):
            nn.Module.__init__(self)
            self.a, self.b, self.c = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 6, 3), nn.Linear(10, 2)

        def forward(self, x):
            both = torch.cat([torch.relu(self.a(x)), torch.relu(self.b(x))], dim=1)
            return self.c(both.mean((2, 3)))

    module = Two()
    doubled(module.a, factor=3.0)
    doubled(module.b)
    small = reduce(module, pictures, tolerance=1e-5)
    assert small.widths == {"a": (4, 2), "b": (6, 3)}
    assert same(small.module, module, torch.randn(5, 1, 12, 12)) < 1e-5


@pytest.mark.filterwarnings("ignore")  # those of the exporters
@pytest.mark.parametrize("made", ["dense", "residual", "grouped"])
def test_small_modules_are_exported_and_give_the_same(pictures, made):
    pytest.importorskip("onnxscript")
    from onnx.reference import ReferenceEvaluator

    dense = nn.Sequential(nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 10), nn.Tanh(), nn.Linear(10, 2))
    points = torch.randn(30, 3) if made == "dense" else pictures
    module = dense if made == "dense" else settled(Residual() if made == "residual" else Inverted(), pictures)
    reduced = reduce(module, points, keep=0.5)
    assert reduced.parameters[1] < reduced.parameters[0]
    small, fewer = reduced.module.eval(), points[:7]  # the number of points stays free
    exported = torch.export.export(small, (points,), dynamic_shapes=({0: torch.export.Dim("points")},))
    proto = torch.onnx.export(exported, dynamo=True, verbose=False).model_proto
    (onnx,) = ReferenceEvaluator(proto).run(None, {proto.graph.input[0].name: fewer.numpy()})
    expected = small(fewer).detach()
    for given in (exported.module()(fewer).detach(), torch.tensor(onnx)):
        assert torch.allclose(given, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def test_the_verb_of_the_package_takes_a_module():
    module = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    assert isinstance(simplebias.reduce(module, torch.randn(9, 2)), ReducedModule)


def test_bad_input_is_told_with_its_remedy():
    module = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    for points in (None, torch.full((3, 2), torch.nan), torch.zeros(3, 5)):
        with pytest.raises(InputError):
            reduce(module, points)
    for keep in (0, 1.5, {"0": 9}, {"2": 1}, {"other": 1}):
        with pytest.raises(InputError):
            reduce(module, torch.zeros(3, 2), keep=keep)
    nn.init.constant_(next(module.parameters()), torch.nan)
    with pytest.raises(InputError, match="NaN"):
        reduce(module, torch.zeros(3, 2))
