"""`extends:`: a shared policy under a repo's own, which may tighten it but not loosen it.

What the shared policy does not say is the default, and holds too. Rules are compared by what comes out: each rule
that judges under the shared policy must judge under both together, at that severity or a higher one, by the same
judgements. Everything else must be the same, stricter, or granted by `repo-may:` of the shared policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ci_guard.config import loader, values
from ci_guard.config.types import Config, RuleSetting
from ci_guard.model.errors import ConfigError
from ci_guard.model.location import NodePath
from ci_guard.model.record import record, replace

if TYPE_CHECKING:
    from ci_guard.engine.selection import Selection

_ADDED = frozenset({"rule_paths", "suppressions", "exclude"})
"""Lists to which the repo's own adds."""
_BY_RULES = frozenset({"profile", "pod_security_version", "rules"})
"""What is judged by the selection of rules that comes out."""
_NOT_COMPARED = frozenset({"source", "version", "extends", "select", "ignore", "since", "rule_paths"})
_RULE = "a repo may tighten a shared policy, not loosen it"

Select = Callable[[Config], "Selection"]
"""The rules that a configuration chooses."""


@record
class Layer:
    """One configuration file: what it says, under which name, and its bytes, for the lines of what is wrong."""

    config: Config
    name: str
    data: bytes

    @property
    def given(self) -> frozenset[str]:
        """The fields of `Config` that the file sets; what it sets to the default it sets all the same."""
        document = loader.only_document(self.data, self.name)
        return frozenset(key.replace("-", "_") for key in document.value) if document is not None else frozenset()

    def line(self, path: NodePath) -> int:
        """The line of the key at `path` or of its nearest ancestor, 0 when there is none."""
        document = loader.only_document(self.data, self.name)
        while document is not None and path and not document.exists(path):
            path = path[:-1]
        region = document.locate(path, key=True).region if document is not None and path else None
        return region.start_line if region else 0


def extended(shared: Layer, own: Layer, select: Select) -> Config:
    """`own` on top of `shared`. Raises ConfigError, naming the line that loosens, or a key that has no place there."""
    if shared.config.extends:
        raise ConfigError("a shared policy extends no other", path=shared.name, line=shared.line(("extends",)))
    if own.config.repo_may:
        words = "only the shared policy grants: this file extends one"
        raise ConfigError(words, path=own.name, line=own.line(("repo-may",)))
    merged = _merged(shared.config, own.config, own.given)
    for path, flaw in _loosened(shared.config, merged):
        raise _refusal(shared, own, path, flaw)
    if any(getattr(merged, name) != getattr(shared.config, name) for name in _BY_RULES):
        for path, flaw in _loosened_rules(shared.config, own.config, select(shared.config), select(merged)):
            raise _refusal(shared, own, path, flaw)
    return merged


def _refusal(shared: Layer, own: Layer, path: NodePath, flaw: str) -> ConfigError:
    there = f"{shared.name}:{line}" if (line := shared.line(path)) else shared.name
    where = ".".join(map(str, path))
    return ConfigError(f"{where}: {flaw} ({there}); {_RULE}", path=own.name, line=own.line(path))


def _merged(shared: Config, own: Config, given: frozenset[str]) -> Config:
    changed: dict[str, Any] = {"source": own.source, "extends": own.extends}
    for name in Config.__match_args__:
        mine, theirs = getattr(own, name), getattr(shared, name)
        if name in _ADDED:
            changed[name] = (*theirs, *mine)
        elif name == "rules":
            changed[name] = _merged_rules(theirs, mine)
        elif name in given and name not in changed and name != "repo_may":
            changed[name] = mine
    return replace(shared, **changed)


def _merged_rules(shared: Mapping[str, RuleSetting], own: Mapping[str, RuleSetting]) -> dict[str, RuleSetting]:
    merged = dict(shared)
    for rule, setting in own.items():
        before = shared.get(rule, RuleSetting())
        said = {name: value for name in RuleSetting.__match_args__ if (value := getattr(setting, name)) is not None}
        merged[rule] = replace(before, **said)
    return merged


def _loosened(shared: Config, merged: Config) -> Iterator[tuple[NodePath, str]]:
    """Keys that are not about rules: where they differ, and neither tighten nor were granted."""
    for name in Config.__match_args__:
        key = name.replace("_", "-")
        if name in _NOT_COMPARED | _BY_RULES | {"repo_may"} or key in shared.repo_may:
            continue
        before, after = getattr(shared, name), getattr(merged, name)
        if before == after or (name == "fail_on" and _threshold(after) <= _threshold(before)):
            continue
        if name == "fail_on":
            yield (key,), f"{after} is looser than {before}"
        else:
            yield (key,), f"the shared policy does not grant `{key}` to the repo"


def _threshold(fail_on: str) -> int:
    """How much passes: 0 for `note`, which lets nothing through, up to `never`."""
    order = (*reversed([word for word in values.FAIL_ON if word != "never"]), "never")
    return order.index(fail_on)


def _loosened_rules(shared: Config, own: Config, before: Selection, after: Selection) -> Iterator[tuple[NodePath, str]]:
    cause = "profile" if own.profile != Config().profile else "pod-security-version"
    granted = {key for key in ("profile", "pod-security-version", "rules") if key in shared.repo_may}
    for id, selected in before.rules.items():
        path = ("rules", id) if id in own.rules else (cause,)
        if path[0] in granted:
            continue
        now = after.rules.get(id)
        if now is None:
            yield (*path, "enabled"), f"rule {id} no longer judges, which the shared policy has judge"
        elif now.severity.rank < selected.severity.rank:
            yield (*path, "severity"), f"rule {id} is {selected.severity} in the shared policy, not {now.severity}"
        elif (now.clauses, now.params) != (selected.clauses, selected.params) and not _granted_params(shared, path):
            yield (*path, "params"), f"rule {id} judges otherwise, and the shared policy does not grant `params`"
    if "profile" not in granted and not set(after.exemptions) <= set(before.exemptions):
        yield ("profile",), f"profile {after.profile} exempts what the shared policy does not"


def _granted_params(shared: Config, path: NodePath) -> bool:
    return path[0] == "rules" and "params" in shared.repo_may
