"""The format of a rule file, written down once: checked by `flaws`, published as `rules/schema.json`."""

from __future__ import annotations

from typing import Any, Final

from ci_guard import HOME_URL
from ci_guard.engine.kinds import KINDS, MATCH_KEYS
from ci_guard.engine.shape import Anything, Either, Fields, Flag, Many, Named, Shape, Text, Whole
from ci_guard.model.finding import Severity

STRIDE: Final = (
    "spoofing",
    "tampering",
    "repudiation",
    "information-disclosure",
    "denial-of-service",
    "elevation-of-privilege",
)
DREAD: Final = ("damage", "reproducibility", "exploitability", "affected-users", "discoverability")
FOLDERS: Final = (
    *("pod-security", "rbac", "network", "images", "secrets", "reliability", "control-plane", "ecosystem"),
    *("dependencies", "sbom", "provenance", "workflows", "input", "policy"),
)
"""The folders of shipped rules; a profile may name one before its first rule is there."""

STATUSES: Final = ("preview", "stable", "deprecated")

RULE_ID: Final = Text(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", what="a kebab-case name")
SEVERITY: Final = Text(choices=tuple(str(s) for s in Severity))
_EXPRESSION = Text(what="a CEL expression")
_PATHS = Either(Text(what="a path"), Many(Text(what="a path")))
_MINOR = Text(r"v1\.(0|[1-9][0-9]*)", what="a Pod Security version as v1.N")
_PARAM = Text(r"[a-z][a-zA-Z0-9_]*", what="a name that an expression can use")
_PARAMS = Named(_PARAM, Anything(), least=1)
RELATION: Final = Text(choices=("direct", "related"))
_WORDS = Either(Text(), Many(Text()))

_JUDGEMENT: dict[str, Shape] = {
    "each": Text(choices=tuple(KINDS)),
    "when": _EXPRESSION,
    "items": _PATHS,
    "require": _EXPRESSION,
    "at": _PATHS,
    "key": Text(what="a path"),
    "message": Text(what="a message"),
}
"""What one judgement consists of; a clause, and a revision, may set each of them anew."""

_CLAUSES = Many(Fields(_JUDGEMENT, required=("require",)))
_REVISION = Fields(
    {
        "since": _MINOR,
        "until": _MINOR,
        **_JUDGEMENT,
        "clauses": _CLAUSES,
        "params": _PARAMS,
        "add": Named(_PARAM, Many(Anything()), least=1),
    },
    required=("since",),
)
_EXAMPLE = Either(
    Text(what="the text of a file"),
    Fields({"text": Text(), "path": Text(), "pod-security-version": _MINOR, "why": Text()}, required=("text",)),
)

RULE: Final = Fields(
    {
        "id": RULE_ID,
        "title": Text(r"[^\n]+"),
        "since": Text(r"[0-9]+\.[0-9]+\.[0-9]+", what="a version of ci-guard as 1.2.3"),
        "status": Text(choices=STATUSES),
        "severity": SEVERITY,
        "scope": Text(choices=("local", "repo")),
        **_JUDGEMENT,
        "match": Fields({key: _WORDS for key in MATCH_KEYS}),
        "judge": Text(choices=("code",)),
        "params": _PARAMS,
        "clauses": _CLAUSES,
        "revisions": Many(_REVISION),
        "pod-security": Fields({"check": Text(), "since": _MINOR, "until": _MINOR}, required=("check",)),
        "implied-by": Many(RULE_ID),
        "covers": Many(Text()),
        "default": Flag(),
        "sensitive": Flag(),
        "controls": Named(
            Text(r"[a-z0-9][a-z0-9.-]*", what="the id of a framework"),
            Named(Text(what="the id of a control"), RELATION, least=1),
        ),
        "threat": Fields(
            {
                "stride": Many(Text(choices=STRIDE)),
                "dread": Fields({factor: Whole(1, 10) for factor in DREAD}, required=DREAD),
            },
            required=("stride", "dread"),
        ),
        "why": Text(),
        "remedy": Text(),
        "fix": Fields(
            {
                "when": _EXPRESSION,
                "set": Named(Text(what="a path"), Either(Flag(), Either(Whole(0, 2**31), Text())), least=1),
                "rename": Named(Text(what="a path"), Text(what="a key"), least=1),
                "remove": Many(Text(what="a path")),
            },
        ),
        "references": Many(Text(r"https://\S+", what="an https URL")),
        "examples": Fields({"good": Many(_EXAMPLE), "bad": Many(_EXAMPLE)}),
    },
    required=("id", "title", "since", "severity", "threat", "why", "remedy", "references"),
    one_of=("require", "clauses", "judge"),
)
"""A rule file. What a shape cannot say (expressions compile, ids are unique) is checked when the catalogue is built."""

JUDGING_FIELDS: Final = (
    *("severity", "status", "scope", "default", "sensitive", "judge", "match", "params", "clauses", "revisions"),
    *("pod-security", "implied-by", "fix", *_JUDGEMENT),
)
"""The fields that judging needs, and `rules/catalog.json` holds; all others are read only when they are shown."""


def schema() -> dict[str, Any]:
    """The JSON Schema of a rule file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{HOME_URL}/schema/rule.json",
        "title": "ci-guard rule",
        **RULE.schema(),
    }
