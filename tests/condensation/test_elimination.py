"""Elimination: its costs are those of fits made anew, and numbers are spread as the cheapest to go say."""

import itertools

import numpy as np
import pytest

from simplebias.condensation.elimination import eliminate, spread, unexplained


def fit_error(columns, targets):
    return np.mean(np.sum((targets - columns @ np.linalg.lstsq(columns, targets, rcond=None)[0]) ** 2, axis=1))


@pytest.fixture(scope="module")
def data():
    draw = np.random.default_rng(0)
    columns = draw.normal(size=(200, 9)) @ draw.normal(size=(9, 9))
    return columns, columns @ draw.normal(size=(9, 4)) + draw.normal(size=(200, 4))


def test_each_goes_whose_absence_costs_least_in_a_fit_made_anew(data):
    columns, targets = data
    ranked, costs = eliminate(columns.T @ columns / 200, columns.T @ targets / 200)
    left, highest = list(range(9)), 0.0
    for place in range(8, 0, -1):
        before = fit_error(columns[:, left], targets)
        errors = {one: fit_error(columns[:, [other for other in left if other != one]], targets) for one in left}
        out = min(errors, key=errors.get)
        assert ranked[place] == out
        highest = max(highest, errors[out] - before)
        assert costs[place] == pytest.approx(highest, rel=1e-4, abs=1e-8)
        left.remove(out)
    assert ranked[0] == left[0]


def test_what_is_told_by_others_goes_first_at_no_cost(data):
    columns, targets = data
    wide = np.column_stack([columns, columns @ np.ones((9, 3)), np.zeros((200, 2)), columns[:, :2]])
    ranked, costs = eliminate(wide.T @ wide / 200, wide.T @ targets / 200)
    assert fit_error(wide[:, ranked[:9]], targets) == pytest.approx(fit_error(columns, targets), rel=1e-6)
    assert np.all(costs[9:] < 1e-5)
    assert costs[8] > 1e-3
    ranked, costs = eliminate(np.zeros((3, 3)), np.zeros((3, 2)))
    assert sorted(ranked) == [0, 1, 2]
    assert not costs.any()


def test_the_best_choice_explains_most(data):
    columns, targets = data
    gram, cross = columns.T @ columns / 200, columns.T @ targets / 200
    total = np.mean(np.sum(targets**2, axis=1))
    for some in itertools.combinations(range(9), 3):
        chosen = np.asarray(some)
        assert total + unexplained(gram, cross, chosen) == pytest.approx(
            fit_error(columns[:, chosen], targets), rel=1e-5
        )
    assert unexplained(np.zeros((2, 2)), np.zeros((2, 1)), np.array([0])) == 0


def test_numbers_are_spread_as_if_the_cheapest_went_one_by_one():
    draw = np.random.default_rng(1)
    costs = [np.sort(draw.exponential(scale, size))[::-1] for scale, size in ((1, 7), (5, 4), (0.1, 6))]
    counts = [len(one) for one in costs]
    for total in range(16, 2, -1):
        last = [one[count - 1] if count > 1 else np.inf for one, count in zip(costs, counts, strict=True)]
        counts[int(np.argmin(last))] -= 1
        assert spread(costs, total) == tuple(counts)
    assert spread(costs, 0) == (1, 1, 1)
