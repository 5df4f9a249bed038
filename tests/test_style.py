"""The house style as numbers: small functions, small modules, docstrings that say something."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "ci_guard").rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(source: list[str], node: Function) -> int:
    """Lines of code in a function: no blanks, comments or docstring."""
    body = node.body
    skip: set[int] = set()
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        skip = set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    text = [source[n - 1].strip() for n in lines if n not in skip]
    return sum(1 for line in text if line and not line.startswith("#"))


def functions(module: Path) -> list[tuple[Function, int]]:
    source = module.read_text("utf-8").splitlines()
    tree = ast.parse("\n".join(source))
    return [(n, code_lines(source, n)) for n in ast.walk(tree) if isinstance(n, Function)]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(ROOT)))
def test_module_is_small_and_documented(module: Path) -> None:
    text = module.read_text("utf-8")
    assert len(text.splitlines()) <= 400
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it is for"
    for node, lines in functions(module):
        assert lines <= 50, f"{node.name} has {lines} lines of code"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"class {node.name} has no docstring"


def test_public_functions_are_documented() -> None:
    public = [n for m in MODULES for n, _ in functions(m) if not n.name.startswith("_")]
    documented = [n for n in public if ast.get_docstring(n)]
    assert len(documented) >= 0.9 * len(public), [n.name for n in public if not ast.get_docstring(n)]


def test_functions_are_small_on_the_whole() -> None:
    assert statistics.median([lines for m in MODULES for _, lines in functions(m)] or [0]) <= 8


def test_names_say_what_they_hold() -> None:
    for module in MODULES:
        assert module.stem not in {"utils", "util", "helpers", "helper", "manager", "misc", "common"}


def test_types_are_records() -> None:
    """Making dataclasses was two fifths of a hook's start (docs/adr/0025)."""
    assert not [m for m in MODULES if "from dataclasses import" in m.read_text("utf-8")]
