"""git, run so that nothing which the repository configures is run: hooks, fsmonitor, filters, external diffs.

Only plumbing that reads objects and the index is called, never the work tree (that would run clean filters),
without a shell, without `GIT_*` from the environment, without fetching, with a time-out.
Paths are relative to the folder that was asked for (the root), like everywhere else, not to the repository's top.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ci_guard.model.errors import RevisionError
from ci_guard.model.record import record
from ci_guard.source.files import SIZE_LIMIT

TIME_OUT = 60.0  # seconds for one git command
_BATCH = 64 * 1024 * 1024  # bytes of blobs that one git process may hand over
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.quotePath": "false",
    "protocol.allow": "never",
    "safe.bareRepository": "explicit",
}
_HUNK = re.compile(rb"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_REGULAR = frozenset({"100644", "100755", "100664"})

DEEPEN = """the clone does not hold it; a checkout of the whole history does:
    - uses: actions/checkout
      with:
        fetch-depth: 0"""


@record
class TreeEntry:
    """A regular file in a commit."""

    path: str
    object_id: str
    size: int


class GitRepository:
    """A repository as seen from one folder; implements `model.ports.Repository`.

    `toplevel` is the top of the work tree, `root` the folder that paths are relative to.
    """

    def __init__(self, root: Path, toplevel: Path, prefix: str) -> None:
        self.root = root
        self.toplevel = toplevel
        self._prefix = prefix  # of `root` in the repository, "" or with a `/` at the end
        self._trees: dict[str, Mapping[str, TreeEntry]] = {}

    @classmethod
    def discover(cls, path: Path) -> GitRepository | None:
        """The repository whose work tree holds the folder `path`; None if there is none, or no git.

        Raises RevisionError if git refuses it for its owner.
        """
        if shutil.which("git") is None:
            return None
        done = _git(path, "rev-parse", "--show-toplevel", "--show-prefix")
        if done.returncode != 0:
            _refuse_owner(done.stderr, path)
            return None
        top, _, prefix = os.fsdecode(done.stdout).removesuffix("\n").partition("\n")
        return cls(path, Path(top), prefix.removesuffix("\n"))

    @property
    def is_shallow(self) -> bool:
        """Whether the history is cut off."""
        return self._text("rev-parse", "--is-shallow-repository") == "true"

    def resolve(self, revision: str) -> str:
        """The commit id of a revision. Raises RevisionError if it is not in this clone, saying what to add."""
        if not revision or "\0" in revision:
            raise RevisionError(f"{revision!r} is no revision")
        done = _git(self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        found = os.fsdecode(done.stdout).strip()
        if done.returncode != 0 or not re.fullmatch(r"[0-9a-f]{40,64}", found):
            raise RevisionError(f"revision {revision!r} not found: {DEEPEN}")
        return found

    def head(self) -> str | None:
        """The commit that is checked out; None in a repository without commits."""
        try:
            return self.resolve("HEAD")
        except RevisionError:
            return None

    def default_branch(self) -> str:
        """The branch that the remote calls its default, else the one that is checked out, else `main`."""
        for name, prefix in (("refs/remotes/origin/HEAD", "origin/"), ("HEAD", "")):
            done = _git(self.root, "symbolic-ref", "--quiet", "--short", name)
            if done.returncode == 0:
                return os.fsdecode(done.stdout).strip().removeprefix(prefix)
        return "main"

    def branch(self) -> str:
        """The full ref that is checked out (`refs/heads/main`), "" when it is a bare commit."""
        done = _git(self.root, "symbolic-ref", "--quiet", "HEAD")
        return os.fsdecode(done.stdout).strip() if done.returncode == 0 else ""

    def remote(self) -> str:
        """The URL of `origin`, "" when there is none."""
        done = _git(self.root, "config", "--get", "remote.origin.url")
        return os.fsdecode(done.stdout).strip() if done.returncode == 0 else ""

    def merge_base(self, one: str, other: str) -> str:
        """The best common ancestor of two revisions. Raises RevisionError where the clone knows none."""
        done = _git(self.root, "merge-base", self.resolve(one), self.resolve(other))
        found = os.fsdecode(done.stdout).strip()
        if done.returncode != 0 or not found:
            raise RevisionError(f"no common ancestor of {one!r} and {other!r}: {DEEPEN}")
        return found

    def files(self, commit: str) -> Sequence[str]:
        """The paths of all regular files of a commit below the root, sorted; no links, no submodules."""
        return sorted(self._tree(commit))

    def read(self, commit: str, path: str) -> bytes | None:
        """The file at `path` in a commit; None if there is none, or a link. Raises RevisionError beyond the limit."""
        entry = self._tree(commit).get(path)
        if entry is None:
            return None
        return next(data for _, data in self._blobs([entry]))

    def read_many(self, commit: str, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """(path, bytes) of those of `paths` that are regular files in a commit, by few git processes."""
        tree = self._tree(commit)
        batch: list[TreeEntry] = []
        for entry in (tree[path] for path in paths if path in tree):
            if batch and sum(e.size for e in batch) + entry.size > _BATCH:
                yield from self._blobs(batch)
                batch = []
            batch.append(entry)
        yield from self._blobs(batch)

    def renames(self, base: str, head: str | None = None) -> Mapping[str, str]:
        """New path -> old path of files that were renamed since `base`: in `head`, or in the index if that is None."""
        fields = iter(self._changes(base, head, "--name-status", "-M", "-l5000", "--diff-filter=R"))
        found = {}
        for status in fields:
            old, new = self._below(next(fields)), self._below(next(fields))
            if status.startswith("R") and old is not None and new is not None:
                found[new] = old
        return found

    def changed_files(self, base: str, head: str | None = None) -> Sequence[str]:
        """Paths below the root that differ from `base` in `head` (or the index), deleted ones included; sorted."""
        names = self._changes(base, head, "--name-only", "--no-renames")
        return sorted(name for name in map(self._below, names) if name is not None)

    def changed_lines(self, base: str, path: str, head: str | None = None) -> Sequence[tuple[int, int]]:
        """Ranges (first, last) of the lines of `path` that are new since `base`, in `head` or the index."""
        arguments = ("-p", "-U0", "--text", "--no-color", "--no-renames")
        patch = self._diff(base, head, *arguments, paths=(self._prefix + path,))
        ranges = []
        for hunk in _HUNK.finditer(patch):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            if count:
                ranges.append((first, first + count - 1))
        return ranges

    def _changes(self, base: str, head: str | None, *arguments: str) -> list[str]:
        return [os.fsdecode(field) for field in self._diff(base, head, "-z", *arguments).split(b"\0") if field]

    def _diff(self, base: str, head: str | None, *arguments: str, paths: Sequence[str] = ()) -> bytes:
        safe = ("-r", "--no-ext-diff", "--no-textconv", *arguments)
        trees = (self.resolve(base),) if head is None else (self.resolve(base), self.resolve(head))
        command = ("diff-index", "--cached", *safe[1:]) if head is None else ("diff-tree", "--no-commit-id", *safe)
        return self._run(*command, *trees, "--", *paths)

    def _tree(self, commit: str) -> Mapping[str, TreeEntry]:
        commit = self.resolve(commit)
        if commit not in self._trees:
            listing = _git(self.toplevel, "ls-tree", "-r", "-l", "-z", "--full-tree", commit)
            entries = (self._entry(record) for record in _checked(listing).split(b"\0") if record)
            self._trees[commit] = {entry.path: entry for entry in entries if entry is not None}
        return self._trees[commit]

    def _entry(self, record: bytes) -> TreeEntry | None:
        facts, _, name = record.partition(b"\t")
        mode, _, object_id, size = os.fsdecode(facts).split()
        path = self._below(os.fsdecode(name))
        return TreeEntry(path, object_id, int(size)) if mode in _REGULAR and path is not None else None

    def _below(self, name: str) -> str | None:
        """A path from the repository's top as a path from the root; None if it is not below it."""
        return name.removeprefix(self._prefix) if name.startswith(self._prefix) else None

    def _blobs(self, entries: Sequence[TreeEntry]) -> Iterator[tuple[str, bytes]]:
        """(path, bytes) of tree entries, through one git process."""
        for entry in entries:
            if entry.size > SIZE_LIMIT:
                raise RevisionError(f"{entry.path}: larger than {SIZE_LIMIT} bytes")
        if not entries:
            return
        wanted = "".join(f"{entry.object_id}\n" for entry in entries).encode()
        output, at = _checked(_git(self.toplevel, "cat-file", "--batch", data=wanted)), 0
        for entry in entries:
            header = output.index(b"\n", at) + 1
            if not output[at:header].endswith(f" blob {entry.size}\n".encode()):
                raise RevisionError(f"{entry.path}: {DEEPEN}")
            yield entry.path, output[header : header + entry.size]
            at = header + entry.size + 1

    def _run(self, *arguments: str) -> bytes:
        return _checked(_git(self.toplevel, *arguments))

    def _text(self, *arguments: str) -> str:
        return os.fsdecode(self._run(*arguments)).strip()


def _git(folder: Path, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """One git command. Raises RevisionError if git is missing or too slow."""
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    options = ("--no-pager", "--no-optional-locks", "--no-replace-objects", "--literal-pathspecs")
    command = [shutil.which("git") or "git", "-C", str(folder), *options, *settings, *arguments]
    try:
        return subprocess.run(  # noqa: S603 - a list of our own words, no shell
            command, input=data, capture_output=True, timeout=TIME_OUT, env=_environment(), check=False
        )
    except subprocess.TimeoutExpired:
        raise RevisionError(f"git {arguments[0]} took longer than {TIME_OUT:.0f} seconds") from None
    except (OSError, ValueError) as error:
        raise RevisionError(f"git cannot be run: {error}") from None


def _environment() -> dict[str, str]:
    """Ours without anything that steers git, and with what keeps it offline and quiet."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("GIT_")}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C", "LANGUAGE": "C"}


def _checked(done: subprocess.CompletedProcess[bytes]) -> bytes:
    if done.returncode == 0:
        return done.stdout
    words = done.stderr.decode("utf-8", "replace").strip()
    raise RevisionError(words.removeprefix("fatal: ") or f"git failed with exit code {done.returncode}")


def _refuse_owner(stderr: bytes, path: Path) -> None:
    if b"dubious ownership" in stderr:
        raise RevisionError(
            f"git does not trust the repository at {path}: another user owns it; to trust it, run: "
            f"git config --global --add safe.directory {path}"
        )
