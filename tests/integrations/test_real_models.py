"""Models and loops that nobody here wrote: records of them are true, and the training stays the same bit for bit.

Networks of torchvision and a transformer of Hugging Face are trained briefly on real digits; Lightning, the Trainer of
Hugging Face and Keras have a callback. They stand in one file as each imports much of the others.
"""

import copy
import os

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from simplebias.core.errors import InputError, Outcome
from simplebias.data import read
from simplebias.integrations import keras_callback, lightning_callback, trainer_callback, watch

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the libraries
STEPS, BATCH, PROBES = 3, 8, 12
X = torch.linspace(-1, 1, 64)[:, None]
Y = torch.sin(3 * X)


@pytest.fixture(scope="module")
def digits():
    """Pictures `(points, 1, 8, 8)` and labels of the sample that is shipped."""
    sample = read("digits")
    return torch.tensor(sample.points, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(sample.labels)


@pytest.fixture(scope="module")
def models(operators):
    """torchvision's."""
    return pytest.importorskip("torchvision").models


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
    ("resnet18", 16, ["conv1", "layer2.0.downsample.0", "fc"], [64, 128, 10]),
    ("mobilenet_v2", 16, ["features.0.0", "features.1.conv.0.0", "classifier.1"], [32, 32, 10]),
    ("vgg11", 32, ["features.0", "features.3"], [64, 128]),
])  # fmt: skip
def test_networks_of_torchvision(models, digits, name, size, layers, neurons):
    torch.manual_seed(0)
    model = getattr(models, name)(num_classes=10, **({"init_weights": False} if name == "vgg11" else {}))
    if name == "vgg11":  # its three dense layers of 120 million weights are for pictures of 224 pixels
        model.avgpool, model.classifier = nn.AdaptiveAvgPool2d(1), nn.Sequential(nn.Dropout(0.5), nn.Linear(512, 10))
    pictures = nn.functional.interpolate(digits[0][: STEPS * BATCH + PROBES], size=size).expand(-1, 3, -1, -1)
    labels = digits[1][: len(pictures)]
    batches = [(pictures[k : k + BATCH], labels[k : k + BATCH]) for k in range(0, STEPS * BATCH, BATCH)]
    data = check(model, batches, pictures[-PROBES:], labels[-PROBES:], layers=layers)
    assert data["layer"].values.tolist() == layers
    shown = data["effective_neurons"].sel(threshold=1.0, method="nearest").values[0]
    assert (shown <= neurons).all()


@pytest.fixture
def tiny(operators):
    """Makes a tiny transformer from a configuration."""
    transformers = pytest.importorskip("transformers")

    def make(words, length, outputs):
        transformers.set_seed(0)
        config = transformers.BertConfig(
            vocab_size=words, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
            max_position_embeddings=length, num_labels=outputs,
        )  # fmt: skip
        return transformers.BertForSequenceClassification(config).train()

    return make


def test_a_transformer_of_hugging_face(tiny, digits):
    """It reads a digit as a text of 64 words, one for each level of grey."""
    words = (digits[0][: STEPS * BATCH + PROBES].flatten(1) * 16).round().long()
    labels = digits[1][: len(words)]
    inputs = [{"input_ids": words[k : k + BATCH]} for k in range(0, STEPS * BATCH, BATCH)]
    batches = [(one, labels[k * BATCH : (k + 1) * BATCH]) for k, one in enumerate(inputs)]
    data = check(tiny(17, 64, 10), batches, {"input_ids": words[-PROBES:]}, labels[-PROBES:])
    named = set(data["layer"].values)
    assert {f"bert.encoder.layer.0.attention.self.{part}" for part in ("query", "key", "value")} <= named
    assert "bert.embeddings.word_embeddings" in named


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


@pytest.fixture(scope="module", params=["lightning", "pytorch_lightning"])
def fit(request, operators):
    """A module as Lightning's documentation writes one, and a fit of it, under both names of the package."""
    lightning = pytest.importorskip(request.param)

    class LitModel(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 1))

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, batch_idx):
            x, y = batch
            return nn.functional.mse_loss(self(x), y)

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.01)

    def fitted(callbacks, **options):
        lightning.seed_everything(1, verbose=False)
        model = LitModel()
        trainer = lightning.Trainer(
            max_epochs=2, callbacks=callbacks, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, **options,
        )  # fmt: skip
        trainer.fit(model, DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True))
        return model

    return fitted


def test_lightning(fit, tmp_path):
    callback = lightning_callback(X, Y, out=tmp_path / "run")
    watched = fit([callback])
    assert same(watched, fit([]))
    assert callback.run.step == 8
    assert callback.run.outcome is Outcome.COMPLETED
    assert np.isfinite(callback.run.data["training_loss"].values[0, 1:]).all()
    assert (tmp_path / "run" / "report.html").is_file()


def test_lightning_counts_steps_of_the_optimiser_and_survives_errors(fit, tmp_path):
    import lightning

    class Failing(lightning.Callback):
        def on_train_batch_end(self, trainer, *others):
            if trainer.global_step == 3:
                raise ValueError("mine")

    callback = lightning_callback(X, Y, out=tmp_path / "run")
    with pytest.raises(ValueError, match="mine"):
        fit([callback, Failing()], accumulate_grad_batches=2)
    assert callback.run.step == 3
    assert callback.run.outcome is Outcome.INTERRUPTED


def test_the_trainer_of_hugging_face(tiny, digits, tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    words, labels = (digits[0][:PROBES].flatten(1)[:, 16:48] * 16).round().long(), digits[1][:PROBES]
    mask = torch.ones_like(words)

    class Texts(Dataset):
        def __len__(self):
            return len(words)

        def __getitem__(self, k):
            return {"input_ids": words[k], "attention_mask": mask[k], "labels": labels[k]}

    def trained(callbacks):
        model = tiny(17, 32, 10)
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / "out"), max_steps=3, per_device_train_batch_size=4, logging_steps=1, report_to=[],
            use_cpu=True, disable_tqdm=True, save_strategy="no",
        )  # fmt: skip
        trainer = transformers.Trainer(model=model, args=arguments, train_dataset=Texts(), callbacks=callbacks)
        trainer.train()
        return model, [line["loss"] for line in trainer.state.log_history if "loss" in line]

    callback = trainer_callback({"input_ids": words, "attention_mask": mask}, labels, layers=["bert.embeddings",
                                "bert.encoder.layer.0.attention"])  # fmt: skip
    watched, losses = trained([callback])
    assert same(watched, trained([])[0])
    assert callback.run.step == 3
    assert callback.run.outcome is Outcome.COMPLETED
    assert np.allclose(callback.run.data["training_loss"].values[0, 1:], losses)
    layers = [name.rpartition(".")[2] for name in callback.run.data["layer"].values]
    assert layers[0] == "word_embeddings"
    assert {"query", "key", "value", "dense"} <= set(layers)


def test_keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        with pytest.raises(InputError, match="KERAS_BACKEND"):
            keras_callback(X, Y)
        return

    def fitted(callbacks):
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Dense(16, activation="tanh"), keras.layers.Dropout(0.1), keras.layers.Dense(1)]
        model = keras.Sequential([keras.layers.Input((1,)), *layers])
        model.compile("adam", "mse")
        model.fit(X.numpy(), Y.numpy(), epochs=2, batch_size=16, verbose=0, callbacks=callbacks)
        return model.get_weights()

    callback = keras_callback(X, Y)
    watched = fitted([callback])
    assert all(np.array_equal(one, two) for one, two in zip(watched, fitted([]), strict=True))
    assert callback.run.step == 8
    assert callback.run.data["features"].sizes["neuron"] == 16
