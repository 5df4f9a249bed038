"""`deps check` over what builds, hooks and charts pull in, as a user runs it; contents that contradict each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ci_guard.model.component import Component, Distribution, Hash
from ci_guard.model.location import Location, Region
from ci_guard.sbom.conflicts import digest_conflicts, hash_conflicts
from ci_guard.sbom.lockfiles import read_lock
from ci_guard.sbom.lockfiles.chart_digest import lock_digest, old_digest
from ci_guard.sbom.lockfiles.lock import Lock
from tests.sbom.sbom_inputs import CASES
from tests.sbom.test_deps_check import checked, ci_guard, lines

ONE, TWO = "a" * 40, "b" * 40
DIGEST, OTHER = "sha256:" + "7" * 64, "sha256:" + "8" * 64


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    workflow = f"""\
jobs:
  build:
    steps:
    - uses: actions/setup-go@{ONE} # v4.1.1
    - uses: actions/setup-go@{TWO} # v4.1.1
    - uses: docker://alpine:3.20@{DIGEST}
    - uses: a/b/.github/workflows/x.yml@{ONE}
permissions: {{}}
"""
    hooks = "repos:\n- repo: https://github.com/a/b\n  rev: v1.0\n- repo: https://git.example/x\n  rev: main\n"
    dockerfile = f"""\
# syntax=docker/dockerfile:1
ARG BASE
FROM ${{BASE}}
# ci-guard: ignore[build-image-not-pinned] a tool for people
FROM alpine:3.20
FROM alpine:3.20@{OTHER}
"""
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/ci.yml").write_text(workflow)
    (tmp_path / ".pre-commit-config.yaml").write_text(hooks)
    (tmp_path / "Dockerfile").write_text(dockerfile)
    return tmp_path


def test_every_pin_is_judged_on_its_line(repo: Path) -> None:
    code, report = checked(repo)
    assert code == 0, "a repository that pins by tag can be lived with on day one"
    found = [(f[0], f[1], f[2]) for f in lines(report)]
    assert found == [
        ("build-frontend-not-pinned", "Dockerfile", 1),
        ("build-image-not-pinned", "Dockerfile", 5),
        ("hook-from-branch", ".pre-commit-config.yaml", 5),
        ("hook-not-pinned", ".pre-commit-config.yaml", 3),
        ("image-tag-two-digests", "Dockerfile", 6),
        ("pin-comment-disagrees", ".github/workflows/ci.yml", 5),
        ("pin-without-version", ".github/workflows/ci.yml", 7),
    ]
    assert [f["rule"] for f in report["findings"] if f["suppressed"]] == ["build-image-not-pinned"]
    assert any(
        "BASE" in notice["message"] and notice["location"]["region"]["startLine"] == 3 for notice in report["notices"]
    )


def test_they_are_components(repo: Path) -> None:
    done = ci_guard(repo, "sbom", "create", "--quiet")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    purls = {c.get("purl") for c in document["components"]}
    assert {
        f"pkg:github/actions/setup-go@{ONE}",
        f"pkg:github/a/b@{ONE}#.github/workflows/x.yml",
        "pkg:github/a/b@v1.0",
        f"pkg:oci/alpine@{DIGEST}?repository_url=docker.io%2Flibrary%2Falpine&tag=3.20",
        f"pkg:oci/alpine@{OTHER}?repository_url=docker.io%2Flibrary%2Falpine&tag=3.20",
    } <= purls


def test_two_locks_that_disagree(tmp_path: Path) -> None:
    lock = (CASES / "cargo_lock-workspace" / "Cargo.lock").read_text()
    for folder, text in (("a", lock), ("b", lock.replace("49f1f1", "59f1f1"))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "Cargo.lock").write_text(text)
    code, report = checked(tmp_path)
    assert (code, lines(report)) == (1, [("one-version-two-hashes", "b/Cargo.lock", 6)])


def test_a_lock_says_once_that_it_has_no_hashes(tmp_path: Path) -> None:
    case = CASES / "gradle_lockfile-verified"
    (tmp_path / "gradle.lockfile").write_text((case / "app/gradle.lockfile").read_text().replace("not an entry\n", ""))
    code, report = checked(tmp_path)
    assert (code, lines(report)) == (0, [("lock-without-hashes", "gradle.lockfile", 4)])
    (tmp_path / "gradle").mkdir()
    (tmp_path / "gradle/verification-metadata.xml").write_text((case / "gradle/verification-metadata.xml").read_text())
    _, report = checked(tmp_path)
    rules = {rule for rule, path, _ in lines(report) if path == "gradle.lockfile"}
    assert rules == {"dependency-without-hash", "dependency-weak-hash"}


STABLE, GRAFANA = "https://charts.bitnami.com/bitnami", "https://grafana.github.io/helm-charts"


def test_the_digest_of_a_published_chart() -> None:
    """Chart and lock of ComposioHQ/composio-helm at 5a5a3155, made by Helm itself."""
    locked = [
        {"name": "postgresql", "version": "16.1.2", "repository": STABLE},
        {"name": "redis", "version": "20.1.2", "repository": STABLE},
        {"name": "loki", "version": "5.41.6", "repository": GRAFANA},
    ]
    asked = [entry | {"condition": f"{entry['name']}.enabled"} for entry in locked]
    expected = "sha256:2e4fafc0810041fed9148a005d41a468c89db1e1d39f7e8fad056b0f9fa9fec8"
    assert lock_digest(asked, locked) == expected
    assert lock_digest(asked[:2], locked) != expected
    assert old_digest(asked) != expected


def chart(*versions: str) -> list[dict[str, str]]:
    return [{"name": "redis", "version": v, "repository": "https://charts.example"} for v in versions]


@pytest.mark.parametrize(("digest", "drifts"), [("", 1), ("sha256:" + "0" * 64, 1), ("made", 0), ("old", 0)])
def test_drift_of_a_chart(digest: str, drifts: int) -> None:
    asked, locked = chart(">=20 <21"), chart("20.1.2")
    digest = {"made": lock_digest(asked, locked), "old": old_digest(asked)}.get(digest, digest)
    manifest = {"apiVersion": "v2", "name": "x", "version": "1.0.0", "dependencies": asked}
    beside = {"c/Chart.lock": json.dumps({"dependencies": locked, "digest": digest}).encode()}
    lock = read_lock("c/Chart.yaml", json.dumps(manifest).encode(), beside=beside.get)
    assert isinstance(lock, Lock)
    assert [d.location.path for d in lock.drift] == ["c/Chart.lock"] * drifts
    assert [c.version for c in lock.components] == ["1.0.0", "20.1.2"]


def locked(
    line: int,
    *,
    ecosystem: str = "npm",
    purl: str = "pkg:npm/a@1",
    files: tuple[Distribution, ...] = (),
    hashes: tuple[Hash, ...] = (),
) -> Lock:
    place = Location("lock", Region(line, 1, line, 2))
    made = Component(
        ref="x",
        name="a",
        version="1",
        purl=purl,
        ecosystem=ecosystem,
        distributions=files,
        hashes=hashes,
        locations=(place,),
    )
    return Lock(components=(made,), path="lock")


STRONG, STRONG_2, WEAK, WEAK_2 = (
    Hash("sha512", "1" * 128),
    Hash("sha512", "2" * 128),
    Hash("sha1", "1" * 40),
    Hash("sha1", "2" * 40),
)


def wheel(line: int, name: str, digest: Hash) -> Lock:
    return locked(line, ecosystem="PyPI", files=(Distribution("", name, (digest,)),))


@pytest.mark.parametrize(
    ("locks", "expected"),
    [
        ([locked(1, hashes=(STRONG,)), locked(2, hashes=(STRONG_2,))], [2]),
        ([locked(2, hashes=(STRONG,)), locked(1, hashes=(STRONG_2,))], [2]),
        ([locked(1, hashes=(STRONG,)), locked(2, hashes=(STRONG, STRONG_2))], []),  # any of them may be met
        ([locked(1, hashes=(WEAK,)), locked(2, hashes=(WEAK_2,))], []),
        ([locked(1, hashes=(WEAK,)), locked(2, hashes=(STRONG,))], []),
        ([locked(1, hashes=(STRONG,)), locked(2, hashes=(STRONG_2,), purl="pkg:npm/a@2")], []),
        ([locked(1, hashes=(Hash("h1", "1"), Hash("h1", "2")), ecosystem="Go")], [1]),
        ([wheel(1, "x.whl", STRONG), wheel(2, "y.whl", STRONG_2), wheel(3, "x.whl", STRONG_2)], [3]),
    ],
)
def test_hash_conflicts(locks: list[Lock], expected: list[int]) -> None:
    assert [c.place.region.start_line for c in hash_conflicts(locks) if c.place.region] == expected


def test_digests_of_one_tag() -> None:
    def image(line: int, digest: str, tag: str = "3") -> Component:
        place = Location("f", Region(line, 1, line, 2))
        hashes = (Hash("sha256", digest),) if digest else ()
        return Component(
            ref="x",
            name="r/a",
            version=digest,
            type="container",
            hashes=hashes,
            locations=(place,),
            properties=(("x:tag", tag),),
        )

    found = digest_conflicts(
        [image(1, "a"), image(2, "a"), image(3, ""), image(4, "b"), image(5, "b", "4"), image(6, "c", "")]
    )
    assert [c.place.region.start_line for c in found if c.place.region] == [4]
