"""What workflows pull in: every folder in cases/ is a workflow or an action, and the facts expected of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.model.location import Location, NodePath, render_path
from ci_guard.model.subject import Subject
from ci_guard.source import reader
from ci_guard.source.document import Unreadable
from ci_guard.workflows import files, gitlab, hooks
from ci_guard.workflows.steps import DIALECT, subjects
from ci_guard.workflows.uses import parse_uses

CASES = sorted(p for p in (Path(__file__).parent / "cases").iterdir() if p.is_dir())
DEFAULTS = {
    "moving": False,
    "owner": "",
    "repo": "",
    "within": "",
    "ref": "",
    "comment": "",
    "version": "",
    "job": "build",
}


def read(path: Path) -> list[Subject]:
    (document,) = reader.read(path.name, path.read_bytes(), DIALECT)
    assert not isinstance(document, Unreadable)
    return list(files.subjects(path.name, document))


def summary(subject: Subject) -> dict[str, Any]:
    facts = dict(subject.variables["step"])
    region = files.place_of(subject).region
    assert region is not None
    return {
        "line": region.start_line,
        "path": render_path(subject.path),
        "within": facts.pop("path"),
        **facts,
    }


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_facts(case: Path) -> None:
    (path,) = (p for p in case.iterdir() if p.name != "expected.yaml")
    expected = yaml.safe_load((case / "expected.yaml").read_text("utf-8"))
    assert [summary(s) for s in read(path)] == [DEFAULTS | e for e in expected]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".github/workflows/ci.yml", True),
        ("shop/.github/workflows/ci.yaml", True),
        (".github/workflows/sub/ci.yml", False),
        (".github/dependabot.yml", False),
        ("x.github/workflows/ci.yml", False),
        ("action.yml", True),
        (".gitlab-ci.yml", True),
        ("ci/build.gitlab-ci.yaml", True),
        ("gitlab-ci.yml", False),
        (".pre-commit-config.yaml", True),
        ("sub/.pre-commit-config.yml", True),
        (".pre-commit-hooks.yaml", False),
        ("sub/action.yaml", True),
        ("transaction.yml", False),
    ],
)
def test_which_files_are_workflows(path: str, expected: bool) -> None:
    assert files.is_workflow(path) is expected


@given(st.text() | st.integers() | st.none() | st.lists(st.text()), st.text())
def test_any_uses_has_facts(value: object, comment: str) -> None:
    facts = parse_uses(value, comment)
    assert set(facts) == {"uses", "kind", "owner", "repo", "path", "ref", "pinned", "moving", "comment", "version"}
    assert facts["kind"] != "invalid" or facts["pinned"] is False


class Tree:
    """A document that has a value and nothing else."""

    path = "x.yml"

    def __init__(self, value: object) -> None:
        self.value = value

    def locate(self, path: NodePath, *, key: bool = False) -> Location:
        return Location(self.path)

    def exists(self, path: NodePath) -> bool:
        return True

    def field_path(self, path: NodePath) -> str:
        return render_path(path)

    def comments(self) -> list[Any]:
        return []


KEYS = (
    st.sampled_from(
        [
            "jobs",
            "steps",
            "uses",
            "runs",
            "image",
            "build",
            "repos",
            "repo",
            "rev",
            "include",
            "services",
            "name",
            "project",
        ]
    )
    | st.integers()
)
TREES = st.recursive(
    st.none() | st.text(max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)


@given(TREES)
def test_no_tree_raises(tree: object) -> None:
    for subject in (*subjects(Tree(tree)), *hooks.subjects(Tree(tree)), *gitlab.subjects(Tree(tree))):
        assert subject.each == "workflow-step"
