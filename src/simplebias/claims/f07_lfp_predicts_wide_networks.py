"""f07: the linear Frequency-Principle model gives the kernel's spectrum and foretells what a wide network learns."""

import numpy as np
import xarray as xr

from simplebias.claims import lfp_kernels, lfp_networks
from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.judge import compare, within

QUOTIENTS, PREFACTOR, EIGENVALUES = "spectrum of the kernel", "kernel of two inputs", "eigenvalues of the kernel"
CUBIC, LINEAR = "limit like a cubic spline", "limit like a linear spline"
NETWORKS = {width: f"networks of {width} neurons" for width in (500, 2000, 8000)}
WIDE = {500: np.inf, 2000: 0.07, 8000: 0.04}
"""Largest accepted difference of network and model by width, mean over seeds."""


def run(scale: Scale) -> Evidence:
    """Kernels of random neurons against formulas, trained networks against the model, the model against splines."""
    widths = scale.choose([2000], [500, 2000], [500, 2000, 8000])
    momentum = scale.choose(0.99, 0.0, 0.0)
    evidence = {NETWORKS[width]: lfp_networks.trained(width, 1e-6, momentum=momentum) for width in widths}
    return evidence | {
        QUOTIENTS: lfp_kernels.quotients(scale.choose(2**12, 2**14, 2**16)),
        PREFACTOR: lfp_kernels.two_inputs(scale.choose(2**15, 2**18, 2**20)),
        EIGENVALUES: lfp_kernels.eigenvalues(),
        CUBIC: lfp_networks.spline_limit("cubic"),
        LINEAR: lfp_networks.spline_limit("linear"),
    }


def check(evidence: Evidence) -> Verdict:
    """No constant is fitted anywhere: spectra and predictions are compared as they are."""
    criteria: list[Criterion] = []
    if QUOTIENTS in evidence:
        quotient = evidence[QUOTIENTS]["quotient"]
        for name in quotient["activation"].values:
            what = f"{name}: spectrum of the kernel over Γ², angular frequencies 1 to 5"
            criteria.append(within(what, quotient.sel(activation=name), 0.93, 1.07))
    if PREFACTOR in evidence:
        data = evidence[PREFACTOR]
        what = "two inputs: kernel of random neurons over its formula"
        criteria.append(within(what, data["sampled"].sel(distance=[0.0, 0.5, 1.5]) / data["formula"], 0.95, 1.05))
    if EIGENVALUES in evidence:
        slopes = evidence[EIGENVALUES]["slope"]
        criteria += [
            within("ReLU: exponent of the eigenvalues, σσ part", slopes.sel(part=["σσ"]), -4.7, -3.7),
            within("ReLU: exponent of the eigenvalues, σ′σ′ part", slopes.sel(part=["σ′σ′"]), -2.4, -1.8),
        ]
    criteria += _predictions(evidence)
    if CUBIC in evidence and LINEAR in evidence:
        linear, cubic = evidence[LINEAR], evidence[CUBIC]
        nearer = float(_apart(cubic["model"], cubic["linear"]) / _apart(cubic["model"], cubic["cubic"]))
        what = "E a²r dominates: model from the linear spline"
        criteria.append(compare(what, [_apart(linear["model"], linear["linear"])], "<", 0.01))
        what = "E r³ dominates: distance to the linear spline over that to the cubic one"
        criteria.append(compare(what, [nearer], ">", 2))
    return Verdict(tuple(criteria))


def _predictions(evidence: Evidence) -> list[Criterion]:
    """Mean over seeds of the difference of trained networks and model."""
    criteria, means = [], {}
    for width, name in NETWORKS.items():
        if name not in evidence:
            continue
        data = evidence[name]
        apart = [_apart(data["network"].sel(seed=seed), data["model"].sel(seed=seed)) for seed in data["seed"].values]
        means[width] = float(np.mean(apart)) if len(apart) >= 4 else np.nan
        if width > 500:
            what = f"{width} neurons: relative difference of network and model, mean of {len(apart)} seeds"
            criteria.append(compare(what, [means[width]], "<", WIDE[width]))
    if 500 in means and 8000 in means:
        what = "the same at 8000 over that at 500 neurons"
        criteria.append(compare(what, [means[8000] / means[500]], "<", 0.5))
    elif 500 in means:
        what = "the same at 2000 over that at 500 neurons"
        criteria.append(compare(what, [means.get(2000, np.nan) / means[500]], "<", 1))
    return criteria


def _apart(one: xr.DataArray, other: xr.DataArray) -> float:
    """Relative difference in the mean square between the first and the last sample."""
    return float(np.linalg.norm(one.values - other.values) / np.linalg.norm(other.values))


CLAIM = Claim(
    id="f07",
    title="The linear Frequency-Principle model",
    sentence=(
        "The spectrum of a wide two-layer network's tangent kernel is Γ²(ξ), from the activation's spectrum and the"
        " weights' moments alone, and the function of least ∫ |ĥ|²/Γ² through the samples is what the network learns."
    ),
    source=("zhang2019explicitizing", "luo2020exact", "zhang2021linear"),
    setting=(
        "Kernel: w in [−3, 3], a in [−0.7, 0.7], biases wide enough for x in [−16π, 16π], Blackman window, by Sobol's"
        " sequence; tanh neurons of two inputs, Gaussian, std of biases 20; eigenvalues of ReLU at 300 points."
        " Networks: ReLU in anti-symmetric pairs, w and b in [−3, 3], a in [−0.1, 0.1], five samples, gradient descent"
        f" of rate ½/λ on ½ Σ u² to Σ u² < 10⁻⁶ in float64 (at smoke scale with momentum 0.99), seeds"
        f" {', '.join(map(str, lfp_networks.SEEDS))}. Linear limit: w in [−0.2, 0.2],"
        " a and b in [−1, 1]. Cubic spline: not-a-knot."
    ),
    fails_when=(
        "The window is short: in [−4π, 4π] the quotient at k = 1 is 1.44 for ReLU and 1.12 for tanh, as it blurs a"
        " steep spectrum. The network is narrow (at 500 neurons the difference is 6 to 7 %) or leaves the linear"
        " regime; or biases do not reach beyond the data."
    ),
    run=run,
    check=check,
    cover=(NETWORKS[2000], "Network"),
)
