"""The shapes of profile files and of the file that lists the Pod Security checks."""

from __future__ import annotations

from typing import Final

from ci_guard.engine.ruleformat import RELATION, RULE_ID, SEVERITY
from ci_guard.engine.shape import Either, Fields, Flag, Many, Named, Text

_LEVEL = Text(choices=("baseline", "restricted"))
_VERSION = Text(r"v1\.(0|[1-9][0-9]*)", what="a Pod Security version as v1.N")

PROFILE: Final = Fields(
    {
        "id": RULE_ID,
        "title": Text(),
        "description": Text(),
        "level": _LEVEL,
        "everything": Flag(),
        "rules": Many(
            Fields(
                {
                    "folder": Text(),
                    "rule": RULE_ID,
                    "pod-security": _LEVEL,
                    "framework": Text(),
                    "relation": RELATION,
                    "severity": SEVERITY,
                },
                one_of=("folder", "rule", "pod-security", "framework"),
            ),
            least=0,
        ),
        "exemptions": Many(
            Fields(
                {
                    "rules": Many(RULE_ID),
                    "reason": Text(),
                    "kinds": Many(Text()),
                    "namespaces": Many(Text()),
                    "names": Many(Text()),
                },
                required=("rules", "reason"),
            )
        ),
    },
    required=("id", "title", "description", "rules"),
)

CHECKS: Final = Fields(
    {
        "id": Text(),
        "title": Text(),
        "version": Text(),
        "guid": Text(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        "organization": Text(),
        "url": Text(),
        "description": Text(),
        "checks": Many(
            Fields(
                {
                    "id": Text(),
                    "title": Text(),
                    "description": Text(),
                    "level": _LEVEL,
                    "since": _VERSION,
                    "overrides": Either(Many(Text()), Named(Text(), _VERSION, least=1)),
                },
                required=("id", "title", "description", "level", "since"),
            )
        ),
    },
    required=("id", "title", "version", "guid", "organization", "url", "checks"),
)
