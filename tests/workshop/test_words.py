"""The project speaks of itself alone: no address of a package registry, no path of somebody's machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

# Put together here, so that this file does not match itself.
HOSTS = ["pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com"]
# The bare name is what OSV calls the ecosystem; a host stands in a URL, or is one of its subdomains.
HOSTS += ["//crates" + ".io", ".crates" + ".io"]
HOSTS += ["proxy.golang" + ".org", "repo1.maven" + ".org", "deb.debian" + ".org"]
HOMES = re.compile(r"(?<![\w.$)}>])/(?:home|Users)/[a-z]\w*/|(?<![\w./])/(?:work|farm)/\w")


def tracked(checkout: Path) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("the checkout is no git repo: its files cannot be listed")
    return [checkout / name for name in listed.stdout.split("\0") if name and (checkout / name).is_file()]


def test_no_registry_and_no_home_is_named(checkout: Path) -> None:
    found = []
    for path in tracked(checkout):
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{path.relative_to(checkout)}: {host}" for host in HOSTS if host in text]
        found += [f"{path.relative_to(checkout)}: {match[0]}" for match in HOMES.finditer(text)]
    assert found == []


def test_every_decision_has_a_number_of_its_own(checkout: Path) -> None:
    pages = sorted((checkout / "docs/adr").glob("*.md"))
    numbers = [int(page.name.partition("-")[0]) for page in pages]
    assert len(set(numbers)) == len(numbers)
    for number, page in zip(numbers, pages, strict=True):
        assert page.read_text("utf-8").startswith(f"# {number}. "), page.name
