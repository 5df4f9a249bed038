"""Fixes: findings carry edits where they are asked for, and the edits mend their finding and nothing else."""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ci_guard.model.finding import Finding, fingerprint
from ci_guard.pipeline.fixing.files import mended
from ci_guard.pipeline.fixing.proof import unmended
from ci_guard.pipeline.lint import LintRequest, lint, lint_bytes
from ci_guard.pipeline.manifests.file import Linted, ManifestLinter
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.report.progress import Silent
from ci_guard.source.edit import apply
from tests.source.styles import STYLES, commented, rendered

SHARED = os.environ.get("CI_GUARD_SHARED", "")
MANIFESTS = sorted((Path(__file__).parent / "fixes").glob("*.yaml"))


def request(root: Path, *, fixing: bool = True) -> LintRequest:
    return LintRequest(root, (".",), RuleChoice(profile="all"), fixing=fixing)


LINTER = ManifestLinter(RuleChoice(profile="all"), Linted(), fixing=True)


def findings(path: str, data: bytes) -> list[Finding]:
    LINTER.into = Linted()
    LINTER.lint(path, data)
    return LINTER.into.judged.findings


@pytest.mark.parametrize("path", MANIFESTS, ids=[path.stem for path in MANIFESTS])
def test_what_is_mended_and_what_is_left_alone(path: Path) -> None:
    """A case is the file before, and after `# ---- after` what it becomes, fix by fix; without: nothing is mended."""
    data, _, after = path.read_bytes().partition(b"# ---- after\n")
    wanted = (after or data).decode()

    judge = partial(findings, "m.yaml")
    while fixed := [f for f in judge(data) if f.edits]:
        assert list(unmended(data, judge(data), judge)) == []
        data = apply(data, fixed[0].edits)
    assert data.decode() == wanted


CONTEXTS = st.fixed_dictionaries(
    {"capabilities": st.sampled_from([{"drop": ["ALL"]}, {"drop": ["ALL"], "add": ["NET_ADMIN"]}, {}])},
    optional={"privileged": st.booleans(), "runAsNonRoot": st.just(True), "allowPrivilegeEscalation": st.booleans()},
)
CONTAINERS = st.fixed_dictionaries(
    {"name": st.just("api"), "image": st.sampled_from(["registry.example/a:1", "a:1", "registry.example/a"])},
    optional={
        "securityContext": CONTEXTS,
        "imagePullPolicy": st.sampled_from(["IfNotPresent", "Never", "Always"]),
        "env": st.just([{"name": "TEXT", "value": "é😀 # no: comment"}]),
        "ports": st.just([{"containerPort": 8080}]),
    },
)
PODS = st.fixed_dictionaries(
    {"containers": st.lists(CONTAINERS, min_size=1, max_size=1)},
    optional={"serviceAccount": st.just("shop"), "restartPolicy": st.sampled_from(["Always", "Never"])},
)
METADATA = {"name": "shop", "annotations": {"about": "läuft; {ja}"}}
OBJECTS = st.one_of(
    PODS.map(lambda pod: {"apiVersion": "v1", "kind": "Pod", "metadata": METADATA, "spec": pod}),
    PODS.map(
        lambda pod: {"apiVersion": "batch/v1", "kind": "Job", "metadata": METADATA, "spec": {"template": {"spec": pod}}}
    ),
    st.just(
        {"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": METADATA}
        | {"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "shop"}}}}
    ),
)


@settings(max_examples=60)
@given(OBJECTS, st.sampled_from(STYLES), st.booleans(), st.booleans())
def test_whatever_the_style(value: dict[str, Any], style: str, windows: bool, comments: bool) -> None:
    text = rendered(value, style)
    text = commented(text, 2) if comments and style in {"block", "wide"} else text
    data = (text.replace("\n", "\r\n") if windows else text).encode()
    path = "m.json" if "json" in style or style == "tight" else "m.yaml"
    found = findings(path, data)
    assert list(unmended(data, found, partial(findings, path))) == []
    after, done, flaw = mended(data, {fingerprint(f) for f in found}, partial(findings, path))
    assert (flaw, done > 0) == ("", after != data)
    event(f"{done} fixed")


def test_no_edits_unless_asked_for(tmp_path: Path) -> None:
    data = (Path(__file__).parent / "fixes" / "all-at-once.yaml").read_bytes()
    made = [lint_bytes(request(tmp_path, fixing=on), "x.yaml", data).judged.findings for on in (True, False)]
    assert [any(f.edits for f in found) for found in made] == [True, False]


@pytest.mark.skipif(not SHARED, reason="the corpora are not here: CI_GUARD_SHARED is not set")
def test_the_corpora_are_mended() -> None:
    root = Path(SHARED) / "data" / "corpora"
    found = [f for f in lint(request(root), Silent()).judged.findings if f.edits]
    print(dict(Counter(f.rule for f in found)))
    assert len(found) > 100
    for path in sorted({f.location.path for f in found}):
        data = (root / path).read_bytes()
        assert list(unmended(data, findings(path, data), partial(findings, path))) == []
