"""The corpora: every file has an outcome, and every finding points at the node it names, checked by another parser."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci_guard.model.finding import Finding
from ci_guard.pipeline.lint import LintRequest, lint
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.report.progress import Silent

SHARED = os.environ.get("CI_GUARD_SHARED", "")
pytestmark = pytest.mark.skipif(not SHARED, reason="the corpora are not here: CI_GUARD_SHARED is not set")

STEP = re.compile(r"\.?([^.\[\]]+)|\[name=([^\]]*)\]|\[(\d+)\]")
Place = tuple[int, int]


@pytest.fixture(scope="module")
def corpora() -> Path:
    return Path(SHARED) / "data" / "corpora"


@pytest.fixture(scope="module")
def linted(corpora: Path) -> Linted:
    return lint(LintRequest(corpora, (".",), RuleChoice(profile="all")), Silent())


def test_every_file_has_an_outcome(corpora: Path, linted: Linted) -> None:
    files = [p for p in corpora.rglob("*") if p.is_file() and not p.is_symlink()]
    print(dict(linted.judged.files))
    assert sum(linted.judged.files.values()) == len(files)
    assert linted.judged.files["judged"] > 400
    assert not [u for u in linted.judged.unjudged if not u.rule]


def places(node: yaml.Node, key: yaml.Node | None) -> set[Place]:
    """Where a finding about this node may point: its key, itself, or what names it best inside."""
    found = {(n.start_mark.line + 1, n.start_mark.column + 1) for n in (node, key) if n is not None}
    if isinstance(node, yaml.MappingNode):
        keys = [k for k, _ in node.value]
        chosen = [k for k in keys if k.value in {"name", "apiVersion", "kind", "metadata"}] + keys[:1]
        found |= {(k.start_mark.line + 1, k.start_mark.column + 1) for k in chosen}
        found |= {(v.start_mark.line + 1, v.start_mark.column + 1) for k, v in node.value if k.value == "name"}
        for k, v in node.value:
            if k.value == "metadata" and isinstance(v, yaml.MappingNode):
                found |= {(n.start_mark.line + 1, n.start_mark.column + 1) for kv in v.value for n in kv}
    return found


def child(node: yaml.Node, step: re.Match[str]) -> tuple[yaml.Node, yaml.Node | None] | None:
    name, item, index = step.groups()
    if index is not None and isinstance(node, yaml.SequenceNode):
        return (node.value[int(index)], None) if int(index) < len(node.value) else None
    if item is not None and isinstance(node, yaml.SequenceNode):
        for member in node.value:
            if any(k.value == "name" and v.value == item for k, v in getattr(member, "value", ())):
                return member, None
    if name is not None and isinstance(node, yaml.MappingNode):
        return next(((v, k) for k, v in node.value if k.value == name), None)
    return None


def is_argument(text: Any, finding: Finding) -> bool:
    """Whether an item of `args` is the flag, or the program, that a rule of the control plane points at."""
    return finding.path.endswith((".args", ".command")) and str(text).startswith(("--", "/", "kube-", "etcd"))


def candidates(finding: Finding, roots: list[yaml.Node]) -> Iterator[set[Place]]:
    """For each document, the places of the node that the finding's path names, or of its nearest ancestor."""
    for root in roots:
        node: yaml.Node = root
        key: yaml.Node | None = None
        for step in STEP.finditer(finding.path):
            following = child(node, step)
            if following is None:
                break
            twins = node.value if finding.rule == "duplicate-key" and isinstance(node, yaml.MappingNode) else []
            yield {(k.start_mark.line + 1, k.start_mark.column + 1) for k, _ in twins if k.value == step[1]}
            node, key = following
        if isinstance(node, yaml.SequenceNode):  # the index of an item is not in the path: the item itself is the key
            yield {(n.start_mark.line + 1, n.start_mark.column + 1) for n in node.value if n.value == finding.key}
            yield {
                (n.start_mark.line + 1, n.start_mark.column + 1) for n in node.value if is_argument(n.value, finding)
            }
        yield places(node, key)


def test_every_finding_points_at_the_node_it_names(corpora: Path, linted: Linted) -> None:
    roots: dict[str, list[yaml.Node]] = {}
    outcomes: Counter[str] = Counter()
    wrong: list[Any] = []
    for finding in linted.judged.findings:
        path, region = finding.location.path, finding.location.region
        assert region is not None
        if any(c in finding.path for c in "/~") or path.endswith(".json"):
            outcomes["path with a dot or slash in a key, or JSON: not checked here"] += 1
            continue
        if path not in roots:
            text = (corpora / path).read_text("utf-8-sig")
            roots[path] = [n for n in yaml.compose_all(text, Loader=yaml.SafeLoader) if n is not None]
        right = any((region.start_line, region.start_column) in at for at in candidates(finding, roots[path]))
        outcomes["right" if right else "wrong"] += 1
        if not right:
            wrong.append((finding.rule, path, finding.path, region))
    print(json.dumps(outcomes))
    assert not wrong, wrong[:10]
    assert outcomes["right"] > 1500
