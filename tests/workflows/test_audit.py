"""What workflows do: which words are whose, what scripts do with them; and no tree and no text that raises or hangs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.source import reader
from ci_guard.source.document import Unreadable
from ci_guard.workflows import audit, scripts
from ci_guard.workflows.expressions import contexts
from ci_guard.workflows.steps import DIALECT
from ci_guard.workflows.untrusted import is_head, is_untrusted
from tests.workflows.test_workflow_steps import Tree

PATH = ".github/workflows/ci.yml"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("github.event.issue.title", {"github.event.issue.title"}),
        ("GitHub.Event['issue'].TITLE", {"github.event.issue.title"}),
        ("github.event.commits[0].message", {"github.event.commits.*.message"}),
        ("join(github.event.commits.*.message, ' ')", {"github.event.commits.*.message"}),
        ("toJSON(github.event)", {"github.event"}),
        ("format('{0}', github.head_ref)", {"github.head_ref"}),
        ("github.head_ref || github.ref_name", {"github.head_ref", "github.ref_name"}),
        ("github.head_ref && 'yes' || 'no'", set()),
        ("github.head_ref == 'main'", set()),
        ("(github.head_ref)", {"github.head_ref"}),
        ("!github.head_ref", set()),
        ("contains(github.event.comment.body, github.head_ref)", set()),
        ("startsWith(github.head_ref, 'x') && github.actor", {"github.actor"}),
        ("'github.head_ref'", set()),
        ("'it''s github.head_ref'", set()),
        ("hashFiles('**/x') == github.head_ref", set()),
        ("fromJSON(steps.a.outputs.b).x[0]", {"steps.a.outputs.b"}),
        ("secrets[format('A_{0}', matrix.x)]", {"secrets.*"}),
        ("true", set()),
        ("1.5", set()),
        ("", set()),
        ("github.head_ref +", {"github.head_ref"}),
        ("((((github.head_ref", {"github.head_ref"}),
    ],
)
def test_contexts_of_an_expression(expression: str, expected: set[str]) -> None:
    assert contexts(expression) == expected


@given(st.text(alphabet="github.head_ref[]()'!&|=<>,*0 \n", max_size=40))
def test_no_expression_raises(text: str) -> None:
    assert all(isinstance(c, str) for c in contexts(text))


def test_deep_and_long_expressions_end() -> None:
    assert contexts("(" * 5_000 + "github.head_ref") == {"github.head_ref"}
    assert contexts("!" * 5_000 + "github.head_ref") == {"github.head_ref"}
    assert "github.head_ref" in contexts("github.head_ref || " * 5_000)


@pytest.mark.parametrize(
    ("context", "untrusted", "head"),
    [
        ("github.event.pull_request.body", True, False),
        ("github.event.pull_request.head.ref", True, True),
        ("github.event.pull_request.head.sha", False, True),
        ("github.event.pull_request.number", False, True),
        ("github.event.pull_request.base.ref", False, False),
        ("github.event.head_commit.author.email", True, False),
        ("github.event.workflow_run.head_branch", True, True),
        ("github.event", True, False),
        ("github.ref_name", False, False),
        ("github.actor", False, False),
        ("github.head_ref", True, True),
        ("github.sha", False, False),
    ],
)
def test_whose_words_a_context_holds(context: str, untrusted: bool, head: bool) -> None:
    assert (is_untrusted(context), is_head(context)) == (untrusted, head)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("curl -s https://x.example/i | sh", True),
        ("curl -s https://x.example/i \\\n  | sudo -E bash -s -- -y", True),
        ("wget -qO- https://x.example/i | python3 -", True),
        ("wget -qO- https://x.example/i | tee log | /bin/bash", True),
        ('eval "$(curl -s https://x.example/i)"', True),
        (". <(curl -s https://x.example/i)", True),
        ("Invoke-WebRequest https://x.example/i | Invoke-Expression", True),
        ("iex ((New-Object Net.WebClient).DownloadString('https://x.example/i'))", True),
        ("curl -s https://x.example/i | tar xz", False),
        ("curl -s https://x.example/i | python3 -c 'import json'", False),
        ("curl -s https://x.example/i || bash fallback.sh", False),
        ("curl -s https://x.example/i; sh other.sh", False),
        ("curl -s http://localhost:8080/health | sh", False),
        ("echo 'curl' && sh x", False),
    ],
)
def test_what_is_run_as_it_comes(script: str, expected: bool) -> None:
    assert bool(list(scripts.run_downloads(script))) is expected


WORDS = (
    "on jobs a steps uses run runs using with env permissions secrets runs-on container services credentials password "
    "ref if inputs type push cache script"
)
KEYS = st.sampled_from(WORDS.split()) | st.integers()
TEXTS = st.sampled_from(
    [
        *("composite", "actions/checkout@v1", "actions/github-script@v1", "workflow_run", "pull_request_target"),
        *("inherit", "${{ github.head_ref }}", "${{ toJSON(secrets) }}", "echo $A >> $GITHUB_ENV", "${{"),
        *("write-all", "self-hosted"),
    ]
)
TREES = st.recursive(
    st.none() | TEXTS | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
)


@given(TREES, TREES)
def test_no_tree_raises(tree: Any, body: Any) -> None:
    for value in (tree, {"on": tree, "jobs": {"a": body}}, {"on": "workflow_run", "jobs": {"a": {"steps": [body]}}}):
        for subject in audit.subjects(Tree(value)):
            assert subject.each in {"workflow", "workflow-job"}
            assert subject.document.locate(subject.path).path


def judged(text: str) -> list[Any]:
    (document,) = reader.read(PATH, text.encode(), DIALECT)
    assert not isinstance(document, Unreadable)
    return list(audit.subjects(document))


def test_items_stand_where_they_are_written() -> None:
    text = (
        "on: issues\njobs:\n  a:\n    steps:\n    - run: echo ${{ github.head_ref }} ${{ github.head_ref }}\n"
        '    - run: "echo \\x24{{ github.head_ref }}"\n'
    )
    _, job = judged(text)
    places = [job.document.locate((*job.path, "injections", n)).region for n in range(3)]
    assert [(p.start_line, p.start_column) for p in places] == [(5, 17), (5, 40), (6, 12)]
    assert job.document.field_path((*job.path, "injections", 1)) == "jobs.a.steps[0].run"


def test_hostile_texts_are_read_in_linear_time() -> None:
    lines = ["curl " * 200_000, "${{ " * 200_000, "${{ github.head_ref }}" * 20_000, "git -c a " * 100_000]
    body = "".join(f"        {line}\n" for line in lines)
    _, job = judged(f"on: push\njobs:\n  a:\n    steps:\n    - run: |\n{body}")
    found = job.variables["job"]["injections"]
    assert len(found) == 20_000
    assert job.document.locate((*job.path, "injections", 19_999)).region
