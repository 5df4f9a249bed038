"""Trust boundary 1: on a pull request, what judges the change is read from the base commit, not from the change.

Configuration, baseline and whatever else is policy come through `Policy.read`. What the change does to them is
reported as `policy-changed` and takes effect after the merge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ci_guard.config import loader
from ci_guard.config.settings import config_path
from ci_guard.config.types import Config
from ci_guard.config.values import shown
from ci_guard.model.errors import ConfigError
from ci_guard.model.finding import Finding
from ci_guard.model.location import Location, Region
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record, replace
from ci_guard.model.report import Notice
from ci_guard.model.subject import SubjectId
from ci_guard.pipeline.base import BaseTree, find_base
from ci_guard.source.files import read_file, read_or_none

if TYPE_CHECKING:
    from ci_guard.suppress.baseline import Baseline
    from ci_guard.suppress.directives import Directive
    from ci_guard.suppress.ledger import Emit, Suppressions

CHANGED = "policy-changed"
AFTER_MERGE = "this run is judged by the base commit's policy, the change takes effect after the merge"
OF_THE_RUN = frozenset({"source", "select", "ignore", "since"})


@record
class PolicyChange:
    """What a change does to one piece of policy; `key` is the setting, "" for the whole file."""

    location: Location
    key: str
    message: str


@record
class Policy:
    """What judges this run. `base` is None when the run judges no change against a base.

    `read` gives any other policy file (own rules, trust policy, VEX, digest locks) from where policy is read.
    `renames` maps paths of today to those in the base.
    """

    config: Config
    baseline: Baseline | None
    read: ReadBytes
    base: BaseTree | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[PolicyChange, ...] = ()
    notices: tuple[Notice, ...] = ()

    def findings(self, emit: Emit) -> list[Finding]:
        """The `policy-changed` findings."""
        made = (
            emit(
                CHANGED,
                location=change.location,
                subject=SubjectId("file", change.location.path),
                key=change.key,
                values={"path": change.location.path, "key": change.key},
                message=change.message,
            )
            for change in self.changes
        )
        return [finding for finding in made if finding is not None]


def load_policy(
    root: Path,
    environ: Mapping[str, str],
    options: Mapping[str, Any],
    *,
    protected: Sequence[str] = (),
    expect_baseline: bool = True,
) -> Policy:
    """The policy of a run over `root`; `options` are the command line's, None = not given.

    `protected` names further policy files, whose changes are reported. Raises ConfigError (also when the baseline
    is missing, unless `expect_baseline` is off), InputError, and RevisionError when the base cannot be read.
    """
    base = find_base(root, environ, options)
    source = _Source(root, base)
    path, asked = config_path(options, environ)
    data = source.in_force(path)
    if asked and data is None and source.now(path) is None:
        raise ConfigError("no such configuration", path=path)
    config = loader.load(data, source.name(path), environ, options)
    baseline, notices = _baseline(source, config, expect_baseline)
    changes: list[PolicyChange] = []
    if base is not None:
        notices.append(Notice(f"judged by the policy of the base commit {base.commit[:12]}"))
        changes += source.changes(path, _config_changes)
        if config.baseline:
            changes += source.changes(config.baseline, _baseline_changes)
        for other in protected:
            changes += source.changes(other, _file_changes)
        config = _placeless(config) if source.now(path) != data else config
    renames = base.renames() if base is not None else {}
    return Policy(config, baseline, source.in_force, base, renames, tuple(changes), tuple(notices))


def added_suppressions(
    head: Suppressions, policy: Policy, read: Callable[[str, bytes], Iterable[Directive]]
) -> Suppressions:
    """`head` with those comments and annotations marked that the base's version of their file does not have.

    `read` reads the directives of a file as the stage did that read the head's. Without a base nothing is marked.
    """
    from ci_guard.suppress.added import mark_added

    base = policy.base
    if base is None:
        return head
    marked: dict[str, list[Directive]] = {}
    for path, directives in head.directives.items():
        data = base.read(policy.renames.get(path, path))
        marked[path] = mark_added(directives, read(path, data) if data is not None else ())
    return replace(head, directives=marked)


def day_of(environ: Mapping[str, str]) -> date:
    """The day on which suppressions expire or not (UTC): SOURCE_DATE_EPOCH (seconds) where set, else today.

    Raises ConfigError.
    """
    epoch = environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch:
        return datetime.now(UTC).date()
    try:
        return datetime.fromtimestamp(int(epoch), UTC).date()
    except (ValueError, OverflowError, OSError):
        raise ConfigError(f"SOURCE_DATE_EPOCH: expected seconds since 1970, found {shown(epoch)}") from None


class _Source:
    """Where policy is read from: the base commit for what lies in the repository, else the disk."""

    def __init__(self, root: Path, base: BaseTree | None) -> None:
        self.root = root
        self.base = base

    def name(self, path: str) -> str:
        """`path` as findings and messages name it: relative to the root where it lies inside."""
        inside = self._inside(path)
        return path if inside is None else inside

    def in_force(self, path: str) -> bytes | None:
        """The content that counts, None when there is none. Raises InputError, RevisionError."""
        inside = self._inside(path)
        if self.base is not None and inside is not None:
            return self.base.read(inside)
        return self._on_disk(path)

    def now(self, path: str) -> bytes | None:
        """The content in the working tree; on a pull request a link or a device is as good as nothing."""
        inside = self._inside(path)
        if self.base is not None and inside is not None:
            return read_or_none(self.root, inside)
        return self._on_disk(path)

    def changes(
        self, path: str, differences: Callable[[str, bytes | None, bytes | None], Iterable[PolicyChange]]
    ) -> Iterable[PolicyChange]:
        """What the change does to one policy file; nothing when only the base moved on."""
        inside = self._inside(path)
        if self.base is None or inside is None:
            return ()
        before, now = self.base.read(inside), self.now(path)
        return () if now == before or now == self.base.read_at_fork(inside) else differences(inside, before, now)

    def _on_disk(self, path: str) -> bytes | None:
        inside = self._inside(path)
        place = self.root / path if inside is None else self.root / inside
        if not place.exists() and not place.is_symlink():
            return None
        return read_file(place.parent, place.name) if inside is None else read_file(self.root, inside)

    def _inside(self, path: str) -> str | None:
        place = Path(path)
        if place.is_absolute():
            if not place.is_relative_to(self.root):
                return None
            place = place.relative_to(self.root)
        posix = PurePosixPath(place.as_posix())
        return None if ".." in posix.parts else str(posix)


def _baseline(source: _Source, config: Config, expected: bool) -> tuple[Baseline | None, list[Notice]]:
    if not config.baseline:
        return None, []
    from ci_guard.suppress import baseline as baselines

    data = source.in_force(config.baseline)
    if data is not None:
        return baselines.load(data, source.name(config.baseline)), []
    if source.base is not None:
        words = "is not in the base commit, so it accepts nothing before the merge"
        return None, [Notice(f"the baseline {config.baseline} {words}")]
    if expected:
        raise ConfigError("no such baseline; `ci-guard baseline write` makes one", path=config.baseline)
    return None, []


def _config_changes(path: str, before: bytes | None, now: bytes | None) -> Iterable[PolicyChange]:
    """One change for each setting that differs; a comment moved about is none."""
    if now is None:
        return [PolicyChange(Location(path), "", f"This change removes {path}; {AFTER_MERGE}")]
    try:
        new, document = loader.read_config(now, path), loader.only_document(now, path)
    except ConfigError as error:
        place = _line(path, now, error.line)
        return [PolicyChange(place, "", f"This change makes {path} unreadable: {error}; {AFTER_MERGE}")]
    old = Config() if before is None else _before(before, path)
    changes = []
    for name in (name for name in Config.__match_args__ if name not in OF_THE_RUN):
        was, will_be = getattr(_placeless(old), name), getattr(_placeless(new), name)
        if was != will_be:
            key = name.replace("_", "-")
            there = document is not None and document.exists((key,))
            place = document.locate((key,), key=True) if document and there else _line(path, now, 1)
            changes.append(
                PolicyChange(place, key, f"This change sets {_difference(key, was, will_be)}; {AFTER_MERGE}")
            )
    return changes


def _before(data: bytes, path: str) -> Config:
    try:
        return loader.read_config(data, path)
    except ConfigError:
        return Config()  # only reached by a caller that did not load it: `load_policy` has raised already


def _difference(key: str, was: Any, will_be: Any) -> str:
    if isinstance(was, str | int):
        return f"`{key}` to {shown(will_be)}, from {shown(was)}"
    return f"`{key}` ({len(will_be)} instead of {len(was)})" if len(was) != len(will_be) else f"`{key}` anew"


def _baseline_changes(path: str, before: bytes | None, now: bytes | None) -> Iterable[PolicyChange]:
    from ci_guard.suppress import baseline as baselines

    if now is None:
        return [PolicyChange(Location(path), "", f"This change removes the baseline {path}; {AFTER_MERGE}")]
    try:
        new = baselines.load(now, path).counts
    except ConfigError as error:
        place = _line(path, now, error.line)
        return [PolicyChange(place, "", f"This change makes {path} unreadable: {error}; {AFTER_MERGE}")]
    old = {} if before is None else baselines.load(before, path).counts
    more = sum(max(0, count - old.get(name, 0)) for name, count in new.items())
    fewer = sum(max(0, count - new.get(name, 0)) for name, count in old.items())
    if not more and not fewer:
        return []
    message = f"This change adds {more} accepted findings to {path} and removes {fewer}; {AFTER_MERGE}"
    return [PolicyChange(_first_difference(path, before, now), "", message)]


def _file_changes(path: str, before: bytes | None, now: bytes | None) -> Iterable[PolicyChange]:
    verb = "removes" if now is None else "adds" if before is None else "edits"
    place = Location(path) if now is None else _first_difference(path, before, now)
    return [PolicyChange(place, "", f"This change {verb} the policy file {path}; {AFTER_MERGE}")]


def _first_difference(path: str, before: bytes | None, now: bytes) -> Location:
    old, new = (before or b"").splitlines(), now.splitlines()
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    return _line(path, now, min(same + 1, max(len(new), 1)))


def _line(path: str, data: bytes, number: int) -> Location:
    """A whole line of a file that may be anything; line 0 or beyond the end is the file's first."""
    from ci_guard.source.text import SourceText

    text = SourceText(path, data)
    written = text.line(number) if number else ""
    return Location(path, Region(number, 1, number, 1 + len(written)), written) if number else Location(path)


def _placeless(config: Config) -> Config:
    """Without places: they are lines of the base's file, and mean nothing in the head's."""
    entries = tuple(
        replace(entry, location=Location(entry.location.path) if entry.location else None)
        for entry in config.suppressions
    )
    return replace(config, suppressions=entries)
