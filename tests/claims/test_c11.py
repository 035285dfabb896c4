"""c11 is false for errors exchanged between few and enough samples, and for ranks that grow with width."""

import numpy as np
import pytest

from simplebias.claims.c11_few_samples_recover import MATRIX, PRODUCTS, RANKS


def changed(data, name, values):
    return data.assign({name: data[name].copy(data=values)})


@pytest.mark.parametrize("name", ["product", "linear"])
def test_products_from_fewer_or_more_samples_are_false(smoke, name):
    claim, evidence = smoke("c11")
    data = evidence[PRODUCTS]
    for shift in (1, -1):
        moved = np.roll(data[name].values, shift, axis=1)
        assert claim.check({PRODUCTS: changed(data, name, moved)}).word == "false"


@pytest.mark.parametrize("rank", [0, 1])
def test_matrices_with_errors_the_other_way_round_are_false(smoke, rank):
    claim, evidence = smoke("c11")
    values = evidence[MATRIX]["error"].values.copy()
    values[-1, rank] = values[-1, rank, [1, 0, 3, 2]]
    assert claim.check({MATRIX: changed(evidence[MATRIX], "error", values)}).word == "false"


def test_the_rank_of_one_matrix_for_the_other_is_false(smoke):
    claim, evidence = smoke("c11")
    data = evidence[MATRIX]
    assert claim.check({MATRIX: changed(data, "error", data["error"].values[:, ::-1])}).word == "false"


def test_ranks_that_grow_with_width_or_do_not_are_false(smoke):
    claim, evidence = smoke("c11")
    data = evidence[RANKS]
    for name, other in (("condensed", "random"), ("random", "condensed")):
        assert claim.check({RANKS: changed(data, name, data[other].values)}).word == "false"
