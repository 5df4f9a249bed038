"""Inventories that several tests write documents from."""

from __future__ import annotations

import json
from pathlib import Path

from ci_guard.model.component import Inventory
from ci_guard.model.location import Location, Region
from ci_guard.model.subject import SubjectId
from ci_guard.sbom.deployed import DeployedImage, Workload, deployed_inventory
from ci_guard.sbom.inventory import merge
from ci_guard.sbom.lockfiles import parser_name, read_lock
from ci_guard.sbom.lockfiles.lock import Lock
from ci_guard.source.document import Unreadable
from ci_guard.source.files import read_or_none

CASES = Path(__file__).parent / "cases"
DIGEST = "sha256:" + "ab" * 32


def lock_of(case: Path) -> str:
    """The one lock of a case folder, relative to it; what else lies there is what stands beside it.

    Where several could be meant, `lock` in `expected.json` names it.
    """
    named = json.loads((case / "expected.json").read_text("utf-8")).get("lock", "")
    files = sorted(p.relative_to(case).as_posix() for p in case.rglob("*") if p.is_file())
    (lock,) = [named] if named else [f for f in files if parser_name(f)]
    return str(lock)


def read_case(case: Path, folder: str = "") -> Lock | Unreadable:
    """The lock of a case as it is read in a repository that holds the case's files below `folder`."""
    path = lock_of(case)
    prefix = f"{folder}/" if folder else ""

    def beside(wanted: str) -> bytes | None:
        return read_or_none(case, wanted.removeprefix(prefix)) if wanted.startswith(prefix) else None

    return read_lock(f"{prefix}{path}", (case / path).read_bytes(), beside=beside)


def locks() -> list[Lock]:
    """Every lock of the cases that can be read, each in a folder of its own."""
    read = [read_case(case, case.name) for case in sorted(CASES.iterdir())]
    found = [lock for lock in read if isinstance(lock, Lock)]
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
