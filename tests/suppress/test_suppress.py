"""Comments, annotations and configuration entries: cases as folders, and the laws that hold for any input."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.config.loader import read_config
from ci_guard.model.finding import Finding
from ci_guard.suppress.added import mark_added
from ci_guard.suppress.comments import parse_comment
from ci_guard.suppress.directives import Directive, read_directives
from ci_guard.suppress.ledger import Applied, Suppressions
from tests.suppress import reading

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").iterdir())
TODAY = date(2026, 6, 30)
NAME = "manifest.yaml"


def judged(data: bytes, suppressions: Suppressions) -> list[Finding]:
    """The findings of a file, with its suppressions taken up and every known rule having looked."""
    found: list[Finding] = []
    for document in reading.documents(NAME, data):
        resources = reading.resources(document)
        suppressions.read(document, resources)
        found += reading.flaws(document)
        for resource in resources:
            looked = reading.KNOWN - {"other-rule"}
            suppressions.observe(NAME, resource.id, looked)
    return found


def apply(suppressions: Suppressions, findings: list[Finding]) -> Applied:
    return suppressions.apply(findings, known=reading.KNOWN, today=TODAY, emit=reading.emit)


def line_of(finding: Finding) -> int:
    return finding.location.region.start_line if finding.location.region else 0


def told(applied: Applied) -> dict[str, list[str]]:
    """The outcome as the cases write it."""
    return {
        "open": [f"{line_of(f)} {f.rule}" for f in applied.findings if not f.suppressed],
        "accepted": [
            f"{line_of(f)} {f.rule} by {f.suppressed.origin}: {f.suppressed.reason}"
            for f in applied.findings
            if f.suppressed
        ],
        "problems": [f"{line_of(f)} {f.rule}: {f.message}" for f in applied.problems],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Path) -> None:
    config = case / ".ci-guard.yaml"
    entries = read_config(config.read_bytes(), ".ci-guard.yaml").suppressions if config.is_file() else ()
    suppressions = Suppressions(entries)
    findings = judged((case / NAME).read_bytes(), suppressions)
    base = case / "base.yaml"
    if base.is_file():
        before = [
            d
            for doc in reading.documents(NAME, base.read_bytes())
            for d in read_directives(doc, reading.resources(doc))
        ]
        suppressions.directives[NAME] = mark_added(suppressions.directives.get(NAME, []), before)
    applied = apply(suppressions, findings)
    assert told(applied) == json.loads((case / "expected.json").read_text("utf-8"))
    again = apply(suppressions, applied.findings)
    assert again == applied, "suppressing twice equals once"


@given(st.text(max_size=120))
def test_any_comment_can_be_read(text: str) -> None:
    for comment in (text, f"# ci-guard: ignore{text}", f"# ci-guard: ignore[a]{text}", f"# ci-guard:{text}"):
        wish = parse_comment(comment)
        assert wish is None or wish.flaw or wish.rules


@pytest.mark.parametrize(
    ("comment", "rules", "reason", "whole_file"),
    [
        ("# ci-guard: ignore[a] why", ("a",), "why", False),
        ("#ci-guard:ignore[a,b-c]: why", ("a", "b-c"), "why", False),
        ("## ci-guard: ignore [a, a] — why not", ("a",), "why not", False),
        ("# ci-guard: ignore-file[a] why", ("a",), "why", True),
        ("# ci-guard: ignore[a]", ("a",), "", False),
        ("# ci-guard: ignore[a] --- ", ("a",), "", False),
    ],
)
def test_comment(comment: str, rules: tuple[str, ...], reason: str, whole_file: bool) -> None:
    wish = parse_comment(comment)
    assert wish and (wish.rules, wish.reason, wish.whole_file, wish.flaw) == (rules, reason, whole_file, "")


@pytest.mark.parametrize("comment", ["# ignore[a] why", "# see ci-guard: ignore[a]", "# ci-guard: see the docs", "#"])
def test_not_addressed_to_us(comment: str) -> None:
    assert parse_comment(comment) is None


@pytest.mark.parametrize("comment", ["# ci-guard: ignore why", "# ci-guard: ignore[] why", "# ci-guard: ingore[a] why"])
def test_misspelt_comments_are_told(comment: str) -> None:
    wish = parse_comment(comment)
    assert wish and wish.flaw


LINES = st.sampled_from(
    [
        "# ci-guard: ignore[privileged-container] needed",
        "# ci-guard: ignore-file[image-tag-latest] needed",
        "# ci-guard: ignore[unknown] needed",
        "apiVersion: v1",
        "kind: Pod",
        "metadata: {name: a, annotations: {ci-guard/ignore.privileged-container: needed}}",
        "spec:",
        "  containers:",
        "  # ci-guard: ignore[image-tag-latest, privileged-container] needed",
        "  - name: api",
        "    image: x:latest  # ci-guard: ignore[image-tag-latest]",
        "    securityContext: {privileged: true} # ci-guard: ignore[privileged-container] ok",
        "    securityContext: &sc {privileged: true}",
        "---",
        "",
        "- # ci-guard: ignore[privileged-container] head",
    ]
)


@settings(max_examples=200)
@given(st.lists(LINES, max_size=14), st.lists(LINES, max_size=6))
def test_laws(head: list[str], base: list[str]) -> None:
    data = "\n".join(head).encode()
    suppressions = Suppressions()
    findings = judged(data, suppressions)
    applied = apply(suppressions, findings)
    assert len(applied.findings) == len(findings), "nothing is dropped"
    assert apply(suppressions, applied.findings) == applied, "twice equals once"
    assert all(f.suppressed is None or f.suppressed.reason for f in applied.findings), "no reason, no effect"
    flat = [d for found in suppressions.directives.values() for d in found]
    before = [
        d
        for doc in reading.documents(NAME, "\n".join(base).encode())
        for d in read_directives(doc, reading.resources(doc))
    ]
    assert not any(d.added for d in mark_added(flat, flat)), "what was there is not new"
    new = sum(d.added for d in mark_added(flat, before))
    assert new >= len(flat) - len(before), "no new one is missed"
    for directive in flat:
        region = directive.location.region
        assert region and 1 <= region.start_line <= len(head)


WORDS = """
{ } [ ] : x &a *a <<: containers: items: metadata: annotations: --- ... " ' é >
# ci-guard: ignore[a]ci-guard: ignore-file[a] ci-guard/ignore.a: ci-guard/ignore.:
"""
PIECES = ["\n", "- ", "  ", "kind: List", "apiVersion: v1", "# ci-guard: ignore[a] b", "\u2028", "\r", "\t"]
TOKENS = st.sampled_from([*WORDS.split(), *PIECES])


@settings(max_examples=300)
@given(st.lists(TOKENS | st.text(max_size=4), max_size=40).map("".join))
def test_any_text_gives_directives_or_none(text: str) -> None:
    for document in reading.documents(NAME, text.encode()):
        for directive in read_directives(document, reading.resources(document)):
            region = directive.location.region
            assert region and document.text.line(region.start_line)[region.start_column - 1 :]


def test_workers_add_up_in_any_order() -> None:
    texts: list[Any] = [(c / NAME).read_bytes() for c in CASES[:6]]
    one, other = Suppressions(), Suppressions()
    parts = []
    for data in texts:
        part = Suppressions()
        judged(data, part)
        parts.append(part)
    for part in parts:
        one.add(part)
    for part in reversed(parts):
        other.add(part)
    assert one.looked == other.looked
    assert {p: sorted(map(repr, d)) for p, d in one.directives.items()} == {
        p: sorted(map(repr, d)) for p, d in other.directives.items()
    }


def test_a_directive_speaks_of_its_file_only() -> None:
    document = reading.documents("a.yaml", (CASES[0] / NAME).read_bytes())[0]
    found: list[Directive] = read_directives(document, reading.resources(document))
    assert {d.location.path for d in found} <= {"a.yaml"}
