"""Export: the rules that a run would judge by, handed to the exporting room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci_guard.engine.messages import pieces, shown
from ci_guard.engine.paths import optional_selection, value_at
from ci_guard.engine.rule import Clause
from ci_guard.export.policies import Binding, Exported, Policy, export
from ci_guard.export.rules import ExportRule, Items, Judgement, Value
from ci_guard.export.selectors import namespace_selector
from ci_guard.model.errors import InputError, UsageError
from ci_guard.model.finding import Severity
from ci_guard.source.edit import replace_file

if TYPE_CHECKING:
    from ci_guard.engine.catalogue import Catalogue
    from ci_guard.engine.selection import Selected, Selection

ACTIONS = ("Deny", "Warn", "Audit")


def admission_policies(
    catalogue: Catalogue, selection: Selection, binding: Binding, *, per_policy: str = "one"
) -> Exported:
    """ValidatingAdmissionPolicies for the selected rules, and the rules that no policy can judge."""
    rules = [export_rule(selected, catalogue.meta(id).title) for id, selected in selection.rules.items()]
    return export(rules, binding, per_policy=per_policy, version=selection.pod_security_version)


def why_not_exported(catalogue: Catalogue, rule_id: str) -> str:
    """Why no policy can be written for a rule, "" if one can: found out by trying."""
    from ci_guard.engine.selection import Selected

    rule = catalogue.rules[rule_id]
    tried = export([export_rule(Selected(rule, Severity(rule.severity)), rule_id)], binding_for("Deny", "", ""))
    return "; ".join(left.reason for left in tried.left_out)


def export_rule(selected: Selected, title: str) -> ExportRule:
    """A selected rule as plain data."""
    rule = selected.rule
    judgements = tuple(_judgement(clause) for clause in selected.clauses)
    reasons = tuple(rule.source.get("not-portable", ()))
    return ExportRule(rule.id, title, str(selected.severity), rule.match, judgements, reasons, sensitive=rule.sensitive)


def _judgement(clause: Clause) -> Judgement:
    items = []
    for found in clause.items:
        root, path = clause.selection(found)
        items.append(Items(optional_selection(root, path), found.each, bool(path)))
    message = tuple(_piece(piece, clause.params) for piece in pieces(clause.message))
    return Judgement(
        clause.each,
        clause.require.strip(),
        clause.when.strip(),
        clause.hoisted,
        tuple(items),
        message,
        clause.names - {"item"},
    )


def _piece(piece: str | tuple[str | int, ...], params: Mapping[str, Any]) -> str | Value:
    if isinstance(piece, str):
        return piece
    root, *rest = piece
    if root == "params":
        return shown(value_at(params, tuple(rest)))
    # That a name in the plural holds a list is how the API names things.
    several = bool(rest) and str(rest[-1]).endswith("s") and not str(rest[-1]).endswith("ss")
    return Value(str(root), optional_selection(str(root), tuple(rest)), bool(rest), several)


def binding_for(actions: str, selector: str, excluded: str) -> Binding:
    """What the options ask of every binding. Raises UsageError."""
    chosen = tuple(dict.fromkeys(part.strip() for part in actions.split(",")))
    for action in chosen:
        if action not in ACTIONS:
            raise UsageError(f"--validation-actions: {action!r} is none of {', '.join(ACTIONS)}")
    if {"Deny", "Warn"} <= set(chosen):
        raise UsageError("--validation-actions: Kubernetes refuses Deny and Warn together; a denial warns anyway")
    try:
        selected = namespace_selector(selector, [name.strip() for name in excluded.split(",") if name.strip()])
    except ValueError as error:
        raise UsageError(f"namespaces: {error}") from None
    return Binding(chosen, selected)


def write_policies(folder: Path, policies: Sequence[Policy]) -> list[Path]:
    """One file for each policy, with its binding. Raises InputError."""
    from ci_guard.export.manifest import written

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"{folder}: {problem.strerror}") from None
    paths = []
    for policy in policies:
        paths.append(folder / f"{policy.name}.yaml")
        replace_file(paths[-1], written([policy.policy, policy.binding]))
    return paths
