"""From YAML text to judged subjects, with the real rooms; shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

from ci_guard.engine.catalogue import Catalogue, load_catalogue
from ci_guard.engine.evaluation import Judge, Judgement
from ci_guard.engine.pod_security import PodSecurity
from ci_guard.engine.selection import Selection
from ci_guard.kubernetes.manifests import ManifestDocument, read_manifests
from ci_guard.kubernetes.subjects import subjects
from ci_guard.model.subject import Subject

CASES = Path(__file__).parent / "cases"
POD_SECURITY = sorted((CASES / "pod-security").iterdir())
CATALOGUE = load_catalogue()
POD_FOLDERS = frozenset({"pod-security", "images", "input"})
STEADY = frozenset({"image-latest-or-no-tag", "image-without-digest", "violates-namespace-pod-security"})
PASSING = sorted(
    id
    for id, r in CATALOGUE.rules.items()
    if not (r.check or id in STEADY or r.category not in POD_FOLDERS - {"input"})
)
"""What the tests of the engine judge by are the Pod Security checks and a few more: other rules come and go, and must
not change what these tests say."""


def pod_rules(catalogue: Catalogue = CATALOGUE) -> Selection:
    """The rules that the tests of the engine judge by."""
    return catalogue.select("all", categories=POD_FOLDERS, ignore=PASSING)


def subjects_of(text: str, path: str = "manifest.yaml") -> Iterator[Subject]:
    """All subjects of a manifest."""
    for item in read_manifests(path, text.encode()):
        assert isinstance(item, ManifestDocument), item
        for resource in item.resources:
            yield from subjects(resource)


@cache
def pod_of(text: str) -> Subject:
    """The only pod of a manifest."""
    (pod,) = [s for s in subjects_of(text) if s.each == "pod"]
    return pod


@cache
def verdicts(case: Path) -> dict[tuple[str, str], list[str]]:
    """(level, version) -> violated checks, as the case's author says."""
    given = yaml.safe_load((case / "verdicts.yaml").read_text())
    return {tuple(cell.split("/")): checks for cell, checks in given.items()}


def wrong_cells(catalogue: Catalogue, subject_of=pod_of, cases=POD_SECURITY) -> Iterator[str]:
    """Cells in which `catalogue` says something else than the case's author."""
    judge = PodSecurity(catalogue)
    for case in cases:
        pod = subject_of((case / "pod.yaml").read_text())
        for (level, version), wanted in verdicts(case).items():
            verdict = judge.verdict(pod, level, version)
            if list(verdict.checks) != sorted(wanted) or verdict.unjudged:
                yield f"{case.name} {level}/{version}: {list(verdict.checks)}, not {wanted}"


def judged(text: str, selection: Selection | None = None) -> list[Judgement]:
    """The judgements of all subjects of a manifest, by default by every rule about pods."""
    judge = Judge(selection or pod_rules())
    return [judge.judge(subject) for subject in subjects_of(text)]


def found(text: str, selection: Selection | None = None) -> dict[str, list[str]]:
    """Rule -> messages."""
    out: dict[str, list[str]] = {}
    for judgement in judged(text, selection):
        for finding in judgement.findings:
            out.setdefault(finding.rule, []).append(finding.message)
    return out
