"""f11 is false for a parity that is found, labels of no low frequency, and a wrong transform."""

import numpy as np
import pytest

from simplebias.claims.f11_low_data_generalise import DIGITS, PARITY, SHUFFLED, low_share


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("identity_error", 1e-9),
        ("accuracy", 0.99),
        ("unseen_accuracy", 0.9),
        ("unseen_accuracy", 0.3),
        ("network", 0.4),
    ],
)
def test_parity_asks_for_each_figure(smoke, name, value):
    claim, evidence = smoke("f11")
    data = evidence[PARITY]
    assert claim.check({PARITY: data}).word == "true"
    assert claim.check({PARITY: data.assign({name: data[name] * 0 + value})}).word == "false"


def test_shuffled_labels_are_no_low_frequency_data(smoke):
    claim, evidence = smoke("f11")
    assert claim.check({DIGITS: evidence[DIGITS]}).word == "true"
    assert claim.check({DIGITS: evidence[SHUFFLED]}).word == "false"


def test_share_of_the_lowest_quarter():
    assert abs(low_share(np.ones(8)) - 0.25) < 1e-12
    assert abs(low_share(np.array([2.0, 0, 0, 0, 0, 0, 0, 1.0])) - 0.8) < 1e-12
