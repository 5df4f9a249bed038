"""SARIF result -> Finding."""

from __future__ import annotations

import re
from datetime import date

from ci_guard import TOOL_NAME
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import Location
from ci_guard.model.subject import SubjectId
from ci_guard.model.suppression import Suppression
from ci_guard.sarif import access
from ci_guard.sarif.access import JsonObject
from ci_guard.sarif.descriptors import RunRules, named_severity, rule_severity, score_severity
from ci_guard.sarif.encoding import plain_text, severity_of_level, without_links
from ci_guard.sarif.places import Places

_NO_FLAW = {"pass", "notApplicable"}
_NOT_IN_FORCE = {"underReview", "rejected"}
_PLACEHOLDER = re.compile(r"\{(\d{1,3})\}")
_MESSAGE_LIMIT = 10_000
_ARGUMENT_LIMIT = 1_000
_WHOLE_REPO = "."  # where a result without any location stands; a baseline needs a path


def finding_of(result: JsonObject, tool: str, rules: RunRules, places: Places) -> Finding | None:
    """The finding that a result states, None when it states that nothing is wrong (or no longer is)."""
    kind = access.text(result, "kind") or "fail"
    if kind in _NO_FLAW or access.text(result, "baselineState") == "absent":
        return None
    rule, descriptor = rules.of(result)
    location = places.first(result) or Location(_WHOLE_REPO)
    ours = access.child(result, "properties", "ciGuard") if tool == TOOL_NAME else {}
    return Finding(
        rule=rule,
        severity=named_severity(access.text(ours, "severity")) or _severity(result, descriptor, kind),
        message=_message(result, descriptor, ours=bool(ours)) or rule,
        location=location,
        subject=_subject(result, ours, location),
        path=access.text(ours, "path"),
        key=access.text(ours, "key") if ours else _key(result),
        related=places.related(result),
        flows=places.flows(result),
        edits=places.edits(result),
        implied_by=access.text(ours, "impliedBy"),
        suppressed=_suppressed(result, ours, places),
        tool=tool,
    )


def _severity(result: JsonObject, descriptor: JsonObject, kind: str) -> Severity:
    """`security-severity` of the result, then of the rule, then the level, then the rule's default level."""
    if kind != "fail":
        return Severity.NOTE
    own = score_severity(access.child(result, "properties").get("security-severity"))
    by_score = own or rule_severity(descriptor)
    if by_score is not None:
        return by_score
    default = access.text(access.child(descriptor, "defaultConfiguration"), "level") or "warning"
    return severity_of_level(access.text(result, "level") or default)


def _message(result: JsonObject, descriptor: JsonObject, *, ours: bool) -> str:
    message = access.child(result, "message")
    text = access.text(message, "text") or access.text(message, "markdown")
    if ours:
        return plain_text(without_links(text))[:_MESSAGE_LIMIT]
    if not text:
        strings = access.child(descriptor, "messageStrings", access.text(message, "id"))
        text = access.text(strings, "text")
    # Both are cut before they are multiplied: `{0}{0}…` must not turn a small file into gigabytes.
    arguments = [a[:_ARGUMENT_LIMIT] for a in access.texts(message, "arguments")]
    text = text[:_MESSAGE_LIMIT]

    def argument(match: re.Match[str]) -> str:
        number = int(match[1])
        return arguments[number] if number < len(arguments) else match[0]

    filled = _PLACEHOLDER.sub(argument, text) if arguments else text
    return plain_text(filled)[:_MESSAGE_LIMIT]


def _subject(result: JsonObject, ours: JsonObject, location: Location) -> SubjectId:
    known = access.child(ours, "subject")
    if known:
        return SubjectId(
            kind=access.text(known, "kind"),
            name=access.text(known, "name"),
            namespace=access.text(known, "namespace"),
            api_version=access.text(known, "apiVersion"),
            container=access.text(known, "container"),
        )
    first = access.at(access.items(result, "locations"), 0)
    logical = access.at(access.items(first, "logicalLocations"), 0)
    name = access.text(logical, "fullyQualifiedName") or access.text(logical, "name")
    return SubjectId(access.text(logical, "kind") or "file", name) if name else SubjectId("file", location.path)


def _key(result: JsonObject) -> str:
    """What tells two foreign findings apart besides rule and place: their fingerprint, as stable as the tool's."""
    prints = access.strings(result, "fingerprints") or access.strings(result, "partialFingerprints")
    best = prints.get("primaryLocationLineHash")
    return best if best else next((prints[name] for name in sorted(prints)), "")


def _suppressed(result: JsonObject, ours: JsonObject, places: Places) -> Suppression | None:
    suppressions = list(access.children(result, "suppressions"))
    if not suppressions or any(access.text(s, "status") in _NOT_IN_FORCE for s in suppressions):
        return None
    known = access.child(ours, "suppression")
    if ours and not known:  # implied by another rule, which `implied_by` says
        return None if access.text(ours, "impliedBy") else _external(suppressions[0])
    if not known:
        return _external(suppressions[0])
    return Suppression(
        reason=access.text(suppressions[0], "justification"),
        origin=access.text(known, "origin") or "external",
        location=places.of(access.child(suppressions[0], "location")),
        expires=_date(access.text(known, "expires")),
        approver=access.text(known, "approver"),
    )


def _external(suppression: JsonObject) -> Suppression:
    return Suppression(access.text(suppression, "justification"), "external")


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
