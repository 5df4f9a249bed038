"""Trust boundary 1: on a pull request, what judges the change is read from the base commit, not from the change.

Configuration, baseline and whatever else is policy come through `Policy.read`. What the change does to them is
reported as `policy-changed` and takes effect after the merge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci_guard.config import values
from ci_guard.config.settings import config_path, in_force, setting
from ci_guard.config.types import Config
from ci_guard.config.values import shown
from ci_guard.model.errors import ConfigError
from ci_guard.model.finding import Finding
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record, replace
from ci_guard.model.report import Notice
from ci_guard.model.subject import SubjectId
from ci_guard.pipeline.policy.base import BaseTree, find_base
from ci_guard.pipeline.policy.changes import PolicyChange, changes_of, placeless
from ci_guard.pipeline.policy.source import PolicySource

if TYPE_CHECKING:
    from ci_guard.config.digests import DigestLock
    from ci_guard.engine.selection import Selection
    from ci_guard.suppress.baseline import Baseline
    from ci_guard.suppress.directives import Directive
    from ci_guard.suppress.ledger import Emit, Suppressions

CHANGED = "policy-changed"


@record
class Policy:
    """What judges this run. `base` is None when the run judges no change against a base.

    `read` gives any other policy file (trust policy, VEX, digest locks) from where policy is read. `own_rules` are the
    files of own rules and profiles, (name, bytes). `comments`: whether comments and annotations may accept findings.
    `files` are all policy files that were read so far, None for those that are not there. `renames` maps paths of today
    to those in the base.
    """

    config: Config
    baseline: Baseline | None
    read: ReadBytes
    own_rules: tuple[tuple[str, bytes], ...] = ()
    comments: bool = True
    base: BaseTree | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[PolicyChange, ...] = ()
    notices: tuple[Notice, ...] = ()
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    ratchet: Mapping[str, int] = field(default_factory=dict)

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
    base: BaseTree | None = None,
    expect_baseline: bool = True,
) -> Policy:
    """The policy of a run over `root`; `options` are the command line's, None = not given.

    `protected` names further policy files, whose changes are reported; `base` is the base where it is known already.
    Raises ConfigError (also when the baseline is missing, unless `expect_baseline` is off), InputError, and
    RevisionError when the base cannot be read.
    """
    base = base or find_base(root, environ, options)
    source = PolicySource(root, base)
    path, asked = config_path(options, environ)
    data = source.in_force(path)
    if asked and data is None and source.now(path) is None:
        raise ConfigError("no such configuration", path=path)
    config, shared = _config(source, data, path, environ, options)
    folders = (*config.rule_paths, *rule_folders(options, environ))
    own = own_rules(source, folders)
    baseline, notices = _baseline(source, config, expect_baseline)
    ratchet = _ratchet(source, config, notices, expected=expect_baseline)
    comments = not shared or "suppressions" in config.repo_may
    changes: list[PolicyChange] = []
    if base is not None:
        notices.append(Notice(f"judged by the policy of the base commit {base.commit[:12]}"))
        from ci_guard.config import digests

        others = (*protected, digests.NAME, *_rule_files(source, folders), *trust_files(config), *config.vex)
        changes += changes_of(source, path, config, others)
        config = placeless(config) if source.now(path) != data else config
    if not comments:
        words = "comments and annotations in files accept nothing"
        notices.append(Notice(f"the shared policy {config.extends} grants no suppressions: {words}"))
    return Policy(
        config=config,
        baseline=baseline,
        read=source.in_force,
        own_rules=own,
        comments=comments,
        base=base,
        renames=base.renames() if base is not None else {},
        changes=tuple(changes),
        notices=tuple(notices),
        files=source.read,
        ratchet=ratchet,
    )


def _config(
    source: PolicySource, data: bytes | None, path: str, environ: Mapping[str, str], options: Mapping[str, Any]
) -> tuple[Config, bool]:
    """The configuration in force, and whether it stands on a shared one."""
    name = source.name(path)
    config = Config() if data is None else _read_config(data, name)
    place = in_force(config, options, environ).extends
    if not place:
        return in_force(config, options, environ), False
    from ci_guard.pipeline.policy.extending import Layer, extended

    below = source.in_force(place)
    if below is None:
        line = Layer(config, name, data or b"").line(("extends",))
        raise ConfigError(f"there is no shared policy {place}", path=name if line else "--extends", line=line)
    shared = Layer(_read_config(below, source.name(place)), source.name(place), below)
    both = extended(shared, Layer(config, name, data or b""), partial(_selection, source))
    return in_force(replace(both, extends=place), options, environ), True


def _read_config(data: bytes, name: str) -> Config:
    from ci_guard.config import loader  # reads YAML: a repository may have no configuration

    return loader.read_config(data, name)


def _selection(source: PolicySource, config: Config) -> Selection:
    from ci_guard.pipeline.policy.choice import RuleChoice

    return RuleChoice.of(config, repo_wide=True, own=own_rules(source, config.rule_paths)).selection()


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


def lock_in_force(policy: Policy) -> DigestLock:
    """The lock of digests that counts: that of the base commit on a pull request. Raises ConfigError."""
    from ci_guard.config import digests

    data = policy.read(digests.NAME)
    return digests.NO_LOCK if data is None else digests.load(data, digests.NAME)


def trust_files(config: Config) -> list[str]:
    """The keys and trusted roots that the configuration names for images: policy, like itself."""
    signers = [signer for entry in config.images for signer in entry.signed_by]
    named = (path for signer in signers for path in (signer.key, signer.trusted_root, signer.notation))
    return sorted({path for path in named if path})


def _baseline(source: PolicySource, config: Config, expected: bool) -> tuple[Baseline | None, list[Notice]]:
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


def _ratchet(source: PolicySource, config: Config, notices: list[Notice], *, expected: bool) -> dict[str, int]:
    """How many findings of a severity there may be; empty where no ratchet is in force."""
    if not config.ratchet:
        return {}
    data = source.in_force(config.ratchet)
    if data is not None:
        from ci_guard.suppress import ratchet

        return ratchet.load(data, source.name(config.ratchet))
    if source.base is not None:
        notices.append(Notice(f"the ratchet {config.ratchet} is not in the base commit: it holds after the merge"))
    elif expected:
        raise ConfigError("no such ratchet; `ci-guard gate --write-ratchet FILE` makes one", path=config.ratchet)
    return {}


def rule_folders(options: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, ...]:
    """The folders of own rules that `--rules` or its variable names. Raises ConfigError."""
    none: tuple[str, ...] = ()
    return setting("rules", values.separated(values.named), options=options, environ=environ, configured=none)


def own_rules(source: PolicySource, folders: Iterable[str]) -> tuple[tuple[str, bytes], ...]:
    """The files of own rules and profiles that count, (name, bytes). Raises ConfigError for a folder without any."""
    found: dict[str, bytes] = {}
    for folder in folders:
        files = source.below(folder)
        if not files and source.base is None:
            raise ConfigError(f"rule-paths: no rule files (*.yaml) in {folder}")
        for path in files:
            data = source.in_force(path)
            if data is not None:
                found[source.name(path)] = data
    return tuple(sorted(found.items()))


def _rule_files(source: PolicySource, folders: Iterable[str]) -> list[str]:
    """Every rule file there was or is, for telling what a change does to them."""
    return sorted({path for folder in folders for head in (False, True) for path in source.below(folder, head=head)})
