"""What a file is: every folder in cases/outcomes is a small repo, one file of which is read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.kubernetes.kustomization import Surroundings
from ci_guard.kubernetes.manifests import (
    OUTCOMES,
    ManifestDocument,
    PatchDocument,
    Skipped,
    outcome_of,
    outcome_of_file,
    read_manifests,
)
from ci_guard.model.location import STDIN_PATH, render_path

CASES = sorted(p for p in (Path(__file__).parent / "cases" / "outcomes").iterdir() if p.is_dir())


def reading(root: Path) -> Callable[[str], bytes | None]:
    return lambda path: (root / path).read_bytes() if (root / path).is_file() else None


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_outcome(case: Path) -> None:
    expected = yaml.safe_load((case / "expected.yaml").read_text("utf-8"))
    path = expected["file"]
    items = list(read_manifests(path, (case / path).read_bytes(), Surroundings(reading(case))))
    outcomes = [outcome_of(item) for item in items]
    assert outcomes == expected["items"]
    assert outcome_of_file(outcomes) == expected["outcome"]
    resources = [r for item in items if isinstance(item, ManifestDocument) for r in item.resources]
    assert [f"{r.kind} {r.name}" for r in resources] == expected.get("resources", [])
    malformed = [f"{render_path(m.path)}: {m.found} is not {m.expected}" for r in resources for m in r.malformed]
    assert malformed == expected.get("malformed", [])
    skipped = [item for item in items if isinstance(item, Skipped | PatchDocument)]
    assert expected.get("reason") in {None, *(s.reason for s in skipped)}
    for item in skipped:
        assert item.reason
        if "line" in expected:
            assert item.location is not None
            assert item.location.region is not None
            assert item.location.region.start_line == expected["line"]


def test_standard_input_may_have_any_name() -> None:
    (item,) = read_manifests(STDIN_PATH, b"apiVersion: v1\nkind: Service\n")
    assert isinstance(item, ManifestDocument)


@given(st.binary(max_size=200), st.sampled_from(["a.yaml", "a.json", STDIN_PATH, "a.yaml.j2", "x"]))
def test_any_bytes_have_an_outcome(data: bytes, path: str) -> None:
    for prefix in (b"", b"apiVersion: v1\nkind: Pod\n", b'{"apiVersion": "v1", "kind": "Pod", '):
        outcomes = [outcome_of(item) for item in read_manifests(path, prefix + data)]
        assert outcomes
        assert outcome_of_file(outcomes) in OUTCOMES


@pytest.mark.parametrize("text", ["services: {}\n", '{"title": "a\\\\nb"}', "on: push\njobs: {}\n"])
def test_no_manifest_costs_no_yaml(text: str) -> None:
    program = (
        "import sys\n"
        "from ci_guard.kubernetes.manifests import read_manifests\n"
        f"items = list(read_manifests('a.yaml', {text.encode()!r}))\n"
        "assert items[0].outcome == 'no-manifest'\n"
        "assert 'yaml' not in sys.modules\n"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)


MANIFEST = b"apiVersion: v1\nkind: Pod\n"


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b"\\u" * 500_000,
        b'"a" ' * 250_000,
        MANIFEST + b"x: [\n" + b'\\"' * 500_000,
        MANIFEST + b"x: [\n" + b"'" * 1_000_001,
        MANIFEST + b"x: [\n" + b"> " * 500_000,
        MANIFEST + b"x: [\n" + b"{{ " * 300_000,
        MANIFEST + b"x: [\n" + b"---\n" * 20_000 + b"x: [\n",
        b"  #\n" * 250_000 + MANIFEST + b"x: [\n",
    ],
    ids=range(8),
)
def test_hostile_text_ends_soon(data: bytes) -> None:
    """Each of these takes minutes if any pattern looks twice at what it has seen."""
    assert list(read_manifests("a.yaml", data))
