"""Which distribution a tree is (os-release), and what that makes of the purls of its packages."""

from __future__ import annotations

import shlex

from ci_guard.model.component import Component, Inventory
from ci_guard.model.errors import InputError
from ci_guard.model.record import record
from ci_guard.sbom.installed.tree import FileTree, read_whole

OS_RELEASE = ("etc/os-release", "usr/lib/os-release")
_LIMIT = 64 * 1024  # bytes


@record
class Distribution:
    """`ID`, `VERSION_ID` and `PRETTY_NAME` of os-release; "" for what it does not say. `path` is where it stands.

    `vendor` is `VENDOR_NAME`; where that is not said, the project that `NAME` and `HOME_URL` name.
    """

    id: str = ""
    version: str = ""
    title: str = ""
    path: str = ""
    vendor: str = ""
    homepage: str = ""

    def qualifiers(self) -> dict[str, str]:
        """The `distro` of a purl, as in `debian-12`; nothing when it is not known."""
        return {"distro": "-".join(part for part in (self.id, self.version) if part)} if self.id else {}


def distribution(tree: FileTree) -> Distribution:
    """What os-release says; all empty when there is none, or none that can be read. Never raises."""
    for path in OS_RELEASE:
        try:
            data = read_whole(tree, path, _LIMIT)
        except InputError:
            continue
        said = _values(data.decode("utf-8", "replace"))
        page, name = said.get("HOME_URL", ""), said.get("NAME", "")
        vendor = said.get("VENDOR_NAME", "") or (f"{name} <{page}>" if name and page else "")
        identity, version = said.get("ID", ""), said.get("VERSION_ID", "")
        return Distribution(identity, version, said.get("PRETTY_NAME", ""), path, vendor, page)
    return Distribution()


def _values(text: str) -> dict[str, str]:
    """Shell assignments, quotes taken off; a line that is none is passed over."""
    said: dict[str, str] = {}
    for line in text.split("\n"):
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#"):
            continue
        try:
            words = shlex.split(value)
        except ValueError:
            continue
        said[name] = words[0] if words else ""
    return said


def catalogue(tree: FileTree) -> Inventory:
    """The operating system itself, as a component."""
    found = distribution(tree)
    if not found.id:
        return Inventory()
    told = {"ci-guard:os:title": found.title, "ci-guard:vendor": found.vendor, "ci-guard:homepage": found.homepage}
    component = Component(
        ref=f"os:{found.id}-{found.version}",
        name=found.id,
        version=found.version,
        type="operating-system",
        locations=(tree.place(found.path),),
        properties=tuple(sorted((key, value) for key, value in told.items() if value)),
    )
    return Inventory((component,), roots=(component.ref,), complete=frozenset({component.ref}))
