"""Rule metadata -> reporting descriptors, and the taxonomies that they point into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sarif_om as om

from ci_guard.model.finding import Severity
from ci_guard.model.printable import visible
from ci_guard.model.report import RuleMeta
from ci_guard.sarif.encoding import LEVELS, SECURITY_SEVERITY, shorten
from ci_guard.sarif.taxonomy import POD_SECURITY, Taxon, Taxonomy

_TEXT_LIMIT = 1024  # GitHub's for shortDescription and fullDescription
_TAGS_SHOWN = 10
_TAG_ORDER = (POD_SECURITY, "cis-kubernetes", "cwe", "attack", "nsa-cisa", "nist-800-53r5", "slsa")
_TAG_PREFIX = {POD_SECURITY: "pod-security", "cis-kubernetes": "cis-k8s", "cwe": "external/cwe", "attack": "mitre"}
_KINDS = {"direct": "superset", "related": "relevant"}


class Descriptors:
    """The rules and taxonomies of one run, each with the index that results and relationships refer to."""

    def __init__(self, metas: Sequence[tuple[RuleMeta, Severity]], taxonomies: Iterable[Taxonomy]) -> None:
        self._given = {t.name: t for t in taxonomies}
        self._used = _used_controls(meta for meta, _ in metas)
        self._frameworks = {name: _taxa_of(self._taxonomy(name), ids) for name, ids in self._used.items()}
        self._index = {name: i for i, name in enumerate(self._frameworks)}
        self.index = {meta.id: i for i, (meta, _) in enumerate(metas)}
        self.rules = [self._descriptor(meta, severity) for meta, severity in metas]

    def components(self) -> list[Any]:
        """`run.taxonomies`, in the order that the indexes count."""
        return [_component(self._taxonomy(name), taxa) for name, taxa in self._frameworks.items()]

    def references(self) -> list[Any]:
        """`driver.supportedTaxonomies`."""
        return [self._reference(name) for name in self._frameworks]

    def _taxonomy(self, name: str) -> Taxonomy:
        return self._given.get(name) or Taxonomy(name)

    def _reference(self, name: str) -> Any:
        return om.ToolComponentReference(name=name, index=self._index[name], guid=self._taxonomy(name).identity)

    def _descriptor(self, meta: RuleMeta, severity: Severity) -> Any:
        title = visible(meta.title or meta.id)
        full = _paragraph(meta.why) or title
        return om.ReportingDescriptor(
            id=meta.id,
            name=_pascal_case(meta.id),
            short_description=_text(shorten(title, _TEXT_LIMIT)),
            full_description=_text(shorten(full, _TEXT_LIMIT)),
            help=om.MultiformatMessageString(text=_help_text(meta, full), markdown=_help_markdown(meta, full)),
            help_uri=meta.help_uri or None,
            default_configuration=om.ReportingConfiguration(level=LEVELS[severity]),
            relationships=self._relationships(meta) or None,
            properties=_properties(meta, severity),
        )

    def _relationships(self, meta: RuleMeta) -> list[Any]:
        relationships = []
        for name, controls in _controls(meta).items():
            positions = {taxon.id: i for i, taxon in enumerate(self._frameworks[name])}
            for control, strength in controls.items():
                target = om.ReportingDescriptorReference(
                    id=control, index=positions[control], tool_component=self._reference(name)
                )
                kinds = [_KINDS.get(strength, "relevant")]
                relationships.append(om.ReportingDescriptorRelationship(target=target, kinds=kinds))
        return relationships


def _controls(meta: RuleMeta) -> dict[str, Mapping[str, str]]:
    """The rule's controls by framework, its Pod Security check among them, in stable order."""
    controls: dict[str, Mapping[str, str]] = {k: dict(sorted(v.items())) for k, v in sorted(meta.controls.items())}
    if meta.pod_security:
        known = controls.get(POD_SECURITY, {})
        controls[POD_SECURITY] = {meta.pod_security: "direct", **known}
    return {k: v for k, v in controls.items() if v}


def _used_controls(metas: Iterable[RuleMeta]) -> dict[str, set[str]]:
    used: dict[str, set[str]] = {}
    for meta in metas:
        for name, controls in _controls(meta).items():
            used.setdefault(name, set()).update(controls)
    return dict(sorted(used.items()))


def _taxa_of(taxonomy: Taxonomy, used: set[str]) -> list[Taxon]:
    listed = [t for t in taxonomy.taxa if taxonomy.comprehensive or t.id in used]
    return listed + [Taxon(control) for control in sorted(used - {t.id for t in listed})]


def _component(taxonomy: Taxonomy, taxa: Iterable[Taxon]) -> Any:
    return om.ToolComponent(
        name=taxonomy.name,
        guid=taxonomy.identity,
        version=taxonomy.version or None,
        organization=taxonomy.organization or None,
        short_description=_text(taxonomy.title or taxonomy.name),
        information_uri=taxonomy.information_uri or None,
        is_comprehensive=taxonomy.comprehensive,
        taxa=[
            om.ReportingDescriptor(
                id=taxon.id,
                name=taxon.title or None,
                short_description=_text(taxon.description or taxon.title or taxon.id),
                help_uri=taxon.help_uri or None,
                properties=dict(taxon.properties) or None,
            )
            for taxon in taxa
        ],
    )


def _properties(meta: RuleMeta, severity: Severity) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "tags": tags(meta),
        "precision": "medium" if meta.status == "preview" else "high",
        "problem.severity": {"error": "error", "warning": "warning"}.get(LEVELS[severity], "recommendation"),
    }
    if severity in SECURITY_SEVERITY:
        properties["security-severity"] = SECURITY_SEVERITY[severity]
    properties["ciGuard"] = _ours(meta)
    return properties


def _ours(meta: RuleMeta) -> dict[str, Any]:
    """What only we know of a rule: kept so that `reader` gives back the same metadata."""
    known = {
        "severity": str(meta.severity),
        "category": meta.category,
        "status": meta.status,
        "since": meta.since,
        "sensitive": meta.sensitive,
        "why": meta.why,
        "remedy": meta.remedy,
        "stride": list(meta.stride),
        "dread": dict(meta.dread),
        "controls": {k: dict(v) for k, v in meta.controls.items()},
        "references": list(meta.references),
        "podSecurity": meta.pod_security,
        "tags": list(meta.tags),
    }
    return {k: v for k, v in known.items() if v}


def tags(meta: RuleMeta) -> list[str]:
    """At most ten tags, what GitHub shows: `security`, the rule's own, then controls, the direct ones first."""
    controls = _controls(meta)
    order = [n for n in _TAG_ORDER if n in controls] + [n for n in controls if n not in _TAG_ORDER]
    wanted = ["security", *meta.tags, *([meta.category] if meta.category else [])]
    for strength in ("direct", "related"):
        for name in order:
            wanted += [_tag(name, c) for c, s in controls[name].items() if s == strength]
    return list(dict.fromkeys(wanted))[:_TAGS_SHOWN]


def _tag(framework: str, control: str) -> str:
    if framework == "cwe":
        control = f"cwe-{control.lower().removeprefix('cwe-')}"
    return f"{_TAG_PREFIX.get(framework, framework)}/{control}"


def _help_text(meta: RuleMeta, full: str) -> str:
    parts = [full]
    if meta.remedy:
        parts.append(f"Remedy: {_lines(meta.remedy)}")
    parts += meta.references
    return "\n\n".join(parts)


def _help_markdown(meta: RuleMeta, full: str) -> str:
    """Rules are data under review, so their own Markdown is kept; GitHub sanitises what it renders."""
    parts = [full]
    if meta.remedy:
        parts.append(f"**Remedy.** {_lines(meta.remedy)}")
    if meta.stride:
        dread = f" DREAD {meta.dread_score}." if meta.dread else ""
        parts.append(f"**Threat.** STRIDE: {', '.join(meta.stride)}.{dread}")
    rows = [f"| {name} | {', '.join(f'{c} ({s})' for c, s in ids.items())} |" for name, ids in _controls(meta).items()]
    if rows:
        parts.append("\n".join(["| framework | controls |", "|---|---|", *rows]))
    parts += [f"<{reference}>" for reference in meta.references]
    return "\n\n".join(parts)


def _text(text: str) -> Any:
    return om.MultiformatMessageString(text=text)


def _paragraph(text: str) -> str:
    return visible(" ".join(text.split()))


def _lines(text: str) -> str:
    """The text with its lines, because a remedy may end in an indented example."""
    return "\n".join(visible(line) for line in text.strip().expandtabs(4).split("\n"))


def _pascal_case(rule_id: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in rule_id.replace("_", "-").split("-"))[:255]
