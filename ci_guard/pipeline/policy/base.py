"""The base of a pull request: the commit whose policy judges the change.

The event file is written by GitHub, but its content is the pull request's: it is bounded, and nothing of it is used
but a commit id that looks like one. Where there ought to be a base and it cannot be had, nothing is judged: that is
exit 3, never "nothing new".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from re import fullmatch
from typing import TYPE_CHECKING, Any

from ci_guard.config import values
from ci_guard.config.settings import setting
from ci_guard.model.errors import RevisionError
from ci_guard.model.record import record

if TYPE_CHECKING:
    from ci_guard.source.revision import GitRepository

MAX_EVENT_BYTES = 26_000_000  # GitHub caps a webhook's payload at 25 MB


@record
class BaseTree:
    """The files of the base commit, by paths relative to the root of the run."""

    repository: GitRepository
    commit: str

    def read(self, path: str) -> bytes | None:
        """The regular file at `path` in the base commit, None when there is none. Raises RevisionError."""
        return self.repository.read(self.commit, path)

    def read_many(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Path and bytes of those of `paths` that are regular files there. Raises RevisionError."""
        return self.repository.read_many(self.commit, paths)

    def files(self) -> Sequence[str]:
        """The paths of all regular files of the base commit. Raises RevisionError."""
        return self.repository.files(self.commit)

    def renames(self) -> Mapping[str, str]:
        """Path of today -> path in the base, of files that were renamed since. Raises RevisionError."""
        return self.repository.renames(self.commit)

    def read_at_fork(self, path: str) -> bytes | None:
        """The file where base and head parted; as in the base where that is not known (a shallow clone)."""
        try:
            fork = self.repository.merge_base(self.commit, "HEAD")
        except RevisionError:
            fork = self.commit
        return self.repository.read(fork, path)


def tree_at(root: Path, revision: str) -> BaseTree:
    """The files at `--since`. Raises RevisionError without a repository or such a revision: never "nothing new"."""
    from ci_guard.source.revision import GitRepository  # starts processes: only once somebody asks

    repository = GitRepository.discover(root)
    if repository is None:
        raise RevisionError(f"--since {revision}: {root} is no git repository")
    return BaseTree(repository, repository.resolve(revision))


def find_base(root: Path, environ: Mapping[str, str], options: Mapping[str, Any]) -> BaseTree | None:
    """The base by the GitHub event, else by `--base REV`; None when this run judges no change.

    Raises RevisionError when there is a base but it cannot be read.
    """
    revision, event = _revision(environ, options)
    if not revision:
        return None
    from ci_guard.source.revision import GitRepository  # with subprocess: not for a hook's few milliseconds

    repository = GitRepository.discover(root)
    if repository is None:
        raise RevisionError(
            f"cannot read the policy of the base {revision!r}: {root} is no git repository, so nothing was judged"
        )
    try:
        return BaseTree(repository, repository.resolve(revision))
    except RevisionError as error:
        what = f"the base commit of the {event} event" if event else "the base"
        raise RevisionError(f"{what} cannot be read, so nothing was judged: {error}") from None


def event_base(name: str, data: bytes) -> str:
    """The base commit of a GitHub event, "" when an event of that name has none. Raises RevisionError."""
    if not has_base(name):
        return ""
    import json

    try:
        event = json.loads(data.decode("utf-8"))
        sha = event["merge_group"]["base_sha"] if name == "merge_group" else event["pull_request"]["base"]["sha"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RevisionError(f"the {name} event names no base commit, so nothing was judged") from None
    if not isinstance(sha, str) or not fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", sha):
        raise RevisionError(f"the {name} event's base is no commit id: {values.shown(sha)}")
    return sha


def has_base(name: str) -> bool:
    """Whether an event of that name proposes a change against a base."""
    return name.startswith("pull_request") or name == "merge_group"


def _revision(environ: Mapping[str, str], options: Mapping[str, Any]) -> tuple[str, str]:
    """The base as somebody named it, and the name of the event if it was one."""
    named = setting("base", values.named, options=options, environ=environ, configured="")
    name = environ.get("GITHUB_EVENT_NAME", "")
    if not has_base(name):
        return named, ""
    return event_base(name, _event_bytes(environ, name)), name


def _event_bytes(environ: Mapping[str, str], name: str) -> bytes:
    path = environ.get("GITHUB_EVENT_PATH", "")
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_EVENT_BYTES + 1)
    except (OSError, ValueError) as error:
        raise RevisionError(f"cannot read the {name} event at GITHUB_EVENT_PATH: {error}") from None
    if len(data) > MAX_EVENT_BYTES:
        raise RevisionError(f"the {name} event is larger than {MAX_EVENT_BYTES:,} bytes")
    return data
