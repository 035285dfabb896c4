"""f13: low frequencies first also under quasi-Newton methods and under methods that use no gradient."""

from collections.abc import Callable

import numpy as np

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS
from simplebias.claims.judge import compare, fitted, ratio
from simplebias.claims.tones import Tones, fit_tones, harmonic
from simplebias.core.types import Key, Network
from simplebias.networks import TwoLayer
from simplebias.training import Perturb, Swarm

METHODS = {
    "conjugate gradients": ("cg", 20, 160),
    "BFGS": ("bfgs", 20, 80),
    "L-BFGS": ("l-bfgs", 20, 100),
    "particle swarm": (Swarm(200), 10, 600),
    "random perturbation": (Perturb(0.03, 50), 20, 300),
}
"""How to step, neurons, and steps of each method."""
SMOKE = ("BFGS", "random perturbation")
"""One method that uses gradients, and one that does not."""
POWELL = "Powell's method"
_POWELL = ("powell", 6, 40)
_SUM = Tones({1: 1.0, 3: 1.0}, 64)


def run(scale: Scale) -> Evidence:
    """One experiment for each method; Powell's, which stalls often, where there is time to look at it."""
    few = {name: METHODS[name] for name in SMOKE}
    methods = few if scale == Scale.SMOKE else METHODS | {POWELL: _POWELL}
    return {
        name: fit_tones(_SUM, _two_layer(width), updater, steps=steps, interval=1)
        for name, (updater, width, steps) in methods.items()
    }


def check(evidence: Evidence) -> Verdict:
    """Low before high under every method and in every seed."""
    criteria: list[Criterion] = []
    for name, data in evidence.items():
        first, third = (fitted(harmonic(data["relative_error"], k), threshold=0.3, hold=5) for k in (1, 3))
        if name != POWELL:  # the others have to come to the end
            third = third.where(np.isfinite(third))
        what = f"{name}: steps for k = 3 over those for k = 1"
        criteria.append(compare(what, ratio(third, first), ">", 1 if name == POWELL else 3))
    return Verdict(tuple(criteria))


def _two_layer(width: int) -> Callable[[Key], Network]:
    return lambda key: TwoLayer(1, 1, width, activation="tanh", initialisation="weight-std:0.3", key=key)


CLAIM = Claim(
    id="f13",
    title="Beyond gradient descent",
    sentence=(
        "Low frequencies are learned first also by conjugate gradients, BFGS and L-BFGS, and by methods that use no "
        "gradient: a particle swarm, random changes kept where they help."
    ),
    source=("ma2021frequency",),
    setting=(
        "sin x + sin 3x on 64 evenly spaced points of [−π, π); 1-m-1 tanh networks, std of weights and biases 0.3, "
        "mean squared error on all points. Conjugate gradients, BFGS and L-BFGS of SciPy, m = 20. Swarm of 200 "
        "networks, m = 10, inertia 0.72, both pulls 1.49; the best of all is looked at. 50 random changes of std 0.03 "
        "a step, m = 20. A step is an iteration. Fitted: relative error below 0.3 for 5 steps; step 0 counts as 1. At "
        "smoke scale BFGS and the random changes alone; at standard scale also Powell's method, m = 6, of which only "
        f"is asked that k = 3 comes later or never. Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "Powell's method is no good example of it: it searches along one parameter after the other, and with six "
        "neurons it often stalls before it has fitted k = 3 at all, which here counts as later."
    ),
    run=run,
    check=check,
    cover=("BFGS", "What was learned when"),
)
