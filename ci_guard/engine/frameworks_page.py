"""The page about frameworks: how far each is covered, controls without rules, rules without controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ci_guard.engine.frameworks import ASSESSABLE, Control, Framework, Relations, relations
from ci_guard.engine.rulefile import RuleFile

_INTRO = """\
<!-- Written by `ci-guard rules docs` from rules/frameworks and the rules: edit those. -->
# Frameworks

`ci-guard report --framework NAME` tells how the controls of one fared: see [reports](reports.md).

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
        text += f"`--edition` takes {', '.join(framework.editions)}, too.\n"
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
