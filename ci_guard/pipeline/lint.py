"""The lint stage: find the files, judge each of them (on all cores when there is much to judge), add it all up."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path

from ci_guard.config.globs import any_matches
from ci_guard.config.licenses import LicensePolicy
from ci_guard.config.types import Config, SuppressionEntry
from ci_guard.kubernetes.kustomization import ALONE, Surroundings
from ci_guard.model.errors import InputError
from ci_guard.model.location import STDIN_PATH, Location
from ci_guard.model.ports import Progress
from ci_guard.model.record import field, record
from ci_guard.model.report import Notice, Unjudged
from ci_guard.pipeline.manifests.file import Linted, ManifestLinter
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.source.files import SkippedPath, SourceFile, read_file, read_or_none, walk

# Below this a second process costs more than it saves (a worker starts in about 0.1 s and judges about 5 MB/s).
PARALLEL_BYTES = 1_500_000
_CHUNK_BYTES = 250_000


@record
class LintRequest:
    """What to lint and by which rules. Picklable: worker processes get it whole.

    `jobs` is the number of processes (0: as many as pay off). `base` is the folder that the configuration's globs
    are relative to, as a root-relative path ("" = the root). `registries`, `licenses` and `today` are for locks.
    `fixing`: findings carry the edits that mend them.
    """

    root: Path
    targets: tuple[str, ...]
    choice: RuleChoice
    entries: tuple[SuppressionEntry, ...] = ()
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    base: str = ""
    whole: bool = False
    jobs: int = 0
    registries: tuple[str, ...] = ()
    licenses: LicensePolicy = field(default_factory=LicensePolicy)
    today: date = date.min
    fixing: bool = False

    @classmethod
    def of(cls, root: Path, targets: Sequence[str], config: Config, *, repo_wide: bool = False) -> LintRequest:
        """What `config` asks for. Where the whole repo is judged, its files are hashed and its workloads listed."""
        folder = config.source.rpartition("/")[0]
        choice = RuleChoice.of(config, repo_wide=repo_wide)
        return cls(
            root,
            tuple(targets),
            choice,
            config.suppressions,
            config.paths,
            config.exclude,
            folder,
            repo_wide,
            registries=config.registries,
            licenses=config.licenses,
        )

    def wants(self, path: str) -> bool:
        """Whether the configuration leaves `path` in."""
        inside = path.removeprefix(self.base + "/") if self.base else path
        chosen = not self.paths or any_matches(self.paths, inside)
        return chosen and not any_matches(self.exclude, inside)


def lint(request: LintRequest, progress: Progress) -> Linted:
    """Judge every manifest under the targets. Raises InputError when a target is not there, and ConfigError."""
    into = Linted(entries=request.entries)
    files = list(_files(request, into))
    weight = sum(size for _, size in files)
    jobs = request.jobs or (_cores() if weight >= PARALLEL_BYTES else 1)
    chunks = list(_chunks(files, min(_CHUNK_BYTES, weight // (4 * jobs))))
    if jobs > 1 and len(chunks) > 1:
        results: Iterable[Linted] = _in_processes(request, chunks, min(jobs, len(chunks)))
    else:
        results = _in_this_process(request, chunks)
    done = 0
    for result, chunk in zip(results, chunks, strict=True):
        into.add(result)
        done += len(chunk)
        progress.advance(done, len(files))
    return into


def surroundings_of(root: Path) -> Surroundings:
    """What charts and kustomizations under `root` say of their files."""
    return Surroundings(partial(read_or_none, root))


def lint_bytes(request: LintRequest, path: str, data: bytes) -> Linted:
    """Judge what came by standard input, under the name `path`."""
    into = Linted(entries=request.entries)
    around = ALONE if path == STDIN_PATH else surroundings_of(request.root)
    ManifestLinter(request.choice, into, around, fixing=request.fixing).lint(path, data)
    return into


def _cores() -> int:
    """The processors that this process may use: a container may have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _files(request: LintRequest, into: Linted) -> Iterator[tuple[str, int]]:
    """Path and size of each file to look at; what is not followed is counted and told."""
    links = 0
    for found in walk(request.root, request.targets):
        if not request.wants(found.path):
            into.judged.files["excluded"] += 1
        elif isinstance(found, SkippedPath):
            links += 1
            into.judged.files["not-followed"] += 1
        else:
            yield found.path, _size(found)
    if links:
        into.judged.notices.append(Notice(f"{links} symbolic links or special files were not followed"))


def _size(file: SourceFile) -> int:
    try:
        return file.absolute.stat(follow_symlinks=False).st_size
    except OSError:
        return 0


def _chunks(files: Sequence[tuple[str, int]], limit: int) -> Iterator[list[str]]:
    """Runs of files of about `limit` bytes, in order, so that the merged result does not depend on the split."""
    chunk: list[str] = []
    weight = 0
    for path, size in files:
        chunk.append(path)
        weight += size + 500
        if weight >= limit:
            yield chunk
            chunk, weight = [], 0
    if chunk:
        yield chunk


def _in_this_process(request: LintRequest, chunks: Iterable[list[str]]) -> Iterator[Linted]:
    worker = _Worker(request)
    return (worker.lint(chunk) for chunk in chunks)


def _in_processes(request: LintRequest, chunks: Sequence[list[str]], jobs: int) -> Iterator[Linted]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs, initializer=_start_worker, initargs=(request,)) as pool:
        yield from pool.map(_lint_chunk, chunks)


class _Worker:
    """The linter of one process: rules are compiled once, results are handed back chunk by chunk."""

    def __init__(self, request: LintRequest) -> None:
        self._request = request
        around = surroundings_of(request.root)
        self._linter = ManifestLinter(request.choice, Linted(), around, whole=request.whole, fixing=request.fixing)

    def lint(self, chunk: Iterable[str]) -> Linted:
        into = Linted(entries=self._request.entries)
        self._linter.into = into
        with _no_collection():
            self._lint_files(chunk, into)
        return into

    def _lint_files(self, chunk: Iterable[str], into: Linted) -> None:
        for path in chunk:
            try:
                data = read_file(self._request.root, path)
            except InputError as error:
                into.judged.files["unreadable"] += 1
                into.judged.unjudged.append(Unjudged("", path, str(error), Location(path)))
                continue
            self._linter.lint(path, data)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the cyclic collector: parse trees hold no cycles, and scanning them again and again costs a third."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


_worker: _Worker | None = None


def _start_worker(request: LintRequest) -> None:
    global _worker  # noqa: PLW0603 - the one way to hand a pool's worker its state
    _worker = _Worker(request)


def _lint_chunk(chunk: list[str]) -> Linted:
    assert _worker is not None
    return _worker.lint(chunk)
