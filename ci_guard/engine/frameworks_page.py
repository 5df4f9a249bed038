"""The page about frameworks: how far each is covered, controls without rules, rules without controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ci_guard.engine.frameworks import ASSESSABLE, POD_SECURITY, Control, Framework
from ci_guard.engine.rulefile import RuleFile
from ci_guard.model.report import RuleMeta

Relations = Mapping[str, Mapping[str, str]]
"""Control -> rule -> `direct` or `related`."""

_INTRO = """\
<!-- Written by `ci-guard rules docs` from rules/frameworks and the rules: edit those. -->
# Frameworks

A rule checks a control *directly* where the control asks for exactly this, and is *related* where it supports the
control in part; related rules decide nothing. Which rule touches which control is the judgement of this project: for
the Pod Security Standards and the CIS Benchmark the published mappings agree, for PCI DSS, HIPAA, SOC 2 and GDPR there
are hardly any. No scan of files makes anything conform to any of them.

Files show a control in full (*static*), in part (*partial*), can only support what people show (*manual*), or do not
show it at all (*not*).
"""
_HEAD = """
| framework | version | controls | static | partial | manual | not | with direct rules | with related rules only |
|---|---|--:|--:|--:|--:|--:|--:|--:|
"""


def page(frameworks: Mapping[str, Framework], rules: Iterable[RuleFile]) -> bytes:
    """`docs/frameworks.md`."""
    metas = [found.meta for found in rules]
    text = _INTRO + _HEAD
    related = {id: relations(id, metas) for id in frameworks}
    for id, framework in frameworks.items():
        text += _row(framework, related[id])
    for id, framework in frameworks.items():
        text += _section(framework, related[id])
    without = sorted(m.id for m in metas if not m.controls and not m.pod_security)
    text += "\n## Rules without controls\n\n" + (_list(without) or "Every rule touches a control.\n")
    return text.encode()


def claims(meta: RuleMeta, framework: str) -> Mapping[str, str]:
    """The controls of one framework that a rule touches: for STRIDE its letters, for Pod Security its check."""
    if framework == "stride":
        return dict.fromkeys(meta.stride, "related")
    if framework == POD_SECURITY and meta.pod_security:
        return {meta.pod_security: "direct"}
    return meta.controls.get(framework, {})


def relations(framework: str, metas: Iterable[RuleMeta]) -> Relations:
    """Who touches which control of a framework."""
    out: dict[str, dict[str, str]] = {}
    for meta in metas:
        for control, relation in claims(meta, framework).items():
            out.setdefault(control, {})[meta.id] = relation
    return out


def _row(framework: Framework, related: Relations) -> str:
    levels = Counter(c.assessable for c in framework.controls)
    direct = sum("direct" in rules.values() for rules in related.values())
    numbers = (len(framework.controls), *(levels[level] for level in ASSESSABLE), direct, len(related) - direct)
    cells = (f"[{framework.id}](#{framework.id})", framework.version, *map(str, numbers))
    return f"| {' | '.join(cells)} |\n"


def _section(framework: Framework, related: Relations) -> str:
    text = f"\n## {framework.id}\n\n[{framework.title}]({framework.url}), {framework.version}, of"
    text += f" {framework.organization}. {framework.licence}\n"
    if framework.editions:
        text += f"Also mapped to {', '.join(framework.editions)}.\n"
    open_ = [c.id for c in framework.controls if c.assessable in {"static", "partial"} and c.id not in related]
    if open_:
        text += f"\nFiles could show {'it' if len(open_) == 1 else 'these'}, but no rule looks:\n\n{_list(open_)}"
    for level in ("manual", "not"):
        for why, controls in _by_reason(framework.controls, level).items():
            text += f"\n*{level}*: {why}.\n\n{_list([c.id for c in controls])}"
    return text


def _by_reason(controls: Iterable[Control], level: str) -> dict[str, list[Control]]:
    out: dict[str, list[Control]] = {}
    for control in controls:
        if control.assessable == level:
            out.setdefault(control.why, []).append(control)
    return out


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) + "\n" if names else ""
