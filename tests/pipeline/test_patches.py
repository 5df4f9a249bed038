"""What patches say is judged, what they leave out is not. Every folder in patches/ is a small repo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.kubernetes.kustomization import Surroundings
from ci_guard.kubernetes.laid_over import patched
from ci_guard.kubernetes.manifests import PatchDocument, read_manifests
from ci_guard.pipeline.manifests.file import Linted, ManifestLinter
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.source.document import Document
from ci_guard.source.reader import read

CASES = sorted(p for p in (Path(__file__).parent / "patches").iterdir() if p.is_dir())


def judged(root: Path) -> Linted:
    """Every file below `root`, judged by every rule."""

    def reading(path: str) -> bytes | None:
        return (root / path).read_bytes() if (root / path).is_file() else None

    into = Linted()
    linter = ManifestLinter(RuleChoice(profile="all"), into, Surroundings(reading))
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.name != "expected.yaml"):
        linter.lint(path.relative_to(root).as_posix(), path.read_bytes())
    return into


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Path) -> None:
    into = judged(case)
    found = {
        f"{f.location.path}:{f.location.region.start_line} {f.rule}"
        for f in into.judged.findings
        if not f.implied_by and f.location.region
    }
    taste = {"image-pull-secrets-missing", "image-registry-not-allowed"}
    assert {f for f in found if f.split()[1] not in taste} == set(yaml.safe_load((case / "expected.yaml").read_text()))
    assert not into.judged.evaluated, "a control must not pass because a patch says nothing"


PIECES = ["spec", "template", "containers", "0", "-", "securityContext", "metadata", "labels", "env", "~1", "", "99"]
KEYS = st.sampled_from([*PIECES, "$patch"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "$patch"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
POINTERS = st.lists(st.sampled_from(PIECES), max_size=7).map(lambda parts: "/" + "/".join(parts)) | VALUES
OPERATION = st.fixed_dictionaries({"op": st.sampled_from(["add", "replace", "x"]), "path": POINTERS, "value": VALUES})
OPERATIONS = st.lists(OPERATION, min_size=1)
TARGET_KEYS = st.sampled_from(["kind", "group", "version", "name"])
TARGETS = st.dictionaries(TARGET_KEYS, VALUES | st.sampled_from(["Pod", "(Job|x)"]))


@given(OPERATIONS, TARGETS)
def test_any_json_patch_is_read(operations: list[dict[str, Any]], target: dict[str, Any]) -> None:
    (document,) = read("p.yaml", yaml.safe_dump(operations).encode(), "kubernetes")
    assert isinstance(document, Document)
    for resource in patched(document.value, target, document):
        assert resource.document.locate(("spec", "template")).path == "p.yaml"


@given(VALUES)
def test_any_strategic_patch_is_read(spec: Any) -> None:
    patch = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}
    text = yaml.safe_dump(patch)
    around = Surroundings(lambda path: b"patches: [{path: p.yaml}]" if path == "kustomization.yaml" else None)
    assert all(isinstance(item, PatchDocument) for item in read_manifests("p.yaml", text.encode(), around))
    inline = yaml.safe_dump({"patchesStrategicMerge": [text]})
    assert len(list(read_manifests("kustomization.yaml", inline.encode()))) == 2


def test_a_comment_in_a_patch_suppresses(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n"
        "  # ci-guard: ignore host-network, the agent watches the network\n  hostNetwork: true\n"
    )
    into = judged(tmp_path)
    assert [f.rule for f in into.judged.findings] == ["host-network"]
    assert into.suppresses


def test_a_patch_for_nobody_knows_what_is_told() -> None:
    into = judged(Path(__file__).parent / "patches" / "within-a-kustomization")
    told = [n for n in into.judged.notices if "does not say for which kind" in n.message]
    assert [n.location.region.start_line for n in told if n.location and n.location.region] == [30]
