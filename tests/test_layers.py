"""Imports go strictly down the table of rooms, never between rooms of one level, and never in a circle."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ci_guard"

LEVELS: dict[str, int] = {
    room: level
    for level, rooms in {
        8: ["__main__"],
        7: ["cli"],
        6: ["commands"],
        5: ["pipeline"],
        4: ["report"],
        3: ["gate", "compliance", "suppress", "setup", "services"],
        2: ["config", "sarif", "kubernetes", "workflows", "sbom", "attestation", "advisories", "engine", "export"],
        1: ["source"],
        0: ["model"],
    }.items()
    for room in rooms
}
LEVELS["__init__"] = -1  # the version and the name of the tool: everyone may read them

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: Path) -> str:
    """The room a file belongs to: the first folder, or the file itself at the top."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(module: Path) -> set[str]:
    """Dotted names of our own modules that `module` imports, lazily or not."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            names |= {f"{node.module}.{a.name}" for a in node.names}
    return {n for n in names if n.split(".")[0] == "ci_guard"}


def target_room(name: str) -> str:
    """The room that a dotted import reaches into."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LEVELS else "__init__"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_imports_go_down(module: Path) -> None:
    room = room_of(module)
    assert room in LEVELS, f"{room} is no room of the house"
    if room == "__init__":
        return
    for name in imports_of(module):
        target = target_room(name)
        assert target == room or LEVELS[target] < LEVELS[room], f"{module.name} ({room}) must not import {name}"


def test_no_import_cycles() -> None:
    by_name = {".".join(m.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): m for m in MODULES}
    graph: dict[str, set[str]] = defaultdict(set)
    for name, module in by_name.items():
        for target in imports_of(module):
            while target not in by_name:
                target = target.rpartition(".")[0]
            if target not in {name, "ci_guard"}:
                graph[name].add(target)
    state: dict[str, int] = {}

    def visit(node: str, trail: tuple[str, ...]) -> None:
        assert state.get(node) != 1, f"import cycle: {' -> '.join((*trail, node))}"
        if state.get(node) == 2:
            return
        state[node] = 1
        for target in graph[node]:
            visit(target, (*trail, node))
        state[node] = 2

    for node in list(by_name):
        visit(node, ())


def test_model_needs_only_the_standard_library() -> None:
    import sys

    for module in sorted((PACKAGE / "model").glob("*.py")):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or name.startswith("ci_guard.model"), f"{module.name}: {name}"
