"""`ci-guard config check`: a configuration and everything that it names, read as a run would read it.

Typed readers judge, not the published schemas: they know the line, and a test holds both together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from ci_guard.config.globs import any_matches
from ci_guard.config.loader import read_config
from ci_guard.config.problems import problems
from ci_guard.config.types import CONFIG_NAME, SuppressionEntry
from ci_guard.config.values import nearest
from ci_guard.engine.catalogue import rules_folder
from ci_guard.model.errors import CiGuardError, ConfigError
from ci_guard.model.record import field, record
from ci_guard.pipeline.policy.boundary import Policy, load_policy, trust_files
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.source.files import SourceFile, read_file, walk
from ci_guard.suppress.comments import clean_reason
from ci_guard.suppress.ledger import is_foreign


@record(frozen=False)
class Checked:
    """What is wrong with one configuration, what a person should know of it, and which files it brought along."""

    path: str
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    also: list[str] = field(default_factory=list)


def configurations(root: Path) -> list[str]:
    """The paths of all configurations below the root, without those that the root's own leaves out."""
    found = (entry.path for entry in walk(root) if isinstance(entry, SourceFile))
    paths = [path for path in found if path.rpartition("/")[2] == CONFIG_NAME]
    try:
        exclude = read_config(read_file(root, CONFIG_NAME), CONFIG_NAME).exclude if CONFIG_NAME in paths else ()
    except ConfigError:
        exclude = ()  # what is wrong with it is said when it is checked
    return [path for path in paths if path == CONFIG_NAME or not any_matches(exclude, path)]


def check_config(root: Path, path: str, today: date) -> Checked:
    """Check the file, then what it names. Raises InputError where the file itself cannot be read."""
    checked = Checked(path)
    checked.problems += map(str, problems(read_file(root, path), path))
    if checked.problems:
        return checked
    try:
        policy = load_policy(root, {}, {"config": str(root / path)})
        chosen = RuleChoice.of(policy.config, repo_wide=True, own=policy.own_rules)
        chosen.selection()
        known = chosen.catalogue().rule_ids
    except CiGuardError as error:
        checked.problems.append(_at(path, error))
        return checked
    checked.also += [name for name, data in policy.files.items() if data is not None and name != path]
    checked.problems += _missing(root, policy)
    checked.problems += _failing_rules(root, policy)
    for entry in policy.config.suppressions:
        if not is_foreign(entry) and entry.rule not in known:
            checked.problems.append(f"{_place(entry)}: there is no rule {entry.rule}{nearest(entry.rule, known)}")
        checked.notes += _remarks(entry, today)
    return checked


def _at(path: str, error: CiGuardError) -> str:
    """The error with a file: what is chosen in the configuration knows no line of its own."""
    named = isinstance(error, ConfigError) and error.path
    return str(error) if named else f"{path}: {error}"


def _missing(root: Path, policy: Policy) -> Iterator[str]:
    config = policy.config
    for name in (*trust_files(config), *config.vex):
        if not (root / name).is_file():
            yield f"{config.source}: names {name}, which is not there"


def _failing_rules(root: Path, policy: Policy) -> Iterator[str]:
    """Own rules are data with tests: each is run on its examples."""
    if not policy.config.rule_paths:
        return
    from ci_guard.pipeline.rules_test import test_rules

    for result in test_rules(rules_folder(), [root / folder for folder in policy.config.rule_paths]):
        yield from (f"{result.rule}: {flaw}" for flaw in result.flaws)


def _remarks(entry: SuppressionEntry, today: date) -> Sequence[str]:
    if not clean_reason(entry.reason):
        return [f"{_place(entry)}: the suppression of {entry.rule} has no reason, so it accepts nothing"]
    if entry.expires and entry.expires < today:
        return [f"{_place(entry)}: the suppression of {entry.rule} held until {entry.expires}"]
    return []


def _place(entry: SuppressionEntry) -> str:
    region = entry.location.region if entry.location else None
    path = entry.location.path if entry.location else CONFIG_NAME
    return f"{path}:{region.start_line}" if region else path
