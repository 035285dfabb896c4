"""All claims, found by walking the files of this room: `f01_…`, `c01_…`, `l01_…`, `p01_…`, each with its `CLAIM`."""

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterable

import simplebias.claims
from simplebias.claims.claim import Claim
from simplebias.core.errors import InputError, check_choice

_FILE = re.compile(r"[fclp]\d\d_\w+")


@functools.cache
def _found() -> tuple[Claim, ...]:
    claims = []
    for module in pkgutil.iter_modules(simplebias.claims.__path__):
        if not _FILE.fullmatch(module.name):
            continue
        claim = importlib.import_module(f"{simplebias.claims.__name__}.{module.name}").CLAIM
        if claim.id != module.name[:3]:
            raise InputError(f"the claim {module.name[:3]} in {module.name}.py", repr(claim.id))
        claims.append(claim)
    return tuple(sorted(claims, key=lambda claim: ("fclp".index(claim.id[0]), claim.id)))


def all_claims() -> list[Claim]:
    """Every claim that simplebias can reproduce: Frequency Principle, condensation, loss landscape, PDEs.

    Returns:
        The claims, sorted by subject and number.

    Raises:
        InputError: if two files claim one id.

    Example:
        >>> all_claims()[0].id
        'f01'
    """
    claims = list(_found())
    ids = [claim.id for claim in claims]
    if len(set(ids)) != len(ids):
        raise InputError("one file for each claim", f"ids {ids}")
    return claims


def find_claims(ids: Iterable[str] | None) -> list[Claim]:
    """The claims with the given ids, in the order of `all_claims`; all of them for None.

    Args:
        ids: such as `["f01", "c01"]`, in capitals or not.

    Returns:
        The claims.

    Raises:
        InputError: for an unknown id, or no id at all.

    Example:
        >>> [claim.id for claim in find_claims(["c01", "F01"])]
        ['f01', 'c01']
    """
    claims = all_claims()
    if ids is None:
        return claims
    wanted = [str(name).lower() for name in ([ids] if isinstance(ids, str) else ids)]
    if not wanted:
        raise InputError("at least one id of a claim", "none", "Leave the ids out to take all claims.")
    for name in wanted:
        check_choice(name, "claim", [claim.id for claim in claims])
    return [claim for claim in claims if claim.id in wanted]
