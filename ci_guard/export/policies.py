"""ValidatingAdmissionPolicies from rules: one for each rule, or one for all rules about the same requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from ci_guard import TOOL_NAME
from ci_guard.export.resources import POD_KINDS, kinds_of, match_constraints
from ci_guard.export.rules import ExportRule, LeftOut
from ci_guard.export.scopes import LOOKED_AT, fixed_message, message, scopes, verdict
from ci_guard.export.variables import POD_TEMPLATE, needed
from ci_guard.model.errors import RuleError
from ci_guard.model.record import record, replace

API_VERSION: Final = "admissionregistration.k8s.io/v1"
PER_POLICY: Final = ("one", "kind")


@record
class Binding:
    """What every binding says: what follows from a violation, and for which namespaces it holds."""

    actions: tuple[str, ...] = ("Deny",)
    namespace_selector: dict[str, Any] | None = None


class Policy(NamedTuple):
    """A policy and its binding, as objects to be written."""

    name: str
    policy: dict[str, Any]
    binding: dict[str, Any]
    rules: tuple[str, ...]


@record
class Exported:
    """The policies, and the rules that are in none."""

    policies: tuple[Policy, ...]
    left_out: tuple[LeftOut, ...]


class _Group(NamedTuple):
    """Requests that several rules are about."""

    kinds: tuple[str, ...]
    pods: bool


def export(rules: Iterable[ExportRule], binding: Binding, *, per_policy: str = "one", version: str = "") -> Exported:
    """Policies for all rules that the API server can judge; `version` is the Pod Security version to note down."""
    left_out: list[LeftOut] = []
    grouped: dict[_Group, list[ExportRule]] = {}
    for rule in rules:
        try:
            grouped.setdefault(_group(rule), []).append(rule)
        except RuleError as error:
            left_out.append(LeftOut(rule.id, str(error)))
    policies: list[Policy] = []
    for group, members in grouped.items():
        if per_policy == "kind":
            policies.append(_policy(_group_name(group), group, members, binding, version))
        else:
            policies += [_policy(f"{TOOL_NAME}-{rule.id}", group, [rule], binding, version) for rule in members]
    return Exported(tuple(sorted(policies)), tuple(sorted(left_out)))


def _group(rule: ExportRule) -> _Group:
    """The requests that a rule is about. Raises RuleError with the reason when no policy can judge it."""
    if rule.reasons:
        raise RuleError("; ".join(rule.reasons))
    each = {judgement.each for judgement in rule.judgements}
    if not each:
        raise RuleError("it judges nothing at this Pod Security version")
    unseen = sorted(each - LOOKED_AT)
    if unseen:
        raise RuleError(f"an admission policy never sees a {unseen[0]}")
    pods = "resource" not in each
    return _Group(kinds_of(rule.match, pods=pods), pods)


def _group_name(group: _Group) -> str:
    if group.pods and len(group.kinds) == len(POD_KINDS):
        return f"{TOOL_NAME}-pods"
    return "-".join((TOOL_NAME, *(["pods-of"] if group.pods else []), *(kind.lower() for kind in group.kinds)))


def _policy(name: str, group: _Group, rules: Sequence[ExportRule], binding: Binding, version: str) -> Policy:
    several = len(rules) > 1
    validations = [v for rule in rules for v in _validations(rule, prefix=f"{rule.id}: " if several else "")]
    texts = [text for v in validations for text in (v["expression"], v.get("messageExpression", ""))]
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": match_constraints(group.kinds),
        "matchConditions": [_changed(texts) if group.pods else _NOT_BEING_DELETED],
        "variables": [{"name": key, "expression": code} for key, code in needed(texts).items()],
        "validations": validations,
    }
    labels = {"app.kubernetes.io/managed-by": TOOL_NAME}
    notes = {f"{TOOL_NAME}/rules": ",".join(rule.id for rule in rules)}
    if not several:
        notes |= {f"{TOOL_NAME}/severity": rules[0].severity, f"{TOOL_NAME}/title": rules[0].title}
    if version and group.pods:
        notes[f"{TOOL_NAME}/pod-security-version"] = version
    policy = {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name, "labels": labels, "annotations": notes},
        "spec": {key: value for key, value in spec.items() if value},
    }
    return Policy(name, policy, _binding(name, labels, binding), tuple(rule.id for rule in rules))


def _validations(rule: ExportRule, *, prefix: str) -> Iterator[dict[str, Any]]:
    for judgement in rule.judgements:
        prefixed = replace(judgement, message=(prefix, *judgement.message)) if prefix else judgement
        for scope in scopes(judgement):
            fixed = fixed_message(prefixed, scope)
            validation = {"expression": verdict(judgement, scope), "message": fixed or f"{prefix}{rule.title}"}
            if fixed is None and not rule.sensitive:
                validation["messageExpression"] = message(prefixed, scope)
            yield {**validation, "reason": "Forbidden"}


_NOT_BEING_DELETED: Final = {
    "name": "not-being-deleted",
    "expression": "request.operation != 'UPDATE' || !has(object.metadata.deletionTimestamp)",
}


def _changed(texts: Sequence[str]) -> dict[str, str]:
    """Only what changes a pod is judged, as Pod Security admission does it.

    Otherwise what is in the cluster already could neither be scaled down, nor labelled, nor lose its finalizers.
    """
    parts = ["pod.?spec"]
    for name in ("annotations", "labels"):
        if any(name in text for text in texts):
            parts.append(f"pod.?metadata.?{name}")
    before, after = (_compared(parts, name) for name in ("oldObject", "object"))
    return {"name": "pod-changes", "expression": f"request.operation != 'UPDATE' ||\n{before} !=\n{after}"}


def _compared(parts: Sequence[str], root: str) -> str:
    chosen = ", ".join(f"{part}.orValue({{}})" for part in parts)
    return f"[\n{POD_TEMPLATE.format(root)}\n].map(pod, [{chosen}])[0]"


def _binding(name: str, labels: dict[str, str], binding: Binding) -> dict[str, Any]:
    spec: dict[str, Any] = {"policyName": name, "validationActions": list(binding.actions)}
    if binding.namespace_selector:
        spec["matchResources"] = {"namespaceSelector": binding.namespace_selector}
    return {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
    }
