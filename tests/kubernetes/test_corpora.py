"""Real repositories: every file has an outcome, nothing crashes, and pods are where pods should be.

Needs the shared test data (set CI_GUARD_SHARED); it is not part of the project.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from ci_guard.kubernetes.kustomization import Surroundings
from ci_guard.kubernetes.manifests import ManifestDocument, outcome_of, outcome_of_file, read_manifests
from ci_guard.kubernetes.pods import POD_KINDS
from ci_guard.kubernetes.resources import Resource
from ci_guard.kubernetes.subjects import images_of, subjects

SHARED = os.environ.get("CI_GUARD_SHARED", "")


def corpora() -> Path:
    root = Path(SHARED) / "data" / "corpora"
    if not SHARED or not root.is_dir():
        pytest.skip("CI_GUARD_SHARED does not name the shared test data")
    return root


class Tally:
    """What was met in the corpora."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.pods: Counter[str] = Counter()
        self.podless: Counter[str] = Counter()
        self.images = 0

    def add(self, resource: Resource) -> None:
        found = list(subjects(resource))
        whole = [s.each for s in found if s.each not in {"program", "kubelet"}]
        assert whole == ["resource"] + ["pod"] * len(resource.pods)
        for subject in found:
            for path in (subject.path, *(n.path for members in subject.nested.values() for n in members)):
                assert subject.document.exists(path), (resource.document.path, path)
        for image in images_of(resource):
            assert resource.document.exists(image.path)
            self.images += 1
        (self.pods if resource.pods else self.podless)[resource.kind] += 1


def test_every_file_has_an_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    root = corpora()
    around = Surroundings(lambda p: (root / p).read_bytes() if (root / p).is_file() else None)
    tally = Tally()
    for file in sorted(p for p in root.rglob("*") if p.is_file()):
        path = file.relative_to(root).as_posix()
        outcomes = []
        for item in read_manifests(path, file.read_bytes(), around):
            outcomes.append(outcome_of(item))
            for resource in item.resources if isinstance(item, ManifestDocument) else ():
                tally.add(resource)
        assert outcomes, path
        tally.outcomes[outcome_of_file(outcomes)] += 1
    with capsys.disabled():
        print(f"\noutcomes {dict(tally.outcomes)}\npods in {dict(tally.pods)}\n{tally.images} images")
    assert tally.outcomes["judged"] > 400
    assert tally.outcomes["unreadable"] == 0
    assert set(tally.pods) <= set(POD_KINDS), "a structural match: look whether it is one"
    assert not set(tally.podless) & set(POD_KINDS)
