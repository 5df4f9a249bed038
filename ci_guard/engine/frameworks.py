"""Framework files: the catalogue of controls of a standard, and how far files of a repository can show each of them.

Which rule touches which control stands in the rule. Identifiers and short titles are facts, descriptions are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ci_guard.engine import profilefile, yamlfile
from ci_guard.engine.shape import Fields, Many, Named, Text
from ci_guard.model.errors import ConfigError, UsageError
from ci_guard.model.record import field, record
from ci_guard.model.report import RuleMeta

FOLDER: Final = "frameworks"
POD_SECURITY: Final = "pod-security-standards"
_POD_SECURITY_FILE = "pod-security.yaml"
ASSESSABLE: Final = ("static", "partial", "manual", "not")
"""Files show a control in full, in part, only support what people show, or do not show it at all."""

Relations = Mapping[str, Mapping[str, str]]
"""Control -> rule -> `direct` or `related`."""

_GONE = "none"
_EDITION = Text(r"[0-9][0-9.]*", what='an edition, as "1.12"')
_REASON = Text(what="a reason")

SHAPE: Final = Fields(
    {
        "id": Text(r"[a-z0-9][a-z0-9.-]*", what="the id of a framework"),
        "title": Text(),
        "version": Text(),
        "kind": Text(choices=("controls", "threats")),
        "guid": Text(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", what="a GUID in lower case"),
        "organization": Text(),
        "url": Text(r"https://.*", what="an https address"),
        "licence": Text(),
        "editions": Many(_EDITION),
        "reasons": Fields({level: _REASON for level in ASSESSABLE[1:]}),
        "controls": Many(
            Fields(
                {
                    "id": Text(),
                    "title": Text(),
                    "description": Text(),
                    "assessable": Text(choices=ASSESSABLE),
                    "why": _REASON,
                    "properties": Named(Text(), Text()),
                    "editions": Named(_EDITION, Text()),
                },
                required=("id", "title", "description", "assessable"),
            )
        ),
    },
    required=("id", "title", "version", "kind", "guid", "organization", "url", "licence", "reasons", "controls"),
)


@record
class Control:
    """One control. `why` says why files do not show it in full; `editions` has its id in other editions ("none")."""

    id: str
    title: str
    description: str
    assessable: str
    why: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    editions: Mapping[str, str] = field(default_factory=dict)

    def called(self, edition: str) -> str:
        """Its id in an edition ("" is the file's own version); "" where that edition has no such control."""
        name = self.editions.get(edition, self.id)
        return "" if name == _GONE else name


@record
class Framework:
    """A catalogue of controls, or (`kind` "threats") of what attackers do. It is mapped to other `editions`."""

    id: str
    title: str
    version: str
    kind: str
    guid: str
    organization: str
    url: str
    licence: str
    controls: tuple[Control, ...]
    editions: tuple[str, ...] = ()

    def in_edition(self, edition: str) -> str:
        """`edition` if this is another one that it is mapped to, "" for its own. Raises UsageError for one unknown."""
        if edition in {"", self.version}:
            return ""
        if edition not in self.editions:
            known = ", ".join((self.version, *self.editions))
            raise UsageError(f"{self.id} is not mapped to an edition {edition!r}; there is {known}")
        return edition


def read(path: Path) -> Framework:
    """The framework of one file. Raises ConfigError, with the line, for anything that is not as it should be."""
    file = yamlfile.read(path)
    if path.name == _POD_SECURITY_FILE:
        file.insist(profilefile.CHECKS)
        return _pod_security(file.value)
    file.insist(SHAPE)
    _insist_on_the_rest(file, path.stem)
    value = file.value
    controls = tuple(_control(entry, value["reasons"]) for entry in value["controls"])
    told = {key: value[key] for key in value if key not in {"controls", "editions", "reasons"}}
    return Framework(**told, controls=controls, editions=tuple(value.get("editions", ())))


def read_all(folder: Path) -> dict[str, Framework]:
    """Every framework below the folder of the rules, by id. Raises ConfigError."""
    found = (read(path) for path in sorted((folder / FOLDER).glob("*.yaml")))
    return {framework.id: framework for framework in found}


def choose(frameworks: Mapping[str, Framework], name: str) -> Framework:
    """The framework that is asked for. Raises UsageError."""
    if name not in frameworks:
        raise UsageError(f"no framework {name!r}; there are: {', '.join(sorted(frameworks))}")
    return frameworks[name]


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


def _control(entry: Mapping[str, Any], reasons: Mapping[str, str]) -> Control:
    why = entry.get("why") or reasons.get(entry["assessable"], "")
    return Control(**{"properties": {}, "editions": {}, **entry, "why": why})


def _insist_on_the_rest(file: yamlfile.YamlFile, stem: str) -> None:
    """What a shape cannot say: the name, ids that are there once, a reason where one is due, known editions."""
    value: Mapping[str, Any] = file.value
    if value["id"] != stem:
        raise ConfigError("the id differs from the file's name", path=file.path, line=file.line(("id",)))
    seen: set[str] = set()
    for index, entry in enumerate(value["controls"]):
        flaw = _flaw(entry, seen, value["reasons"], value.get("editions", ()))
        if flaw:
            raise ConfigError(flaw, path=file.path, line=file.line(("controls", index)))
        seen.add(entry["id"])


def _flaw(entry: Mapping[str, Any], seen: set[str], reasons: Mapping[str, str], editions: Sequence[str]) -> str:
    if entry["id"] in seen:
        return f"the control {entry['id']!r} is there twice"
    if entry["assessable"] != "static" and "why" not in entry and entry["assessable"] not in reasons:
        return f"{entry['id']}: neither a `why` of its own nor a reason for {entry['assessable']!r}"
    unknown = sorted(entry.get("editions", {}).keys() - set(editions))
    return f"{entry['id']}: {unknown[0]!r} is none of the editions" if unknown else ""


def _pod_security(value: Mapping[str, Any]) -> Framework:
    """The Pod Security checks as controls: all of them are static."""
    return Framework(
        id=value["id"],
        title=value["title"],
        version=value["version"],
        kind="controls",
        guid=value["guid"],
        organization=value["organization"],
        url=value["url"],
        licence="Apache-2.0; the descriptions are our own words.",
        controls=tuple(
            Control(
                check["id"],
                check["title"],
                check["description"],
                "static",
                properties={name: str(check[name]) for name in ("level", "since")},
            )
            for check in value["checks"]
        ),
    )
