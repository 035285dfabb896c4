"""Scales of the literature."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simplebias.core.errors import InputError
from simplebias.networks import Initialisation, initialisation, named, phase, power, weight_std

M, D = 400, 5


def triple(rule, sizes=(D, M, 1)):
    """(α, β1, β2) of a two-layer network: output multiplier, std of output weights, std of input weights."""
    first, last = initialisation(rule).scales(sizes)
    assert first.multiplier == 1
    return 1 / last.multiplier, last.std, first.std


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("lecun", (1, M**-0.5, D**-0.5)),
        ("he", (1, (2 / M) ** 0.5, (2 / D) ** 0.5)),
        ("ntk", (math.sqrt(M), 1, 1)),
        ("xavier", (1, math.sqrt(2 / (M + 1)), math.sqrt(2 / (M + D)))),
        ("mean-field", (M, 1, 1)),
        ("weight-std:0.1", (1, 0.1, 0.1)),
        ("power:2", (1, M**-2.0, M**-2.0)),
        ("fan-in:0.8", (1, M**-0.8, D**-0.8)),
    ],
)
def test_table_of_schemes(rule, wanted):
    assert triple(rule) == pytest.approx(wanted, rel=1e-12)


@given(st.floats(-1, 3), st.floats(-1, 1), st.integers(2, 10**6))
def test_phase_coordinates(gamma, gamma_prime, width):
    alpha, beta1, beta2 = triple(phase(gamma, gamma_prime), (1, width, 1))
    assert -math.log(beta1 * beta2 / alpha) / math.log(width) == pytest.approx(gamma, abs=1e-9)
    assert -math.log(beta1 / beta2) / math.log(width) == pytest.approx(gamma_prime, abs=1e-9)


def test_deep_rules():
    sizes = (3, 100, 400, 2)
    assert [(s.std, s.multiplier) for s in named("ntk").scales(sizes)] == [(1, 1), (1, 0.1), (1, 0.05)]
    assert [(s.std, s.multiplier) for s in named("mean-field").scales(sizes)] == [(1, 1), (1, 0.1), (1, 1 / 400)]
    assert [s.std for s in power(0.5).scales(sizes)] == [0.1, 0.1, 0.1]
    assert named("xavier").scales(sizes)[1].std == pytest.approx(math.sqrt(2 / 500))


@given(st.floats(1e-8, 1e3), st.floats(-3, 3))
def test_text_leads_back(a, b):
    for rule in (weight_std(a), power(b), phase(a, b), named("he")):
        assert initialisation(str(rule)) == rule
        assert initialisation(rule) is rule


@pytest.mark.parametrize(
    "text",
    ["lecunn", "", "lecun:1", "phase", "phase:1", "phase:1,2,3", "power:a", "power:", "power:nan", "weight-std:0",
     "weight-std:-1", "weight-std:inf"],
)  # fmt: skip
def test_bad_text(text):
    with pytest.raises(InputError):
        initialisation(text)


def test_phase_is_for_two_layers_only():
    with pytest.raises(InputError, match="two-layer"):
        phase(1, 0).scales((1, 10, 10, 1))


def test_constructors_check():
    for bad in (lambda: named("power"), lambda: weight_std(0), lambda: power(math.nan), lambda: Initialisation("x")):
        with pytest.raises(InputError):
            bad()
