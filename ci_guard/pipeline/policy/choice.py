"""Which rules judge: the configuration's words turned into the engine's selection, in every process the same."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from ci_guard.config.types import Config, RuleSetting
from ci_guard.model.record import field, record

if TYPE_CHECKING:
    from ci_guard.engine.catalogue import Catalogue
    from ci_guard.engine.selection import Selection


@record
class RuleChoice:
    """Plain data, so that worker processes can build the same selection. `categories` None means all folders.

    Own rules go along as bytes: what judges was read once, from where policy is read, and not again by each process.
    """

    profile: str = "default"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    settings: Mapping[str, RuleSetting] = field(default_factory=dict)
    pod_security_version: str = "latest"
    repo_wide: bool = False
    categories: frozenset[str] | None = None
    own: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def of(
        cls,
        config: Config,
        *,
        repo_wide: bool = False,
        categories: frozenset[str] | None = None,
        own: tuple[tuple[str, bytes], ...] = (),
    ) -> RuleChoice:
        """What `config` chooses; `own` are the files of own rules (name, bytes), as the policy read them."""
        return cls(
            config.profile,
            config.select,
            config.ignore,
            dict(config.rules),
            config.pod_security_version,
            repo_wide,
            categories,
            own,
        )

    def selection(self) -> Selection:
        """The engine's selection, made once a process.

        Raises ConfigError for an unknown profile or rule, UsageError for a version.
        """
        return _selection(_Key(self))

    def catalogue(self) -> Catalogue:
        """All rules, made once a process. Raises ConfigError for a broken own rule."""
        return _catalogue(self.own)

    def _select(self) -> Selection:
        from ci_guard.engine.selection import RuleOverride

        overrides = {
            rule: RuleOverride(None if s.severity is None else str(s.severity), s.params, s.enabled, s.place or "")
            for rule, s in self.settings.items()
        }
        return self.catalogue().select(
            self.profile,
            select=self.select,
            ignore=self.ignore,
            overrides=overrides,
            pod_security_version=self.pod_security_version,
            categories=self.categories,
            repo_wide=self.repo_wide,
        )


class _Key:
    """A choice as a key of the cache: it holds mappings, so it is told apart by what it says."""

    def __init__(self, choice: RuleChoice) -> None:
        self.choice = choice
        self._text = repr(choice)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@lru_cache(maxsize=8)
def _catalogue(own: tuple[tuple[str, bytes], ...]) -> Catalogue:
    from ci_guard.engine.catalogue import load_catalogue  # a commit without manifests needs no rules

    if not own:
        return load_catalogue()
    from ci_guard.engine.ownrules import OwnFile

    return load_catalogue([OwnFile(path, data) for path, data in own])


@lru_cache(maxsize=8)
def _selection(key: _Key) -> Selection:
    return key.choice._select()
