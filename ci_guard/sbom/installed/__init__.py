"""What is installed in a tree of files. One kind of package is one module with `catalogue(tree)` and one row here."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from ci_guard.model.component import Inventory
from ci_guard.sbom.installed.embedded import STATED, without_known
from ci_guard.sbom.installed.tree import FileTree
from ci_guard.sbom.inventory import merge


class Cataloger(Protocol):
    """What a module of this package offers."""

    def catalogue(self, tree: FileTree) -> Inventory:
        """Every package of the tree that this cataloger knows; `ref` is the purl.

        Never raises for what the tree holds: a database that cannot be read goes into `unknown`, in words that name
        the file, and the rest of the tree is still catalogued.
        """


CATALOGERS: tuple[str, ...] = (
    *("distribution", "dpkg", "apk", "rpm"),
    *("binaries", "embedded"),
    *("python", "node"),
)
"""The modules of this package that `catalogue` asks, in this order."""


def catalogue(tree: FileTree, modules: tuple[str, ...] = CATALOGERS) -> Inventory:
    """What all catalogers found, as one inventory. What a bill of materials in the tree states of a package that the
    package manager has too is taken once, from the package manager.
    """
    found = merge(_ask(module, tree) for module in modules if module != STATED)
    stated = _ask(STATED, tree) if STATED in modules else Inventory()
    return merge([found, without_known(stated, found)])


def _ask(module: str, tree: FileTree) -> Inventory:
    return cast(Cataloger, import_module(f"{__name__}.{module}")).catalogue(tree)
