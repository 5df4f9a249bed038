"""The catalogue: all rules, checks and profiles, from the generated `rules/catalog.json`.

Judging needs only that file. Titles, reasons and remedies are read from a rule's own file when they are shown.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci_guard.engine import profiles as profile_types
from ci_guard.engine.rule import Rule
from ci_guard.engine.selection import (
    Check,
    Profile,
    RuleOverride,
    Selection,
    Wishes,
    choose,
    version_asked_for,
)
from ci_guard.model.errors import ConfigError, RuleError, UsageError
from ci_guard.model.report import RuleMeta

if TYPE_CHECKING:
    from ci_guard.engine.ownrules import OwnFile
    from ci_guard.engine.rulefile import RuleFile

CATALOG = "catalog.json"


def rules_folder() -> Path:
    """Where the shipped rules are: inside an installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    packaged = package / "_rules"
    return packaged if packaged.is_dir() else package.parent / "rules"


class Catalogue:
    """All rules that could judge. `own` has the rule files of rules that are not shipped."""

    def __init__(self, folder: Path, catalog: Mapping[str, Any], own: Mapping[str, RuleFile] | None = None) -> None:
        self.folder = folder
        self._catalog = catalog
        self.own = own or {}
        self._metas: dict[str, RuleMeta] = {}

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """Rules by id, in the order of their ids."""
        return {id: Rule(id, entry["category"], entry) for id, entry in sorted(self._catalog["rules"].items())}

    @property
    def rule_ids(self) -> Sequence[str]:
        """The ids of all rules, sorted."""
        return tuple(self.rules)

    @cached_property
    def checks(self) -> Mapping[str, Check]:
        """The Pod Security checks by upstream id."""
        return {id: profile_types.check({"id": id, **entry}) for id, entry in self._catalog["checks"].items()}

    @cached_property
    def profiles(self) -> Mapping[str, Profile]:
        """The profiles by name."""
        return {id: profile_types.profile({"id": id, **entry}) for id, entry in self._catalog["profiles"].items()}

    @cached_property
    def digest(self) -> str:
        """`sha256:…` over everything that decides a verdict: two runs with one digest judged by the same rules."""
        text = json.dumps(self._catalog, sort_keys=True, separators=(",", ":"))
        import hashlib  # 2 ms that only reports pay

        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def file_of(self, rule_id: str) -> RuleFile:
        """The rule's file. Raises UsageError for an unknown rule, ConfigError."""
        if rule_id not in self.rules:
            raise UsageError(f"no rule {rule_id!r}; see: ci-guard rules list")
        if rule_id in self.own:
            return self.own[rule_id]
        from ci_guard.engine import rulefile

        return rulefile.read(self.folder / self.rules[rule_id].category / f"{rule_id}.yaml", trusted=True)

    def meta(self, rule_id: str) -> RuleMeta:
        """What is told about a rule, read from its file at the first call. Raises UsageError, ConfigError."""
        if rule_id not in self._metas:
            self._metas[rule_id] = self.file_of(rule_id).meta
        return self._metas[rule_id]

    def select(
        self,
        profile: str = "default",
        *,
        select: Iterable[str] = (),
        ignore: Iterable[str] = (),
        overrides: Mapping[str, RuleOverride] | None = None,
        pod_security_version: str = "latest",
        categories: Container[str] | None = None,
        repo_wide: bool = False,
    ) -> Selection:
        """The rules of a run.

        `select` and `ignore` take rule ids and folders; rules that need the whole repo judge only if `repo_wide`.
        Raises ConfigError for an unknown profile or override, UsageError for an unknown rule or version.
        """
        if profile not in self.profiles:
            raise ConfigError(f"no profile {profile!r}; there are: {', '.join(sorted(self.profiles))}")
        known = {rule.category for rule in self.rules.values()} | self.rules.keys()
        wanted, unwanted = frozenset(select), frozenset(ignore)
        for name in sorted((wanted | unwanted) - known):
            raise UsageError(f"no rule and no folder of rules {name!r}; see: ci-guard rules list")
        for name, override in (overrides or {}).items():
            if name not in self.rules:
                raise ConfigError(f"rules: no rule {name!r}; see: ci-guard rules list", path=override.place)
        minor, notices = version_asked_for(pod_security_version)
        wishes = Wishes(wanted, unwanted, overrides or {}, minor, categories, repo_wide)
        chosen = self.profiles[profile]
        rules = choose(self.rules.values(), self.checks, chosen, wishes)
        return Selection(profile, f"v1.{minor}", rules, chosen.exemptions, notices)


def load_catalogue(own: Sequence[OwnFile] = (), folder: Path | None = None) -> Catalogue:
    """The shipped catalogue, and the rules and profiles of the files `own`. Raises ConfigError, RuleError."""
    folder = folder or rules_folder()
    try:
        catalog = json.loads((folder / CATALOG).read_bytes())
    except (OSError, ValueError) as error:
        raise RuleError(f"{CATALOG} cannot be read: {error}") from error
    if not own:
        return Catalogue(folder, catalog)
    from ci_guard.engine import ownrules

    found = ownrules.read(own, catalog)
    rules, profiles = {**catalog["rules"], **found.rules}, {**catalog["profiles"], **found.profiles}
    return Catalogue(folder, {**catalog, "rules": rules, "profiles": profiles}, found.files)
