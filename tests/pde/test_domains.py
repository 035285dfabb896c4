"""Domains against closed forms, the divergence theorem, brute force, and what chance allows."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from scipy.stats import qmc

from simplebias.core import InputError
from simplebias.pde import (
    Ball,
    Box,
    Difference,
    Ellipsoid,
    HardBoundary,
    Intersection,
    Polygon,
    square_with_discs,
    square_with_ellipse,
)
from simplebias.pde.combinations import _members
from simplebias.pde.shapes import surface_area

TURNS = np.linspace(0, 2 * np.pi, 10, endpoint=False)
STAR = Polygon(np.where(np.arange(10) % 2, 1.0, 0.4)[:, None] * np.stack([np.cos(TURNS), np.sin(TURNS)], axis=1))
CORNER = Difference(Box([0, 0], [2, 2]), Box([1, 1], [2, 2]))  # the L; two faces of the hole lie on the boundary
DOMAINS = {
    "interval": Box(-1, 2),
    "box": Box([0, 0, 0], [1, 2, 0.5]),
    "segment": Ball(1, 2),
    "disc": Ball([0, 1], 0.5),
    "ball": Ball([1, 0, 0], 2),
    "ball of 10": Ball(np.zeros(10), 1),
    "ellipse": Ellipsoid([0, 1], [3, 0.5]),
    "ellipsoid": Ellipsoid([0, 0, 1], [1, 2, 0.3]),
    "ellipsoid of 4": Ellipsoid(np.zeros(4), [1, 2, 0.5, 1]),
    "star": STAR,
    "corner": CORNER,
    "discs": square_with_discs(),
    "holed": square_with_ellipse(),
    "two holes that meet": Box([-1, -1], [1, 1]) - Ball([0, 0], 0.4) - Ball([0.5, 0], 0.4),
    "union": Ball([0, 0], 1) | Ball([1, 0], 1) | Box([0, -0.5], [2, 0.5]),
    "lens": Ball([0, 0, 0], 1) & Ball([1, 0, 0], 1),
    "bitten star": STAR - Ball([1, 0], 0.5),
    "intervals": Box(0, 1) | Box(2, 4),
}
FEW = ["ball", "ellipse", "star", "corner", "holed", "union"]


@functools.cache
def asked(name):
    """Both distances of a domain and their gradients, compiled once."""
    domain = DOMAINS[name]

    def at(point):
        return *jax.value_and_grad(domain.signed_distance)(point), *jax.value_and_grad(domain.smooth_distance)(point)

    return jax.jit(jax.vmap(at))


def known(value, error=0.0):
    return pytest.approx(value, rel=1e-12, abs=5 * error)


@pytest.mark.parametrize("name", DOMAINS)
def test_the_divergence_theorem(float64, key, name):
    """The mean of div F over the domain and of F·n over the boundary agree within five standard errors."""
    domain, count = DOMAINS[name], 4000
    points = np.asarray(domain.sample(count, key=key, method="uniform"))
    edge = domain.sample_boundary(count, key=key, method="uniform")
    at, normals = np.asarray(edge.points), np.asarray(edge.normals)
    shift = np.arange(1, domain.inputs + 1)
    inner = domain.volume * (3 * points**2 + shift).sum(axis=1)  # of F_i = x_i³ + i x_i + a constant
    through = domain.boundary_measure * ((at**3 + shift * at + 2) * normals).sum(axis=1)
    rough = getattr(domain, "volume_error", 0.0) / domain.volume + (
        getattr(domain, "boundary_error", 0.0) / domain.boundary_measure
    )
    error = np.sqrt((inner.var() + through.var()) / count) + rough * inner.mean()
    assert inner.mean() == pytest.approx(through.mean(), abs=5 * error)
    assert error < 0.2 * inner.mean()
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-14)


@pytest.mark.parametrize("name", ["interval", "box", "ball of 10", *FEW])
def test_distances_vanish_on_the_boundary_with_slope_one_along_the_normals(float64, key, name):
    edge = DOMAINS[name].sample_boundary(200, key=key)
    signed, gradient, smooth, slope = asked(name)(edge.points)
    assert np.abs(signed).max() < 1e-12
    assert np.abs(smooth).max() < 1e-12
    assert np.allclose(gradient, -edge.normals, atol=1e-10)
    assert np.allclose(slope, -edge.normals, atol=1e-8)


@pytest.mark.parametrize("name", FEW)
def test_distances_say_what_is_inside(float64, key, name):
    domain = DOMAINS[name]
    low, high = domain.bounds
    around = jnp.asarray(np.random.default_rng(0).uniform(low - 0.3, high + 0.3, (200, domain.inputs)))
    signed, gradient, smooth, _ = asked(name)(around)
    within = domain.contains(around)
    assert 20 < within.sum() < 190
    assert ((signed > 0) == within).all()
    assert ((smooth > 0) == within).all()
    assert np.allclose(np.linalg.norm(gradient, axis=1), 1, atol=1e-9)
    assert domain.contains(domain.sample(500, key=key)).all()


@pytest.mark.parametrize("name", ["ellipse", "star", "corner", "holed"])
def test_the_distance_inside_is_that_to_the_nearest_of_very_many_boundary_points(float64, key, name):
    domain = DOMAINS[name]
    points = domain.sample(200, key=key)
    fine = np.concatenate(domain.outline(4000))
    brute = np.min(np.linalg.norm(np.asarray(points)[:, None] - fine, axis=2), axis=1)
    signed = np.asarray(asked(name)(points)[0])
    step = max(np.linalg.norm(np.diff(curve, axis=0), axis=1).max() for curve in domain.outline(4000))
    assert (signed <= brute + 1e-12).all()
    assert (brute - signed).max() < step


def test_the_distance_to_an_ellipse_at_places_known_by_hand(float64):
    """On the short axis it is b - |y|; on the long one near the centre `b (1 - x²/(a² - b²))^½`; beyond the ends."""
    ellipse = Ellipsoid([0, 0], [2, 1])
    at = jax.jit(jax.vmap(ellipse.signed_distance))
    places = jnp.array([[0, 0], [0, 0.5], [0, -1.5], [1, 0], [3, 0], [1.9, 0]])
    assert np.allclose(at(places), [1, 0.5, -0.5, np.sqrt(2 / 3), -1, 0.1], atol=1e-12)
    second = jax.jit(jax.hessian(ellipse.signed_distance))(jnp.array([2.0, 0.0]))
    assert np.allclose(second, [[0, 0], [0, -2]], atol=1e-9)  # curvature a/b² at the end of the long axis


def test_measures_of_round_shapes():
    assert Ball(3, 2).volume == known(4)
    assert Ball(3, 2).boundary_measure == known(2)
    assert Ball([0, 0, 0], 2).volume == known(32 * np.pi / 3)
    assert Ball(np.zeros(10), 1).volume == known(np.pi**5 / 120)
    assert Ball(np.zeros(10), 1).boundary_measure == known(np.pi**5 / 12)

    def speed(angle):
        return np.hypot(3 * np.sin(angle), 0.5 * np.cos(angle))

    length = 4 * scipy.integrate.quad(speed, 0, np.pi / 2, epsrel=1e-12)[0]
    assert Ellipsoid([0, 0], [3, 0.5]).boundary_measure == pytest.approx(length, rel=1e-10)
    flat = np.sqrt(1 - 0.3**2)  # an oblate spheroid by its own formula
    area = 2 * np.pi * (1 + 0.3**2 / flat * np.arctanh(flat))
    assert Ellipsoid([0, 0, 0], [1, 0.3, 1]).boundary_measure == known(area)


@pytest.mark.parametrize("axes", [[3.0, 0.5], [1.0, 2.0, 0.3], [1.0, 1.0, 1e-3], [50.0, 1.0, 1.0]])
def test_the_integral_for_the_area_agrees_with_elliptic_integrals(axes):
    assert surface_area(axes) == pytest.approx(Ellipsoid(np.zeros(len(axes)), axes).boundary_measure, rel=1e-9)
    assert surface_area(np.full(6, 2.0)) == pytest.approx(Ball(np.zeros(6), 2).boundary_measure, rel=1e-9)


def test_measures_of_polygons():
    assert CORNER.volume == known(3, CORNER.volume_error)
    assert Polygon([[0, 0], [3, 0], [0, 4]]).boundary_measure == known(12)
    assert Polygon([[0, 4], [3, 0], [0, 0], [0, 4]]).volume == known(6)  # clockwise and closed
    assert STAR.volume == known(5 * 0.4 * np.sin(np.pi / 5))


def test_measures_of_combinations():
    lens, union, ring = DOMAINS["lens"], Ball([0, 0], 1) | Ball([1, 0], 1), Ball([0, 0], 2) - Ball([0, 0], 1)
    overlap = 2 * np.arccos(0.5) - 0.5 * np.sqrt(3)  # of two discs one radius apart
    assert lens.volume == known(5 * np.pi / 12, lens.volume_error)
    assert lens.boundary_measure == known(2 * np.pi, lens.boundary_error)
    assert union.volume == known(2 * np.pi - overlap, union.volume_error)
    assert union.boundary_measure == known(8 * np.pi / 3, union.boundary_error)
    assert 0 < lens.volume_error < 0.01
    assert 0 < union.boundary_error < 0.02
    assert CORNER.boundary_measure == known(8, CORNER.boundary_error)
    assert (ring.volume, ring.boundary_measure, ring.volume_error) == (known(3 * np.pi), known(6 * np.pi), 0)
    assert (DOMAINS["intervals"].volume, DOMAINS["intervals"].boundary_measure) == (3, 4)


def test_the_holed_squares_of_the_literature():
    one, two = square_with_ellipse(), square_with_discs()
    assert one.volume == known(4 - 0.09 * np.pi - np.pi / 32)
    assert one.boundary_measure == known(8 + np.pi + 4 * 0.25 * scipy.special.ellipe(0.75))
    assert two.volume == known(4 - np.pi * (0.04 + 3 * 0.0225 + 0.1125**2))
    assert two.boundary_measure == known(8 + 2 * np.pi * 0.7625)
    assert two.contains([[0.5, 0.5], [-0.45, 0.65], [-0.55, -0.35], [-0.0875, -0.3875], [0.55, -0.55]]).sum() == 0
    for domain in (one, two):  # by curves instead of formulas, holes the other way round
        x = [curve.T for curve in domain.outline(2000)]
        areas = [abs(0.5 * np.sum(a[0][:-1] * a[1][1:] - a[0][1:] * a[1][:-1])) for a in x]
        assert 2 * areas[0] - sum(areas) == pytest.approx(domain.volume, rel=1e-5)


def chi_square_bound(counts, shares):
    expected = counts.sum() * np.asarray(shares) / np.sum(shares)
    return ((counts - expected) ** 2 / expected).sum(), scipy.stats.chi2.ppf(1 - 1e-5, len(counts) - 1)


def cells(*columns):
    """Counts of points in boxes of numbers that are to be uniform in (0, 1), four along each."""
    which = np.ravel_multi_index([np.clip((4 * column).astype(int), 0, 3) for column in columns], (4,) * len(columns))
    return np.bincount(which, minlength=4 ** len(columns))


def test_independent_points_are_uniform(float64, key):
    """χ² over cells of equal measure, by maps that the sampling does not use."""
    count = 20000
    ball = np.asarray(Ball(np.zeros(5), 2).sample(count, key=key, method="uniform"))
    first = scipy.special.betainc(3, 3, (ball[:, 0] / 2 + 1) / 2)  # distribution of one coordinate in the ball of 5
    statistic, bound = chi_square_bound(cells((np.linalg.norm(ball, axis=1) / 2) ** 5, first * 0 + first), np.ones(16))
    radii, _ = chi_square_bound(cells((np.linalg.norm(ball, axis=1) / 2) ** 5), np.ones(4))
    assert radii < scipy.stats.chi2.ppf(1 - 1e-5, 3)
    assert statistic > bound  # radius and coordinate are not independent: the bound can be broken
    ordinates, bound = chi_square_bound(cells(first), np.ones(4))
    assert ordinates < bound
    edge = np.asarray(Ellipsoid([0, 0], [3, 0.5]).sample_boundary(count, key=key, method="uniform").points)
    along = scipy.special.ellipeinc(np.arctan2(edge[:, 0] / 3, edge[:, 1] / 0.5), 1 - 36.0**-1)
    total = scipy.special.ellipe(1 - 36.0**-1)
    statistic, bound = chi_square_bound(cells((along / total + 2) / 4), np.ones(4))
    fine, fine_bound = chi_square_bound(np.histogram(along / total, 16, (-2, 2))[0], np.ones(16))
    assert statistic < bound
    assert fine < fine_bound
    face = np.asarray(Box([0, 0, 0], [1, 2, 3]).sample_boundary(count, key=key, method="uniform").parts)
    statistic, bound = chi_square_bound(np.bincount(face), [6, 6, 3, 3, 2, 2])
    assert statistic < bound


def test_points_of_a_union_are_as_dense_where_members_overlap(key):
    union = Ball([0, 0], 1) | Ball([1, 0], 1)
    points = union.sample(20000, key=key, method="uniform")
    left, right = (member.contains(points) for member in union.members)
    overlap = 2 * np.arccos(0.5) - 0.5 * np.sqrt(3)
    counts = np.array([(left & ~right).sum(), (left & right).sum(), (right & ~left).sum()])
    statistic, bound = chi_square_bound(counts, [np.pi - overlap, overlap, np.pi - overlap])
    assert statistic < bound


def squares_error(domain, truth, count, method, keys):
    """Root mean square error, over keys, of the mean of |x|² over drawn points."""
    means = [np.mean(np.sum(np.asarray(domain.sample(count, key=one, method=method)) ** 2, axis=1)) for one in keys]
    return np.sqrt(np.mean((np.array(means) - truth) ** 2))


@pytest.mark.parametrize("method", ["sobol", "halton"])
def test_low_discrepancy_points_integrate_better_than_independent_ones(float64, key, method):
    """Through a map the error falls nearly as 1/n or faster, by rejection slower, but faster than by chance."""
    keys = jax.random.split(key, 8)
    few, many = (squares_error(Ball([0, 0], 1), 0.5, count, method, keys) for count in (128, 4096))
    assert np.log(few / many) / np.log(32) > 0.8
    domain = Difference(Box([-1, -1], [1, 1]), Ball([0, 0], 0.5))
    truth = (8 / 3 - np.pi * 0.5**4 / 2) / domain.volume
    even, chance = (squares_error(domain, truth, 4096, one, keys) for one in (method, "uniform"))
    assert even < chance / 5
    in_box = [np.asarray(Box([0, 0], [1, 1]).sample(500, key=key, method=one)) for one in (method, "uniform")]
    assert qmc.discrepancy(in_box[0], method="L2-star") < qmc.discrepancy(in_box[1], method="L2-star") / 3


def test_boundary_points_of_low_discrepancy_are_evenly_spread(float64, key):
    points = DOMAINS["discs"].sample_boundary(4096, key=key)
    shares = np.bincount(points.parts) / 4096
    lengths = np.array([8, *(2 * np.pi * r for r in (0.2, 0.15, 0.15, 0.1125, 0.15))])
    assert np.allclose(shares, lengths / lengths.sum(), atol=2 / 4096)


def test_a_face_that_members_share_is_counted_once_and_one_that_cancels_not_at_all(float64, key):
    half = Intersection(Box([0, 0], [1, 1]), Box([0, 0], [0.5, 2]))
    edge = half.sample_boundary(2000, key=key)
    assert half.boundary_measure == known(3, half.boundary_error)
    assert np.allclose(half.volume, 0.5)
    left = np.asarray(edge.points)[:, 0] == 0
    assert left.mean() == pytest.approx(1 / 3, abs=0.01)
    corner = np.asarray(CORNER.sample_boundary(2000, key=key).points)
    assert not ((corner > 1).all(axis=1)).any()  # nothing of the faces x = 2, y = 2 that the hole takes away


def test_the_pieces_of_an_outline_bound_the_domain(float64):
    for name in ("two holes that meet", "union", "corner", "bitten star"):
        domain, curves = DOMAINS[name], DOMAINS[name].outline(1000)
        length = sum(np.linalg.norm(np.diff(curve, axis=0), axis=1).sum() for curve in curves)
        assert length == pytest.approx(domain.boundary_measure, rel=0.03)
        if name == "bitten star":
            at = jax.jit(jax.vmap(domain.signed_distance))
            assert np.abs(at(np.concatenate(curves))).max() < 1e-12


def test_a_density_draws_points_to_where_it_is_large(float64, key):
    """In the limit of many candidates the points follow the density itself, so that ∫ x · 2x dx = 2/3."""
    drawn = np.asarray(Box(0, 1).sample_by(lambda x: x[:, 0], 2000, key=key, floor=0, candidates=50)).ravel()
    assert drawn.mean() == pytest.approx(2 / 3, abs=5 / np.sqrt(18 * 2000))
    assert len(np.unique(drawn)) == 2000
    even = np.asarray(Box(0, 1).sample_by(lambda x: x[:, 0], 2000, key=key, power=0, floor=0)).ravel()
    assert even.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * 2000))
    half = np.asarray(Box(0, 1).sample_by(lambda x: 1.0 * (x > 0.5), 2000, key=key, candidates=50)).ravel()
    assert (half > 0.5).mean() == pytest.approx(0.75, abs=0.05)  # chances 2 + 1 against 1


def test_a_key_says_which_points(key):
    domain = DOMAINS["holed"]
    first = domain.sample(100, key=key)
    assert (first == domain.sample(100, key=key)).all()
    assert (first == square_with_ellipse().sample(100, key=key)).all()
    assert (first[:50] == domain.sample(50, key=key)).all()  # the sequence goes on
    assert not (first == domain.sample(100, key=jax.random.key(1))).any()
    assert domain.sample(1, key=key).shape == (1, 2)


def test_precision_is_that_of_jax(key):
    assert DOMAINS["holed"].sample(10, key=key).dtype == jnp.float32
    edge = DOMAINS["star"].sample_boundary(300, key=key)
    assert edge.normals.dtype == jnp.float32
    at = jax.jit(jax.vmap(lambda x: (STAR.signed_distance(x), *jax.value_and_grad(STAR.smooth_distance)(x))))
    signed, smooth, slope = at(edge.points)
    assert signed.dtype == smooth.dtype == slope.dtype == jnp.float32
    assert np.abs(signed).max() < 1e-6
    assert np.abs(smooth).max() < 1e-6
    assert np.abs(slope + edge.normals).max() < 0.01
    with jax.enable_x64(True):
        assert DOMAINS["holed"].sample(10, key=key).dtype == jnp.float64


def test_a_network_meets_the_boundary_of_a_holed_domain(float64, key):
    domain = DOMAINS["holed"]
    network = HardBoundary(lambda x: jnp.atleast_1d(1 + x[0] * x[1]), factor=domain.smooth_distance)
    edge = domain.sample_boundary(100, key=key).points
    assert np.abs(eqx.filter_jit(jax.vmap(network))(edge)).max() < 1e-12
    for name, corners in (("holed", [[-1, -1], [1, 1], [0, 1], [-0.5, 0.5]]), ("star", STAR.vertices)):
        found = asked(name)(jnp.resize(jnp.array(corners, float), (200, 2)))
        assert all(np.isfinite(one).all() for one in found)  # no NaN where it is not smooth


def test_the_laplacian_of_a_smooth_distance_is_that_of_its_values(float64, key):
    """By central differences, which are right to h² ≈ 1e-8."""
    value, step = DOMAINS["bitten star"].smooth_distance, 1e-4
    points = DOMAINS["bitten star"].sample(40, key=key)
    shifts = jnp.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1.0]]) * step
    at = jax.jit(
        jax.vmap(lambda x: (jnp.trace(jax.hessian(value)(x)), jax.vmap(lambda shift: value(x + shift))(shifts)))
    )
    laplacian, around = at(points)
    differences = (around[:, 1:].sum(axis=1) - 4 * around[:, 0]) / step**2
    assert np.median(np.abs(laplacian - differences)) < 1e-5
    assert np.median(np.abs(laplacian)) > 0.1


BAD = {
    "radius as a number > 0": lambda: Ball([0, 0], 0),
    "radius as a number": lambda: Ball([0, 0], np.inf),
    "centre as finite": lambda: Ball([0, np.nan], 1),
    "semi_axes above zero": lambda: Ellipsoid([0, 0], [1, -1]),
    "semi_axes as finite": lambda: Ellipsoid([0, 0], [1, np.inf]),
    "2 semi_axes": lambda: Ellipsoid([0, 0], [1, 1, 1]),
    "edges do not cross": lambda: Polygon([[0, 0], [1, 1], [1, 0], [0, 1]]),
    "edges 0 and 2": lambda: Polygon([[0, 0], [2, 0], [2, 1], [1, 0], [0, 1]]),
    "edges do not": lambda: Polygon([[0, 0], [2, 0], [1, 0], [1, 1]]),
    "vertex 1 twice": lambda: Polygon([[0, 0], [1, 0], [1, 0], [0, 1]]),
    "3 to 2000 vertices": lambda: Polygon([[0, 0], [1, 0]]),
    "vertices of shape": lambda: Polygon([[0, 0, 0], [1, 0, 0], [0, 1, 0]]),
    "a domain with an interior": lambda: Ball([0, 0], 1) - Box([-2, -2], [2, 2]),
    "do not meet": lambda: Box(0, 1) & Box(2, 3),
    "none of 65536": lambda: Ball([0, 0], 1) & Ball([1.5, 1.5], 1),
    "as many inputs": lambda: Ball([0, 0], 1) | Ball([0, 0, 0], 1),
    "domains as members": lambda: _members(["hole"]),
    "touches another": lambda: Box([0, 0], [1, 1]) | Box([1, 0], [2, 1]),
    "points of shape": lambda: Ball([0, 0], 1).contains([[0.0, 0.0, 0.0]]),
    "finite points": lambda: Ball([0, 0], 1).contains([[0.0, np.nan]]),
    "one point of shape": lambda: Ball([0, 0], 1).signed_distance(jnp.zeros((3, 2))),
    "two inputs to draw": lambda: Ball([0, 0, 0], 1).outline(),
    "count as a whole number": lambda: Box(0, 1).sample(0, key=jax.random.key(0)),
    "Did you mean 'sobol'": lambda: Box(0, 1).sample(3, key=jax.random.key(0), method="sobl"),
    "key outside of jit": lambda: jax.jit(lambda key: Box(0, 1).sample(3, key=key))(jax.random.key(0)),
    "at most about 20000000": lambda: Box(0, 1).sample(10**9, key=jax.random.key(0)),
    "proposals can be used": lambda: (Box([0, 0], [1, 1]) - Ball([0, 0], 1.405)).sample(10**6, key=jax.random.key(0)),
    "5 numbers": lambda: Box(0, 1).sample_by(lambda x: x[:2], 5, key=jax.random.key(0), candidates=1),
    "finite numbers ≥ 0": lambda: Box(0, 1).sample_by(lambda x: -x, 5, key=jax.random.key(0)),
    "floor above zero": lambda: Box(0, 1).sample_by(lambda x: 0 * x, 5, key=jax.random.key(0), floor=0),
}


@pytest.mark.parametrize("words", BAD)
def test_what_cannot_be_used_is_named(words):
    with pytest.raises(InputError, match=words):
        BAD[words]()
