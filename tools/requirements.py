"""Say whether requirements/*.txt still fit pyproject.toml, without asking an index.

    python tools/requirements.py            check (the only mode); `make requirements` writes

Checked: every requirement of the extras is locked at a version it allows, every lock line is an exact version with at
least one SHA-256, the smaller locks are subsets of the larger ones, versions that other files repeat are the locked
ones, and no line names an index.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"lint": "", "ci": "ci", "dev": "dev"}
_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?P<rest>(?:.*\\\n)*.*)", re.MULTILINE)
_REPEATED = re.compile(r"\b([a-z][a-z0-9-]+)==([0-9][^\s,\]]*)")


def main() -> int:
    """Print what is wrong; returns 0 when nothing is, else 1."""
    problems = [problem for lock in LOCKS for problem in check(lock)] + check_nesting() + check_repeated()
    for problem in problems:
        print(problem)
    print("requirements: in step with pyproject.toml" if not problems else "run: make requirements")
    return bool(problems)


def check(lock: str) -> list[str]:
    """What is wrong with requirements/`lock`.txt."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
    locked = versions(lock)
    where = f"requirements/{lock}.txt"
    problems = [f"{where}: {line}" for line in text.splitlines() if re.search(r"https?:|--(extra-)?index|-f ", line)]
    for match in _ENTRY.finditer(text):
        if "--hash=sha256:" not in match["rest"]:
            problems.append(f"{where}: {match['name']} has no hash")
    for requirement in wanted(LOCKS[lock]):
        version = locked.get(canonicalize_name(requirement.name))
        if version is None:
            problems.append(f"{where}: {requirement} is not locked")
        elif not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"{where}: {requirement.name} is {version}, pyproject.toml asks for {requirement}")
    return problems


def check_nesting() -> list[str]:
    """Where one lock holds another version than the next larger one."""
    pairs = [("lint", "ci"), ("ci", "dev")]
    return [
        f"requirements/{large}.txt: {name} is {versions(large).get(name)}, {small}.txt has {version}"
        for small, large in pairs
        for name, version in versions(small).items()
        if versions(large).get(name) != version
    ]


def check_repeated() -> list[str]:
    """Where .pre-commit-config.yaml repeats a version that is not the locked one."""
    locked = versions("dev")
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    return [
        f".pre-commit-config.yaml: {name} is {version}, dev.txt has {locked.get(name)}"
        for name, version in _REPEATED.findall(text)
        if locked.get(name) != version
    ]


def versions(lock: str) -> dict[str, str]:
    """Canonical name -> version of requirements/`lock`.txt."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
    return {canonicalize_name(m["name"]): m["version"] for m in _ENTRY.finditer(text)}


def wanted(extra: str) -> list[Requirement]:
    """The requirements of pyproject.toml with `extra` ("" for the core), our own nested extras unfolded."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = list(project["dependencies"])
    pending = [extra] if extra else []
    while pending:
        for name in project["optional-dependencies"][pending.pop()]:
            requirement = Requirement(name)
            if requirement.name == project["name"]:
                pending += requirement.extras
            else:
                names.append(name)
    return [Requirement(name) for name in names]


if __name__ == "__main__":
    sys.exit(main())
