"""Callbacks in the loops of others: the training stays the same bit for bit, and the run is there afterwards."""

import os

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from simplebias.core.errors import InputError, Outcome
from simplebias.integrations import keras_callback, lightning_callback, trainer_callback

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the frameworks
X = torch.linspace(-1, 1, 64)[:, None]
Y = torch.sin(3 * X)


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


@pytest.fixture(scope="module")
def fit():
    """A module as Lightning's documentation writes one, and a fit of it."""
    lightning = pytest.importorskip("lightning")

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


def test_the_trainer_of_hugging_face(tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    ids = torch.tensor(np.random.default_rng(0).integers(1, 20, (32, 6)))
    labels = (ids[:, 0] > 9).long()
    mask = torch.ones_like(ids)

    class Texts(Dataset):
        def __len__(self):
            return len(ids)

        def __getitem__(self, k):
            return {"input_ids": ids[k], "attention_mask": mask[k], "labels": labels[k]}

    def trained(callbacks):
        transformers.set_seed(1)
        config = transformers.DistilBertConfig(
            vocab_size=20, dim=8, n_layers=1, n_heads=2, hidden_dim=8, max_position_embeddings=6
        )
        model = transformers.DistilBertForSequenceClassification(config)
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / "out"), max_steps=4, per_device_train_batch_size=8, logging_steps=1, report_to=[],
            use_cpu=True, disable_tqdm=True, save_strategy="no",
        )  # fmt: skip
        transformers.Trainer(model=model, args=arguments, train_dataset=Texts(), callbacks=callbacks).train()
        return model

    callback = trainer_callback({"input_ids": ids, "attention_mask": mask}, labels, layers=["distilbert.embeddings",
                                "distilbert.transformer.layer.0.attention"])  # fmt: skip
    watched = trained([callback])
    assert same(watched, trained([]))
    assert callback.run.step == 4
    layers = [name.rpartition(".")[2] for name in callback.run.data["layer"].values]
    assert layers == ["word_embeddings", "position_embeddings", "q_lin", "k_lin", "v_lin", "out_lin"]


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
