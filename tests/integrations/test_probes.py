"""What the outputs of a model are held against: every way to say the same gives the same numbers."""

import numpy as np
import pytest
import torch
from torch import nn

from simplebias.core.errors import InputError
from simplebias.integrations.modules import evaluated, read_output
from simplebias.integrations.probes import make_probes

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(30, 4)).astype(np.float32)
LABELS = np.arange(30) % 3


class Plain(nn.Module):
    def __init__(self, change=lambda z: z, outputs=3):
        nn.Module.__init__(self)
        torch.manual_seed(0)
        self.layer, self.change = nn.Linear(4, outputs), change

    def forward(self, x):
        return self.change(self.layer(x.flatten(1).float()))


def probes_of(model, points, values, read=read_output, **options):
    def evaluate(inputs):
        with torch.no_grad():
            return evaluated(model, inputs, read)

    probes = make_probes(model, points, values, evaluate, **options)
    return probes, probes.measured(evaluate(probes.inputs))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


@pytest.mark.parametrize("values", [
    LABELS, torch.tensor(LABELS), LABELS.astype(np.uint8), np.eye(3)[LABELS], torch.eye(3)[LABELS],
    torch.tensor(LABELS)[:, None],
])  # fmt: skip
@pytest.mark.parametrize(("change", "kind"), [
    (lambda z: z, "logits"),
    (lambda z: torch.softmax(z, 1), "probabilities"),
    (lambda z: torch.log_softmax(z, 1), "logits"),
    (lambda z: {"logits": z, "more": 1}, "logits"),
    (lambda z: (z.to(torch.bfloat16).float(), None), None),
])  # fmt: skip
def test_classes_and_their_probabilities(values, change, kind):
    probes, measured = probes_of(Plain(change), POINTS, values)
    _, expected = probes_of(Plain(), POINTS, LABELS)
    assert probes.kind == (kind or "logits")
    assert probes.prepared.labels.tolist() == LABELS.tolist()
    assert np.allclose(softmax(measured), softmax(expected), atol=1e-6 if kind else 0.02)


@pytest.mark.parametrize(("change", "kind"), [(lambda z: z, "logits"), (torch.sigmoid, "probabilities")])
def test_two_classes_by_one_output(change, kind):
    labels = LABELS > 1
    probes, measured = probes_of(Plain(change, 1), POINTS, labels)
    with torch.no_grad():
        sure = torch.sigmoid(Plain(outputs=1)(torch.tensor(POINTS)))[:, 0].numpy()
    assert probes.kind == kind
    assert np.allclose(softmax(measured)[:, 1], sure, atol=1e-6)
    assert np.array_equal(probes.prepared.labels, labels)


def test_values_are_scaled_as_targets_are():
    values = RANDOM.normal(3, 2, (30, 3))
    probes, measured = probes_of(Plain(), torch.tensor(POINTS), values)
    assert probes.kind == "values"
    assert np.allclose(probes.prepared.targets.mean(0), 0, atol=1e-9)
    assert np.allclose(probes.prepared.targets.std(0), 1)
    with torch.no_grad():
        given = Plain()(torch.tensor(POINTS)).numpy()
    assert np.allclose(measured * values.std(0) + values.mean(0), given, atol=1e-5)
    one_hot = np.eye(3)[LABELS]
    assert probes_of(Plain(), POINTS, one_hot, kind="values")[0].kind == "values"


def test_points_of_any_form():
    pictures = POINTS.reshape(30, 1, 2, 2)
    probes, _ = probes_of(Plain(), pictures, LABELS, limit=20, validation=(pictures[:7], LABELS[:7]))
    assert probes.inputs.shape == (27, 1, 2, 2)
    assert probes.prepared.points.shape == (27, 4)
    assert probes.prepared.validation.tolist() == list(range(20, 27))
    assert "20 of 30 given points" in " ".join(probes.prepared.notes)

    class Named(nn.Module):
        def __init__(self):
            nn.Module.__init__(self)
            self.words, self.last = nn.Embedding(5, 3), nn.Linear(3, 2)

        def forward(self, ids, mask):
            return self.last((self.words(ids) * mask[..., None]).mean(1))

    ids = RANDOM.integers(0, 5, (30, 6))
    given = {"ids": ids, "mask": np.ones((30, 6), np.int64)}
    probes, _ = probes_of(Named(), given, LABELS % 2)
    where = probes.prepared.points
    apart = ((where[:, None] - where[None]) ** 2).sum(-1)
    assert np.allclose(apart, 2 * (ids[:, None] != ids[None]).sum(-1))
    own = RANDOM.normal(size=(30, 2))
    assert np.array_equal(probes_of(Named(), given, LABELS % 2, coordinates=own)[0].prepared.points, own)


@pytest.mark.parametrize(("points", "values", "options", "words"), [
    (POINTS, LABELS[:5], {}, "30 rows"),
    (POINTS[:0], LABELS[:0], {}, "a row for each"),
    (POINTS, np.zeros(30), {}, "target that varies"),
    (POINTS, LABELS + 1, {}, "labels as whole numbers from 0 to 2"),
    (POINTS, RANDOM.normal(size=(30, 2)), {}, "as many as values"),
    (POINTS, LABELS, {"kind": "logit"}, "Did you mean 'logits'"),
    (POINTS, LABELS, {"coordinates": POINTS[:4]}, "coordinates of 30 points"),
    (object(), LABELS, {}, "tensors or arrays"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(points, values, options, words):
    with pytest.raises(InputError, match=words):
        probes_of(Plain(), points, values, **options)


def test_an_output_that_is_no_tensor_needs_words():
    with pytest.raises(InputError, match="Give read="):
        probes_of(Plain(lambda z: "text"), POINTS, LABELS)
    probes, _ = probes_of(Plain(lambda z: {"mine": z}), POINTS, LABELS, read=lambda given: given["mine"])
    assert probes.kind == "logits"
