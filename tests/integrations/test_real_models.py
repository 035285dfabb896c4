"""Models that nobody here wrote, trained briefly on real digits: records of them are true, and they are left alone.

Networks of torchvision and a transformer of Hugging Face, where these are installed.
"""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from simplebias.core.errors import Outcome
from simplebias.data import read
from simplebias.integrations import watch

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the libraries
STEPS, BATCH, PROBES = 3, 8, 12


@pytest.fixture(scope="module")
def digits():
    """Pictures `(points, 1, 8, 8)` and labels of the sample that is shipped."""
    sample = read("digits")
    return torch.tensor(sample.points, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(sample.labels)


@pytest.fixture(scope="module")
def models():
    """torchvision's; its wheel for GPUs cannot load its operators with a PyTorch for CPUs; networks use none."""
    try:
        import torchvision
    except (RuntimeError, ImportError):
        library = torch.library.Library("torchvision", "DEF")  # the operators whose absence ends the import
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        torchvision = pytest.importorskip("torchvision", exc_type=ImportError)
        torchvision.kept = library
    return torchvision.models


def train(model, batches, watching=None):
    """A loop as people write it; gives the state of everything."""
    torch.manual_seed(1)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for inputs, labels in batches:
        optimiser.zero_grad()
        given = model(**inputs) if isinstance(inputs, dict) else model(inputs)
        loss = nn.functional.cross_entropy(getattr(given, "logits", given), labels)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        if watching is not None:
            watching.step(loss)
    return losses


def accuracy_of(model, points, labels):
    with torch.no_grad():
        given = copy.deepcopy(model).eval()
        given = given(**points) if isinstance(points, dict) else given(points)
    return float((getattr(given, "logits", given).argmax(1) == labels).float().mean())


def check(model, batches, points, labels, **options):
    """Trains twice from the same weights, with and without a watch, and holds what was recorded against the model."""
    alone = copy.deepcopy(model)
    with watch(model, points, labels, **options) as watching:
        losses = train(model, batches, watching)
    assert train(alone, batches) == losses
    states = zip(model.state_dict().values(), alone.state_dict().values(), strict=True)
    assert all(torch.equal(one, two) for one, two in states)
    assert all(part.training for part in model.modules())
    run = watching.run
    assert run.outcome is Outcome.COMPLETED
    assert run.step == len(batches)
    data = run.data.isel(seed=0)
    assert data["accuracy"].values[-1] == pytest.approx(accuracy_of(model, points, labels), abs=1e-6)
    assert np.allclose(data["training_loss"].values[1:], losses)
    effective = data["effective_neurons"].sel(threshold=0.95, method="nearest").values
    assert (effective >= 1).all()
    assert (data["relative_change"].values[-1] > 0).all()
    return data


@pytest.mark.parametrize(("name", "size", "layers", "neurons"), [
    ("resnet18", 32, ["conv1", "layer4.1.conv2", "fc"], [64, 512, 10]),
    ("mobilenet_v2", 32, ["features.0.0", "features.1.conv.0.0", "classifier.1"], [32, 32, 10]),
    ("vgg11", 32, ["features.0", "features.18"], [64, 512]),
])  # fmt: skip
def test_networks_of_torchvision(models, digits, name, size, layers, neurons):
    torch.manual_seed(0)
    model = getattr(models, name)(num_classes=10)
    if name == "vgg11":  # its three dense layers of 120 million weights are for pictures of 224 pixels
        model.avgpool, model.classifier = nn.AdaptiveAvgPool2d(1), nn.Sequential(nn.Dropout(0.5), nn.Linear(512, 10))
    pictures = nn.functional.interpolate(digits[0][: STEPS * BATCH + PROBES], size=size).expand(-1, 3, -1, -1)
    labels = digits[1][: len(pictures)]
    batches = [(pictures[k : k + BATCH], labels[k : k + BATCH]) for k in range(0, STEPS * BATCH, BATCH)]
    data = check(model, batches, pictures[-PROBES:], labels[-PROBES:], layers=layers)
    assert data["layer"].values.tolist() == layers
    shown = data["effective_neurons"].sel(threshold=1.0, method="nearest").values[0]
    assert (shown <= neurons).all()


def test_a_transformer_of_hugging_face(digits):
    """It reads a digit as a text of 64 words, one for each level of grey."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=17, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, num_labels=10,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    model.train()
    words = (digits[0][: STEPS * BATCH + PROBES].flatten(1) * 16).round().long()
    labels = digits[1][: len(words)]
    inputs = [{"input_ids": words[k : k + BATCH]} for k in range(0, STEPS * BATCH, BATCH)]
    batches = [(one, labels[k * BATCH : (k + 1) * BATCH]) for k, one in enumerate(inputs)]
    data = check(model, batches, {"input_ids": words[-PROBES:]}, labels[-PROBES:])
    named = set(data["layer"].values)
    assert {f"bert.encoder.layer.1.attention.self.{part}" for part in ("query", "key", "value")} <= named
    assert "bert.embeddings.word_embeddings" in named
