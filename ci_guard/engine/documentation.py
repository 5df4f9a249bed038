"""Pages about rules, made from the rule files: one a rule, and an index."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ci_guard.engine.kinds import KINDS
from ci_guard.engine.rulefile import Example, RuleFile

_FOLDERS: Final = {
    "pod-security": "Pod Security Standards",
    "rbac": "Access rights",
    "images": "Images",
    "ecosystem": "OpenShift, Argo, Istio and others",
    "dependencies": "Dependencies",
    "sbom": "Bills of materials",
    "provenance": "Provenance",
    "workflows": "Workflows",
    "input": "Input",
    "policy": "Policy",
}
_GENERATED = "<!-- Written by `ci-guard rules docs` from the rule's own file: edit that. -->\n"


def pages(found: Iterable[RuleFile]) -> dict[str, bytes]:
    """File name below `docs/rules` -> content, for all rules and `README.md`."""
    rules = sorted(found, key=lambda r: (r.category, r.id))
    out = {f"{r.category}/{r.id}.md": (_GENERATED + page(r)).encode() for r in rules}
    out["README.md"] = (_GENERATED + index(rules)).encode()
    return out


def index(rules: list[RuleFile]) -> str:
    """All rules, by folder."""
    text = f"# Rules\n\n{len(rules)} rules. `ci-guard rules show ID` prints a page.\n"
    for folder in dict.fromkeys(r.category for r in rules):
        text += f"\n## {_FOLDERS.get(folder, folder.capitalize())}\n\n| rule | severity | |\n|---|---|---|\n"
        for rule in rules:
            if rule.category == folder:
                text += f"| [`{rule.id}`]({folder}/{rule.id}.md) | {rule.meta.severity} | {_cell(rule.meta.title)} |\n"
    return text


def page(found: RuleFile) -> str:
    """Everything about one rule, as Markdown."""
    meta = found.meta
    text = f"# {meta.id}\n\n{meta.title}.\n\n"
    text += "".join(f"- {line}\n" for line in _facts(found))
    text += f"\n## Why\n\n{meta.why}\n\n## What to do\n\n{meta.remedy}\n\n"
    text += _judgement(found.text) + _threat(found.text["threat"]) + _controls(meta.controls)
    text += _examples(found.examples)
    text += "## References\n\n" + "".join(f"- <{url}>\n" for url in meta.references)
    return re.sub(r"\n{3,}", "\n\n", text)


def _facts(found: RuleFile) -> list[str]:
    text, meta = found.text, found.meta
    facts = [f"severity: **{meta.severity}**", f"folder: {meta.category}", f"since {meta.since}, {meta.status}"]
    if meta.pod_security:
        facts.append(f"Pod Security check: `{meta.pod_security}`")
    if "implied-by" in text:
        facts.append("not shown where " + ", ".join(f"`{r}`" for r in text["implied-by"]) + " says the same")
    if meta.sensitive:
        facts.append("never prints the value or its line")
    if not found.rule.on_by_default:
        facts.append("off unless a profile or `--select` names it")
    if found.rule.needs_repo:
        facts.append("needs the whole repo")
    if found.rule.fix is not None:
        facts.append("findings carry edits that mend them, where that is certain")
    return facts


def _judgement(text: Mapping[str, Any]) -> str:
    if "judge" in text:
        return "## How it is judged\n\nBy code, not by an expression.\n\n"
    lines = []
    for part in (text, *text.get("clauses", ())):
        if "require" in part:
            each = part.get("each", text.get("each", ""))
            lines.append(f"For each {each.replace('-', ' ')}:")
            lines += [f"{key}: {part[key]}" for key in ("items", "when", "require") if key in part]
            lines.append("")
    params = [f"- `{name}`: `{value}`" for name, value in text.get("params", {}).items()]
    body = "## How it is judged\n\n```\n" + "\n".join(lines).strip() + "\n```\n\n"
    if params:
        body += "Parameters, which the configuration may replace:\n\n" + "\n".join(params) + "\n\n"
    if "revisions" in text:
        versions = ", ".join(revision["since"] for revision in text["revisions"])
        body += f"What is required changed with Pod Security {versions}.\n\n"
    return body


def _threat(threat: Mapping[str, Any]) -> str:
    dread = threat["dread"]
    score = round(sum(dread.values()) / len(dread), 1)
    factors = ", ".join(f"{name} {value}" for name, value in dread.items())
    return f"## Threat\n\nSTRIDE: {', '.join(threat['stride'])}. DREAD: {score} ({factors}).\n\n"


def _controls(controls: Mapping[str, Mapping[str, str]]) -> str:
    if not controls:
        return ""
    text = "## Controls\n\n| framework | directly | related |\n|---|---|---|\n"
    for framework, ids in controls.items():
        cells = [", ".join(i for i, kind in ids.items() if kind == wanted) for wanted in ("direct", "related")]
        text += f"| {framework} | {cells[0]} | {cells[1]} |\n"
    return text + "\n"


def _examples(examples: Iterable[Example]) -> str:
    text = ""
    for good, title in ((False, "Bad"), (True, "Good")):
        for example in examples:
            if example.good is good:
                version = "" if example.version == "latest" else f" with Pod Security {example.version}"
                text += f"## {title}{version}\n\n```yaml\n{example.text.strip()}\n```\n\n"
    return text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def skeleton(rule_id: str) -> str:
    """A rule file to start from; it has the right shape and judges nothing useful yet."""
    kinds = ", ".join(KINDS)
    return f"""\
id: {rule_id}
title: Say what is wrong, as a short sentence without a full stop
since: 0.1.0
status: preview
severity: medium
# {kinds}
each: container
require: "container.?name.orValue('') != 'flawed'"
at: name
message: 'container "{{container.name}}" is flawed'
threat:
  stride: [tampering]
  dread: {{damage: 5, reproducibility: 5, exploitability: 5, affected-users: 5, discoverability: 5}}
why: >-
  What an attacker, or an accident, makes of it.
remedy: >-
  What to write instead.
references:
- https://kubernetes.io/docs/concepts/security/
examples:
  good:
  - |
    apiVersion: v1
    kind: Pod
    metadata: {{name: shop}}
    spec:
      containers:
      - name: api
        image: registry.example/shop:1.4
  bad:
  - |
    apiVersion: v1
    kind: Pod
    metadata: {{name: shop}}
    spec:
      containers:
      - name: flawed # finding
        image: registry.example/shop:1.4
"""
