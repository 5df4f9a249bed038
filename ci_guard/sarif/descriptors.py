"""The rules that a SARIF run describes -> RuleMeta; of ours, with all that we wrote."""

from __future__ import annotations

import math

from ci_guard import TOOL_NAME
from ci_guard.model.finding import Severity
from ci_guard.model.report import RuleKey, RuleMeta
from ci_guard.sarif import access
from ci_guard.sarif.access import JsonObject
from ci_guard.sarif.encoding import severity_of_level, severity_of_score

_SEVERITIES = {str(s): s for s in Severity}


class RunRules:
    """The rules of one run's driver and extensions, found by reference, index or id."""

    def __init__(self, run: JsonObject, tool: str) -> None:
        self._tool = tool
        self._driver = access.items(access.child(run, "tool", "driver"), "rules")
        self._extensions = [access.items(e, "rules") for e in access.children(access.child(run, "tool"), "extensions")]
        self._category = access.text(access.child(run, "automationDetails"), "id").rpartition("/")[0]
        self._by_id: dict[str, JsonObject] = {}
        self.metas: dict[RuleKey, RuleMeta] = {}
        for rules in (self._driver, *self._extensions):
            for rule in rules:
                if isinstance(rule, dict) and access.text(rule, "id"):
                    self._add(rule)

    def of(self, result: JsonObject) -> tuple[str, JsonObject]:
        """The rule id of a result and its descriptor ({} when the run describes no such rule)."""
        reference = access.child(result, "rule")
        component = access.integer(access.child(reference, "toolComponent"), "index", -1)
        rules = self._extensions[component] if 0 <= component < len(self._extensions) else self._driver
        index = access.integer(result, "ruleIndex", access.integer(reference, "index", -1))
        described = access.at(rules, index)
        name = access.text(result, "ruleId") or access.text(reference, "id") or access.text(described, "id")
        if not described:  # a hierarchical id ("CA2101/1") is described by its first part
            described = self._by_id.get(name) or self._by_id.get(name.partition("/")[0], {})
        name = name or "unnamed-rule"
        key = RuleKey(self._tool, name)
        if key not in self.metas:
            self.metas[key] = _meta(described, self._tool, name, self._category)
        return name, described

    def _add(self, rule: JsonObject) -> None:
        name = access.text(rule, "id")
        self._by_id.setdefault(name, rule)
        self.metas.setdefault(RuleKey(self._tool, name), _meta(rule, self._tool, name, self._category))


def rule_severity(rule: JsonObject) -> Severity | None:
    """What the descriptor's `security-severity` says, None when it has none or no number."""
    value = access.child(rule, "properties").get("security-severity")
    return score_severity(value)


def score_severity(value: object) -> Severity | None:
    """The severity of a `security-severity` property (text or number), None when it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        score = float(value)
    except (ValueError, OverflowError):
        return None
    return severity_of_score(score) if math.isfinite(score) else None


def named_severity(name: str) -> Severity | None:
    """One of our severities by its name."""
    return _SEVERITIES.get(name)


def _meta(rule: JsonObject, tool: str, name: str, category: str) -> RuleMeta:
    level = access.text(access.child(rule, "defaultConfiguration"), "level") or "warning"
    severity = rule_severity(rule) or severity_of_level(level)
    title = access.text(access.child(rule, "shortDescription"), "text") or access.text(rule, "name") or name
    uri = access.text(rule, "helpUri")
    helped = uri if uri.startswith(("https://", "http://")) else ""
    ours = access.child(rule, "properties", "ciGuard")
    if tool == TOOL_NAME and ours:
        return _own_meta(ours, name, title, severity, helped)
    full = access.text(access.child(rule, "fullDescription"), "text")
    return RuleMeta(
        tool=tool,
        id=name,
        title=title,
        severity=severity,
        category=category,
        why="" if full == title else full,
        remedy=access.text(access.child(rule, "help"), "text"),
        help_uri=helped,
        tags=access.texts(access.child(rule, "properties"), "tags"),
    )


def _own_meta(ours: JsonObject, name: str, title: str, severity: Severity, help_uri: str) -> RuleMeta:
    controls = access.child(ours, "controls")
    return RuleMeta(
        tool=TOOL_NAME,
        id=name,
        title=title,
        severity=named_severity(access.text(ours, "severity")) or severity,
        category=access.text(ours, "category"),
        why=access.text(ours, "why"),
        remedy=access.text(ours, "remedy"),
        status=access.text(ours, "status") or "stable",
        since=access.text(ours, "since"),
        sensitive=ours.get("sensitive") is True,
        controls={framework: access.strings(controls, framework) for framework in controls},
        stride=access.texts(ours, "stride"),
        dread=access.counts(ours, "dread"),
        references=access.texts(ours, "references"),
        pod_security=access.text(ours, "podSecurity"),
        help_uri=help_uri,
        tags=access.texts(ours, "tags"),
    )
