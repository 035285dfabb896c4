"""Write requirements/lock.txt: the version of every package that this environment has and the project needs.

Run it with the environment to be pinned: `make lock`. What the environment holds besides is left out.
"""

import importlib.metadata
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
HEADER = """\
# Versions that `make demo` and `make test` install, given to pip as constraints. Written by `make lock`.
"""


def wanted() -> list[str]:
    """Requirements of the package, its extras and its groups, as `pyproject.toml` states them."""
    content = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    project = content["project"]
    groups = [*project["optional-dependencies"].values(), *content["dependency-groups"].values()]
    return [*project["dependencies"], *(line for group in groups for line in group)]


def closure(lines: list[str]) -> dict[str, str]:
    """Every installed package that the requirements lead to, with its version."""
    found, open_requirements = {}, [Requirement(line) for line in lines]
    seen = set()
    while open_requirements:
        requirement = open_requirements.pop()
        name = canonicalize_name(requirement.name)
        visit = (name, frozenset(requirement.extras))
        if visit in seen:
            continue
        seen.add(visit)
        distribution = importlib.metadata.distribution(name)
        found[name] = distribution.version.partition("+")[0]
        for line in distribution.requires or []:
            inner = Requirement(line)
            extras = requirement.extras or {""}
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                open_requirements.append(inner)
    return found


if __name__ == "__main__":
    versions = closure(wanted())
    body = "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))
    (HERE / "lock.txt").write_text(HEADER + body, encoding="utf-8")
    print(f"{len(versions)} packages in {HERE / 'lock.txt'}")
