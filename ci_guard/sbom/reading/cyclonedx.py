"""CycloneDX JSON, 1.2 to 1.7 (ECMA-424): components at any depth, dependencies, compositions, and who made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.component import Distribution
from ci_guard.model.location import NodePath
from ci_guard.model.subject import Positions
from ci_guard.sbom.images.tables import tables, text, texts
from ci_guard.sbom.reading.bill import Bill, Party, Stated
from ci_guard.sbom.reading.values import bounded, component, hashes, is_purl, known_edges, party

_SCOPES = {"": "required", "required": "required", "optional": "optional", "excluded": "dev"}
_IDENTIFIERS = (("purl", "purl"), ("cpe", "cpe"), ("omniborId", "gitoid"), ("swhid", "swhid"))
"""Fields that are one text, or a list of them, and what they identify by."""
_INSTALL_SCRIPTS = frozenset({"ci-guard:npm:install-script", "cdx:npm:hasInstallScript", "cdx:npm:has_install_script"})
INSTALL_SCRIPT = ("ci-guard:npm:install-script", "true")
"""The property of a package that runs a program when it is installed."""


def read_cyclonedx(path: str, value: dict[str, Any], places: Positions) -> Bill:
    """The document that `value` is. Raises RefusedError when it is too large."""
    metadata = _table(value.get("metadata"))
    subject = _table(metadata.get("component"))
    entries = list(_entries(value, subject))
    bounded(places, "components", len(entries))
    components = tuple(_stated(entry, where) for where, entry in entries)
    dependencies = tables(value.get("dependencies"))
    pairs = [(text(d, "ref"), needed, "depends-on") for d in dependencies for needed in texts(d.get("dependsOn"))]
    bounded(places, "dependencies", len(pairs))
    return Bill(
        path=path,
        format="CycloneDX",
        version=text(value, "specVersion"),
        value=value,
        places=places,
        components=components,
        subjects=(components[0].key,) if subject else (),
        edges=known_edges([*pairs, *_held(entries, components)], (c.key for c in components)),
        graded=frozenset(_graded(value)),
        dangling=tuple(_dangling(value, components)),
        identifier=text(value, "serialNumber"),
        created=text(metadata, "timestamp"),
        authors=tuple(_authors(metadata)),
        tools=tuple(_tools(metadata)),
        contexts=tuple(text(t, "phase") or text(t, "name") for t in tables(metadata.get("lifecycles"))),
    )


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _entries(value: Mapping[str, Any], subject: dict[str, Any]) -> Iterator[tuple[NodePath, dict[str, Any]]]:
    """Every component and its path, in the order of the text: what is described, then the others, each before what it
    holds.
    """
    pending: list[tuple[NodePath, dict[str, Any]]] = list(reversed(_listed(("components",), value.get("components"))))
    if subject:
        pending.append((("metadata", "component"), subject))
    while pending:
        path, entry = pending.pop()
        yield path, entry
        pending += reversed(_listed((*path, "components"), entry.get("components")))


def _listed(path: NodePath, value: Any) -> list[tuple[NodePath, dict[str, Any]]]:
    items = value if isinstance(value, list) else []
    return [((*path, number), item) for number, item in enumerate(items) if isinstance(item, dict)]


def _key(path: NodePath, entry: dict[str, Any]) -> str:
    return text(entry, "bom-ref") or "/".join(str(part) for part in path)


def _stated(entry: dict[str, Any], path: NodePath) -> Stated:
    purl = text(entry, "purl")
    declared, concluded = _licences(entry)
    made = component(
        _key(path, entry),
        name=_name(entry, purl),
        version=text(entry, "version"),
        kind=text(entry, "type") or "library",
        purl=purl if is_purl(purl) else "",
        licenses=declared or concluded,
        digests=_hashes(entry),
        files=tuple(_files(entry)),
        scope=_SCOPES.get(text(entry, "scope"), "required"),
        properties=_properties(entry),
    )
    return Stated(
        key=_key(path, entry),
        path=path,
        component=made,
        supplier=party(entry.get("supplier")),
        producers=tuple(_producers(entry)),
        identifiers=tuple(_identifiers(entry)),
        declared=declared,
        concluded=concluded,
        filename=next((v for k, v in made.properties if k == "bsi:component:filename"), ""),
    )


def _identifiers(entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    given = [(kind, said) for key, kind in _IDENTIFIERS for said in (text(entry, key), *texts(entry.get(key)))]
    yield from (pair for pair in (*given, ("swid", text(entry, "swid", "tagId"))) if pair[1])


def _name(entry: dict[str, Any], purl: str) -> str:
    """The name with its group, as its ecosystem writes both."""
    group, name = text(entry, "group"), text(entry, "name")
    return f"{group}{':' if purl.startswith('pkg:maven/') else '/'}{name}" if group else name


def _licences(entry: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is declared, and what was concluded."""
    found: dict[bool, list[str]] = {True: [], False: []}
    for stated in tables(entry.get("licenses")):
        said = text(stated, "expression") or text(stated, "license", "id") or text(stated, "license", "name")
        acknowledged = text(stated, "acknowledgement") or text(stated, "license", "acknowledgement")
        if said:
            found[acknowledged == "concluded"].append(said)
    return tuple(found[False]), tuple(found[True])


def _hashes(entry: dict[str, Any]) -> Any:
    return hashes((text(h, "alg"), text(h, "content")) for h in tables(entry.get("hashes")))


def _files(entry: dict[str, Any]) -> Iterator[Distribution]:
    for reference in tables(entry.get("externalReferences")):
        if text(reference, "type") == "distribution":
            yield Distribution(url=text(reference, "url"), hashes=_hashes(reference))


def _properties(entry: dict[str, Any]) -> list[tuple[str, str]]:
    given = [(text(p, "name"), text(p, "value")) for p in tables(entry.get("properties"))]
    runs = any(name in _INSTALL_SCRIPTS and value == "true" for name, value in given)
    return [*(pair for pair in given if pair[0] and pair != INSTALL_SCRIPT), *([INSTALL_SCRIPT] if runs else [])]


def _producers(entry: dict[str, Any]) -> Iterator[Party]:
    for given in (entry.get("manufacturer"), *tables(entry.get("authors"))):
        if found := party(given):
            yield found
    for key in ("author", "publisher"):
        if text(entry, key).strip():
            yield Party(text(entry, key).strip())


def _held(
    entries: list[tuple[NodePath, dict[str, Any]]], components: tuple[Stated, ...]
) -> Iterator[tuple[str, str, str]]:
    """Components within components; those of what is described are no more than the list of all the others."""
    by_path = {path: stated.key for (path, _), stated in zip(entries, components, strict=True)}
    for path, key in by_path.items():
        holder = by_path.get(path[:-2])
        if holder is not None and path[0] != "metadata":
            yield holder, key, "contains"


def _graded(value: dict[str, Any]) -> Iterator[str]:
    for composition in tables(value.get("compositions")):
        yield from (*texts(composition.get("dependencies")), *texts(composition.get("assemblies")))


def _dangling(value: dict[str, Any], components: tuple[Stated, ...]) -> Iterator[tuple[NodePath, str, str]]:
    """References of dependencies to nothing; services may be meant, and elements of other documents (BOM-Links)."""
    known = {stated.key for stated in components} | {text(s, "bom-ref") for s in tables(value.get("services"))}
    for path, entry in _listed(("dependencies",), value.get("dependencies")):
        for ref in (text(entry, "ref"), *texts(entry.get("dependsOn"))):
            if ref and ref not in known and not ref.startswith("urn:cdx:"):
                yield path, "an entry of dependencies", ref


def _authors(metadata: dict[str, Any]) -> Iterator[Party]:
    """Who made the document: its authors, else who manufactured it (1.6), the older `manufacture` included."""
    for given in (*tables(metadata.get("authors")), metadata.get("manufacturer"), metadata.get("manufacture")):
        if found := party(given):
            yield found


def _tools(metadata: dict[str, Any]) -> Iterator[str]:
    """The old list, and since 1.5 a table of components and services."""
    given = metadata.get("tools")
    listed = (
        given
        if isinstance(given, list)
        else [*tables(_table(given).get("components")), *tables(_table(given).get("services"))]
    )
    for tool in tables(listed):
        if text(tool, "name"):
            yield f"{text(tool, 'name')} {text(tool, 'version')}".strip()
