import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.data import read
from simplebias.observation import Options, as_seeds
from simplebias.observation.observe import _as_sample
from simplebias.observation.preparation import prepare


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"network": "mpl"}, "'mlp'"),
        ({"activation": "tan"}, "activation"),
        ({"optimiser": "adamm"}, "'adam'"),
        ({"precision": "float16"}, "precision"),
        ({"window": "hamming"}, "window"),
        ({"width": 0}, "width"),
        ({"width": 2.5}, "width"),
        ({"depth": -1}, "depth"),
        ({"steps": "many"}, "steps"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"batch_size": -3}, "batch_size"),
        ({"dropout": 1.0}, "dropout"),
        ({"validation": 1.5}, "validation"),
        ({"label_noise": -0.1}, "label_noise"),
        ({"seeds": (1, 1)}, "seeds"),
        ({"seeds": ()}, "seeds"),
        ({"network": "two-layer", "depth": 3}, "mlp"),
        ({"init": "ntk", "weight_std": 0.1}, "one of"),
        ({"gamma_prime": 0.3}, "gamma"),
        ({"gamma": 1.0}, "two-layer"),
        ({"init": "glorot"}, "initialisation"),
    ],
)
def test_a_wrong_option_is_named_with_what_was_expected(options, named):
    with pytest.raises(InputError, match="expected") as error:
        Options(**options)
    assert named in str(error.value)


def test_plain_data_and_back():
    options = Options(network="resnet", width=7, seeds=(3, 5), label_noise=0.1)
    assert Options.from_dict(options.to_dict()) == options
    with pytest.raises(InputError, match="Did you mean 'width'"):
        Options.from_dict({"widht": 3})


@pytest.mark.parametrize("name", ["co2", "digits", "photo"])
def test_every_choice_is_made_for_shipped_data(name):
    resolved = Options().resolved(read(name))
    for field in ("width", "depth", "learning_rate", "steps", "seeds", "batch_size"):
        assert getattr(resolved, field) is not None
    assert resolved.init is not None


def test_given_choices_stay():
    resolved = Options(width=5, steps=17, weight_std=0.2).resolved(read("co2"))
    assert (resolved.width, resolved.steps, resolved.init) == (5, 17, None)


def test_seeds_by_number_and_by_list():
    assert as_seeds(2) == (0, 1)
    assert as_seeds([7, 3]) == (7, 3)
    assert as_seeds(None) is None
    with pytest.raises(InputError, match="seeds"):
        as_seeds(0)


def test_split_is_a_partition_and_depends_on_nothing_but_the_options():
    sample = read("co2")
    options = Options(validation=0.3).resolved(sample)
    first, second = prepare(sample, options), prepare(sample, options)
    rows = np.concatenate([first.training, first.validation])
    assert sorted(rows.tolist()) == list(range(sample.size))
    assert len(first.validation) == round(0.3 * sample.size)
    np.testing.assert_array_equal(first.training, second.training)


def test_scaling_goes_to_the_asked_range_and_back_to_the_units_of_the_data():
    sample = read("co2")
    prepared = prepare(sample, Options(input_scale=3.0).resolved(sample))
    assert prepared.points.min() == pytest.approx(-3.0)
    assert prepared.points.max() == pytest.approx(3.0)
    np.testing.assert_allclose(prepared.targets.mean(), 0, atol=1e-12)
    np.testing.assert_allclose(prepared.targets.std(), 1)
    np.testing.assert_allclose(prepared.targets * prepared.stretch + prepared.shift, sample.values)


def test_label_noise_has_the_asked_size_on_training_rows_only():
    sample = read("co2")
    clean = prepare(sample, Options().resolved(sample))
    noisy = prepare(sample, Options(label_noise=0.5).resolved(sample))
    difference = (noisy.targets - clean.targets)[:, 0]
    assert (difference[noisy.validation] == 0).all()
    count = len(noisy.training)
    # the sample std of n normal draws is within 5 standard errors of the truth, σ/√(2n) each
    assert abs(difference[noisy.training].std() - 0.5) < 5 * 0.5 / np.sqrt(2 * count)


def test_replaced_labels_have_the_asked_share():
    sample = read("digits")
    share, classes = 0.4, len(sample.class_names)
    noisy = prepare(sample, Options(label_noise=share).resolved(sample))
    changed = (noisy.labels != sample.labels)[noisy.training]
    expected, count = share * (1 - 1 / classes), len(changed)
    assert abs(changed.mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / count)
    assert (noisy.labels == sample.labels)[noisy.validation].all()
    with pytest.raises(InputError, match="0 … 1"):
        prepare(sample, Options(label_noise=1.2).resolved(sample))


def test_raw_inputs_that_saturate_are_refused_by_name():
    sample = read("co2")
    from dataclasses import replace

    years = replace(sample, points=sample.points + 1958.0)
    with pytest.raises(InputError, match="'date'") as error:
        prepare(years, Options(scale_inputs=False).resolved(years))
    assert "scaling" in str(error.value)
    prepare(sample, Options(scale_inputs=False).resolved(sample))


def test_a_multi_scale_network_is_one_of_sines_unless_told():
    assert Options().activation == "tanh"
    assert Options(network="multiscale").activation == "sin"
    assert Options(network="multiscale", activation="phi").activation == "phi"
    assert Options.from_dict(Options(network="multiscale").to_dict()).activation == "sin"


def test_scales_of_a_multiscale_network_are_chosen_or_given():
    x = np.linspace(0, 3, 200, endpoint=False)
    sample = _as_sample(x, np.sin(2 * np.pi * 10 * x), None, None)
    chosen = Options(network="multiscale", scales="auto").resolved(sample)
    assert chosen.scales[0] == pytest.approx(1, rel=0.01)
    assert chosen.scales[-1] >= np.pi * 15  # 15 cycles per unit of [-1, 1], by half of their angular frequency
    assert chosen.width % len(chosen.scales) == 0
    assert Options(network="multiscale", scales="4,1").resolved(sample).scales == (1.0, 4.0)
    assert Options.from_dict(chosen.to_dict()) == chosen
    with pytest.raises(InputError, match="multiscale"):
        Options(scales=[1, 2])
    with pytest.raises(InputError, match="aliasing"):
        prepare(sample, Options(network="multiscale", scales=(1, 900)).resolved(sample))
