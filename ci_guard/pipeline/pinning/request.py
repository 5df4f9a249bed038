"""`deps pin` from the command's options to a pinned tree: which maps count, who may be asked, what the lock becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ci_guard.config import digests
from ci_guard.config.digests import DigestLock
from ci_guard.config.types import Config
from ci_guard.model.record import record
from ci_guard.pipeline.lint import LintRequest
from ci_guard.pipeline.pinning.sources import Locked, PinSource
from ci_guard.pipeline.pinning.tree import Pinner, Pinning, lock_after
from ci_guard.pipeline.policy.boundary import load_policy
from ci_guard.pipeline.root import root_and_targets
from ci_guard.source.edit import replace_file
from ci_guard.source.files import read_file


@record
class Job:
    """A pinned tree that is not written yet. `lock_before` is b"" where there is no lock."""

    root: Path
    result: Pinning
    sources: tuple[PinSource, ...]
    lock_name: str
    lock_before: bytes
    lock_after: bytes


def pin(
    current: Path,
    paths: Sequence[str],
    environ: Mapping[str, str],
    options: Mapping[str, Any],
    *,
    maps: Sequence[str] = (),
    online: bool = False,
    anew: bool = False,
) -> Job:
    """Pin what stands below `paths`. `anew`: the lock is to be written, and with `online` everything asked again.

    Maps count before the lock, the lock before the network, unless all is asked anew. Raises CiGuardError.
    """
    root, targets = root_and_targets(current, paths)
    policy = load_policy(root, environ, options, expect_baseline=False)
    before = policy.read(digests.NAME)
    lock = digests.load(before, digests.NAME) if before is not None else DigestLock()
    sources: list[PinSource] = [
        Locked(digests.load_map(read_file(Path(p).absolute().parent, Path(p).name), p)) for p in maps
    ]
    locked = [Locked(lock)] if before is not None else []
    asked = [_online(policy.config, root, environ)] if online else []
    sources += [*asked, *locked] if anew else [*locked, *asked]
    result = Pinner(sources, anew=anew).tree(LintRequest.of(root, targets, policy.config))
    after = digests.write(lock_after(lock, result, anew=anew and online))
    return Job(root, result, tuple(sources), digests.NAME, before or b"", after)


def _online(config: Config, root: Path, environ: Mapping[str, str]) -> PinSource:
    from ci_guard.pipeline.pinning.online import Online  # the client for HTTP: only who asks loads it
    from ci_guard.pipeline.verification.registries import network_by

    return Online(network_by(config, root, environ))


def write_lock(job: Job) -> None:
    """Write the lock, in one step."""
    if job.lock_after != job.lock_before:
        replace_file(job.root / job.lock_name, job.lock_after)
