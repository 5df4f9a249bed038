"""Inventories that several tests write documents from."""

from __future__ import annotations

from pathlib import Path

from ci_guard.model.component import Inventory
from ci_guard.model.location import Location, Region
from ci_guard.model.subject import SubjectId
from ci_guard.sbom.deployed import DeployedImage, Workload, deployed_inventory
from ci_guard.sbom.inventory import merge
from ci_guard.sbom.lockfiles import read_lock
from ci_guard.sbom.lockfiles.lock import Lock

CASES = Path(__file__).parent / "cases"
DIGEST = "sha256:" + "ab" * 32


def locks() -> list[Lock]:
    """Every lock of the cases that can be read, each in a folder of its own."""
    found = []
    for case in sorted(CASES.iterdir()):
        (path,) = [p for p in case.iterdir() if p.name != "expected.json"]
        lock = read_lock(f"{case.name}/{path.name}", path.read_bytes())
        if isinstance(lock, Lock):
            found.append(lock)
    assert len(found) >= 8
    return found


def image(repository: str, tag: str = "", digest: str = "", line: int = 9, *, valid: bool = True) -> DeployedImage:
    """One image as the facts of a parsed reference."""
    registry, _, rest = repository.partition("/")
    facts = {"valid": valid, "registry": registry, "repository": rest, "tag": tag, "digest": digest, "reference": "x"}
    return DeployedImage(facts, Location("k8s/web.yaml", Region(line, 9, line, 20)))


def workloads() -> list[Workload]:
    """A Deployment with a pinned, a tagged and an impossible image, and a Job that shares one."""
    web = SubjectId("Deployment", "web", "shop", "apps/v1")
    job = SubjectId("Job", "migrate", "", "batch/v1")
    place = Location("k8s/web.yaml", Region(4, 9, 4, 12))
    shared = image("docker.io/library/nginx", tag="1.25")
    return [
        Workload(web, place, (image("ghcr.io/team/web", tag="2", digest=DIGEST), shared, image("", valid=False))),
        Workload(
            job, Location("k8s/job.yaml", Region(2, 1, 2, 5)), (image("docker.io/library/nginx", tag="1.25", line=30),)
        ),
    ]


def everything() -> Inventory:
    """All cases and what is deployed, as one inventory."""
    return merge([*locks(), deployed_inventory(workloads())])
