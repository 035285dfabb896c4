"""Watching a training: what is recorded is true, and the training goes as if nobody looked."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import simplebias
from simplebias.core.errors import InputError, Outcome
from simplebias.core.run import Run
from simplebias.integrations import EarlyStop, watch
from simplebias.integrations.modules import untouched, unwrapped
from simplebias.integrations.timing import decades, plan

STEPS = 30
X = torch.linspace(-1, 1, 64)[:, None]
Y = torch.sin(3 * X) + 0.2 * torch.sin(25 * X)


class Restless(nn.Module):
    """A model that drops, normalises, draws random numbers and counts its calls even when it is evaluated."""

    def __init__(self):
        nn.Module.__init__(self)
        self.first, self.norm, self.last = nn.Linear(1, 16), nn.BatchNorm1d(16), nn.Linear(16, 1)
        self.drop = nn.Dropout(0.3)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.calls += 1
        noise = 1e-3 * torch.randn(1) + 1e-3 * float(np.random.rand())  # ruff: ignore[numpy-legacy-random]
        return self.last(self.drop(torch.tanh(self.norm(self.first(x))))) + noise


def restless():
    torch.manual_seed(3)
    np.random.seed(3)  # ruff: ignore[numpy-legacy-random]
    model = Restless()
    model.norm.eval()  # a part that a user froze
    return model


def train(model, watching=None, steps=STEPS, autocast=False):
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(steps):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            optimiser.zero_grad()
            loss = ((model(X) - Y) ** 2).mean()
            loss.backward()
            optimiser.step()
            if watching is not None:
                watching.step(loss)
        losses.append(float(loss.detach()))
    state = [*model.state_dict().values(), *(weight.grad for weight in model.parameters())]
    state += [one for entry in optimiser.state.values() for one in entry.values()]
    return [one.clone() for one in state], losses


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """One training with everything: on disk, within autocast."""
    folder = tmp_path_factory.mktemp("watch") / "run"
    model = restless()
    modes = [module.training for module in model.modules()]
    with watch(model, X, Y, out=folder, validation=(X[::9] + 0.01, Y[::9])) as watching:
        early = Run.load(folder)
        state, losses = train(model, watching, autocast=True)
    after = torch.rand(3), np.random.rand(3)  # ruff: ignore[numpy-legacy-random]
    assert modes == [module.training for module in model.modules()]
    return watching, folder, state, losses, after, early


def test_training_is_the_same_bit_for_bit(watched):
    _, _, state, losses, after, _ = watched
    alone, expected = train(restless(), autocast=True)
    assert losses == expected
    assert all(torch.equal(one, two) for one, two in zip(state, alone, strict=True))
    assert torch.equal(after[0], torch.rand(3))
    assert np.array_equal(after[1], np.random.rand(3))  # ruff: ignore[numpy-legacy-random]


def test_the_run_is_on_disk_from_the_first_look_on_and_whole_at_the_end(watched):
    watching, folder, _, losses, _, early = watched
    run = watching.run
    assert early.outcome is Outcome.INTERRUPTED
    assert early.data["step"].values.tolist() == [0]
    assert run.outcome is Outcome.COMPLETED
    assert run.step == STEPS
    for dimension in ("step", "step_outputs", "step_cosine_similarity"):
        assert run.data[dimension].values[[0, -1]].tolist() == [0, STEPS]
    again = Run.load(folder)
    assert again.data.equals(run.data)
    told = run.data["training_loss"].isel(seed=0)
    assert np.isnan(told.values[0])
    assert np.allclose(told.values[1:], [losses[step - 1] for step in run.data["step"].values[1:]])
    page = (folder / "report.html").read_text()
    assert "Restless: what it learned, and when" in page
    assert "from not a number" not in page  # the loop tells no loss before its first step
    assert run.provenance["versions"]["torch"] == torch.__version__


def test_measures_see_the_model(watched):
    """The last look is the trained model's: its loss by hand, its weights by hand."""
    watching, _, state, _, _, _ = watched
    data = watching.run.data.isel(seed=0)
    outputs = data["outputs"].values[-1]
    truth = data["target"].values
    trained = data["split"].values == 0
    assert trained.sum() == len(X)
    scale = truth.std()
    by_hand = ((outputs - truth)[trained] ** 2).mean() / scale**2
    assert data["loss"].values[-1] == pytest.approx(by_hand, rel=1e-4)
    assert data["validation_loss"].values[-1] == pytest.approx(
        ((outputs - truth)[~trained] ** 2).mean() / scale**2, rel=1e-4
    )
    torch.manual_seed(3)
    before = Restless().requires_grad_(False).first
    weight, bias = state[1], state[2]  # after the count of calls
    now = torch.cat([weight, bias[:, None]], 1)
    start = torch.cat([before.weight, before.bias[:, None]], 1)
    change = float((now - start).norm() / start.norm())
    assert data["relative_change"].sel(layer="first").values[-1] == pytest.approx(change, rel=1e-4)
    assert data["layer"].values.tolist() == ["first"]  # the last has one neuron
    assert data["features"].sizes["neuron"] == 16


def test_a_loop_that_raises_leaves_a_report_and_double_weights_are_measured_in_double(tmp_path):
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    watching = watch(model, X, Y, out=tmp_path / "run")

    def loop():
        with watching:
            for _ in range(3):
                watching.step(torch.tensor(1.0, requires_grad=True))
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        loop()
    assert watching.run.outcome is Outcome.INTERRUPTED
    assert watching.run.data["loss"].dtype == np.float64
    assert "interrupted at step 3" in (tmp_path / "run" / "report.html").read_text()
    with pytest.raises(simplebias.StorageError, match="already holds"), watch(model, X, Y, out=tmp_path / "run"):
        pass


def test_what_fails_inside_never_ends_the_training():
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    with watch(model, X, Y) as watching:
        with torch.no_grad():
            model[0].weight.fill_(float("nan"))
        model[2] = nn.Linear(8, 2).double()
        with pytest.warns(UserWarning, match="the training goes on"):
            watching.step()
        watching.step()
        assert not watching.should_stop
    assert watching.run.step == 0


def test_wrappers_are_looked_through():
    model = restless()
    assert unwrapped(nn.DataParallel(torch.compile(model, backend="eager"))) is model
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        assert unwrapped(nn.parallel.DistributedDataParallel(model)) is model
    finally:
        torch.distributed.destroy_process_group()
    with pytest.raises(InputError, match=r"torch\.nn\.Module"):
        unwrapped(lambda x: x)

    class FullyShardedDataParallel(nn.Module):
        pass

    with pytest.raises(InputError, match="DistributedDataParallel instead"):
        unwrapped(FullyShardedDataParallel())


def test_a_look_compiles_nothing_anew():
    from torch._dynamo.testing import CompileCounter

    counter = CompileCounter()
    model = nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    compiled = torch.compile(model, backend=counter)
    compiled(X).sum().backward()
    assert counter.frame_count == 1
    with untouched(unwrapped(compiled)):
        unwrapped(compiled)(X)
        compiled(X)
    compiled(X).sum().backward()
    assert counter.frame_count == 1


def test_autocast_keeps_no_weights_without_their_gradients():
    """Weights cast under no_grad would be cached without a graph, and training would get no gradient."""
    model = nn.Linear(1, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with untouched(model):
            assert model(X).dtype == torch.float32
            with torch.autocast("cpu", dtype=torch.bfloat16):
                model(X)
        model(X).sum().backward()
    assert model.weight.grad is not None
    assert torch.is_autocast_cache_enabled()


def test_other_processes_do_nothing(monkeypatch):
    monkeypatch.setattr("simplebias.integrations.watching.rank", lambda: 1)
    with watch(nn.Linear(1, 2), X, torch.cat([Y, Y], 1)) as watching:
        watching.step(1.0)
        assert not watching.should_stop
    assert watching.run is None


class Table(nn.Module):
    """Gives what it is told to, as if it had learned it."""

    def __init__(self):
        nn.Module.__init__(self)
        self.layer = nn.Linear(1, 2)
        self.given = torch.zeros(64, 1)

    def forward(self, x):
        return self.given[: len(x)]


@pytest.mark.parametrize(("rule", "shares", "expected"), [
    ("auto", [0.0, 0.02, 0.1, 0.4, 0.7, 0.9, 1.0, 1.0], 8),  # the noise, look by look
    (EarlyStop("bands", threshold=0.2), [0.0] * 8, 3),  # the signal is learned at once
])  # fmt: skip
def test_a_training_stops_by_its_spectrum(rule, shares, expected):
    noise = 0.3 * torch.from_numpy(np.random.default_rng(1).standard_normal((64, 1))).float()
    signal = torch.sin(3 * X) if isinstance(rule, str) else Y
    target = signal + noise if isinstance(rule, str) else Y
    model = copy.deepcopy(Table())
    with watch(model, X, target, stop=rule) as watching:
        for step, share in enumerate(shares, 1):  # ruff: ignore[unused-loop-control-variable] - where it ended is looked at
            model.given = signal + share * noise
            watching.step()
            if watching.should_stop:
                break
    assert step <= expected
    assert step >= 3
    assert watching.should_stop
    assert watching.run.outcome is Outcome.STOPPED
    assert watching.reason


def test_looks_are_spaced_evenly_in_the_logarithm():
    steps = decades(20)(10**9)
    assert steps[:4].tolist() == [0, 1, 2, 3]
    assert np.allclose(np.diff(np.log10(steps[100:])), 1 / 20, atol=1e-3)
    often, _, _, total = plan(None)
    assert total == 10**9
    assert 65 <= len(often(10_000)) <= 75
    assert plan(700)[0](700)[-1] == 700


def test_without_torch_the_remedy_is_told():
    code = (
        "import sys; sys.modules['torch'] = None; import simplebias\n"
        "for name in ('watch', 'torch'):\n"
        "    try: getattr(simplebias, name)\n"
        "    except simplebias.InputError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.count("pip install simplebias[torch]") == 2
