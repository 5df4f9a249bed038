"""Pod Security labels of a Namespace, by the rules of the admission code; and the index that holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.kubernetes.namespaces import LEVELS, PREFIX, LevelVersion, namespace_policy
from ci_guard.kubernetes.repository import Index
from ci_guard.kubernetes.resources import resources_of
from ci_guard.source import reader
from ci_guard.source.document import Unreadable

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "namespaces.yaml").read_text("utf-8"))


def text(policy: LevelVersion) -> str:
    return f"{policy.level}:{policy.version}"


@pytest.mark.parametrize("case", CASES, ids=lambda c: repr(c["labels"]))
def test_policy(case: dict[str, Any]) -> None:
    policy = namespace_policy({PREFIX + k: v for k, v in case["labels"].items()}, ("metadata", "labels"))
    found = {"enforce": text(policy.enforce), "audit": text(policy.audit), "warn": text(policy.warn)}
    assert found == {key: case[key] for key in found}
    assert [i.label.removeprefix(PREFIX) for i in policy.invalid] == case.get("invalid", [])
    for invalid in policy.invalid:
        assert invalid.path == ("metadata", "labels", invalid.label)
        assert invalid.reason


MODES = ("enforce", "audit", "warn")
VALUES = st.sampled_from([*LEVELS, "latest", "v1.2", "x"]) | st.none() | st.integers() | st.lists(st.text())
LABELS = st.dictionaries(st.sampled_from([PREFIX + m + s for m in MODES for s in ("", "-version")]), VALUES)


@given(LABELS | st.text() | st.none())
def test_any_labels_give_a_policy(labels: object) -> None:
    policy = namespace_policy(labels)
    for mode in (policy.enforce, policy.audit, policy.warn):
        assert mode.level in LEVELS
        assert mode.version == "latest" or mode.version.startswith("v1.")


def add(index: Index, path: str, text: str) -> None:
    for number, document in enumerate(reader.read(path, text.encode(), "kubernetes")):
        assert not isinstance(document, Unreadable)
        for resource in resources_of(document, document.value):
            index.add(resource, number)


NAMESPACE = (
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: %s}}\n"
)
SERVICE = "---\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: %s}\n"


def test_index_finds_by_name_in_order_of_place() -> None:
    forward, backward = Index(), Index()
    files = {"b.yaml": NAMESPACE % "baseline" + SERVICE % "shop", "a.yaml": NAMESPACE % "restricted" + SERVICE % "x"}
    for path, content in files.items():
        add(forward, path, content)
    for path, content in reversed(files.items()):
        part = Index()
        add(part, path, content)
        backward.update(part)
    for index in (forward, backward):
        assert [(n.entry.file, n.policy.enforce.level) for n in index.namespaces("shop")] == [
            ("a.yaml", "restricted"),
            ("b.yaml", "baseline"),
        ]
        assert index.namespaces("other") == []
        assert [(e.file, e.document) for e in index.find("Service", "a")] == [("a.yaml", 1), ("b.yaml", 1)]
        assert [e.file for e in index.find("Service", "a", "shop")] == ["b.yaml"]
        assert len(index) == 4
        assert index.complete
    assert list(forward) == list(backward)


def test_index_is_bounded_and_says_so() -> None:
    index = Index(limit=1)
    add(index, "a.yaml", NAMESPACE % "baseline" + SERVICE % "shop")
    assert len(index) == 1
    assert not index.complete
    other = Index(limit=2)
    add(other, "b.yaml", NAMESPACE % "baseline" + SERVICE % "shop")
    assert other.complete
    other.update(index)
    assert not other.complete
