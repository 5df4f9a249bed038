"""What a run hands to reporters and to the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import Location
from ci_guard.model.record import field, record


class RuleKey(NamedTuple):
    """A rule of a tool; ours is `("ci-guard", id)`."""

    tool: str
    rule: str


@record
class RuleMeta:
    """What is told about a rule: from our catalogue, or from the driver of another tool's SARIF.

    `category` is the rule's folder (`pod-security`, `dependencies` …). `controls` maps a framework to
    {control id: "direct" | "related"}. `dread` has the five factors 1..10. `pod_security` is the upstream check id.
    """

    tool: str
    id: str
    title: str
    severity: Severity
    category: str = ""
    why: str = ""
    remedy: str = ""
    status: str = "stable"
    since: str = ""
    sensitive: bool = False
    controls: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stride: tuple[str, ...] = ()
    dread: Mapping[str, int] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    pod_security: str = ""
    help_uri: str = ""
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> RuleKey:
        """The key under which `Report.rules` holds it."""
        return RuleKey(self.tool, self.id)

    @property
    def dread_score(self) -> float:
        """Mean of the five DREAD factors, one decimal; 0.0 when there is none. Ranks, never decides."""
        return round(sum(self.dread.values()) / len(self.dread), 1) if self.dread else 0.0


@record
class Unjudged:
    """A rule (or the whole tool, rule "") that could not judge something, and why. Never counts as passed."""

    rule: str
    subject: str
    reason: str
    location: Location | None = None


@record
class Notice:
    """Something the user should know that is neither a finding nor a failure (a skipped Helm template …)."""

    message: str
    location: Location | None = None


@record
class Scope:
    """What was looked at. `files` counts files by outcome: `judged`, `no-manifest`, `helm-template`, `unreadable` …"""

    root: str = "."
    files: Mapping[str, int] = field(default_factory=dict)
    documents: int = 0
    subjects: int = 0
    profile: str = ""
    pod_security_version: str = ""
    commit: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)


def scope_document(scope: Scope) -> dict[str, object]:
    """The scope as plain data: one form for the JSON report and for SARIF, from which it is read back."""
    return {
        "root": scope.root,
        "files": dict(sorted(scope.files.items())),
        "documents": scope.documents,
        "subjects": scope.subjects,
        "profile": scope.profile,
        "podSecurityVersion": scope.pod_security_version,
        "commit": scope.commit,
        "digests": dict(sorted(scope.digests.items())),
    }


@record
class Comparison:
    """What a run with `--since` found against `revision`.

    `new` and `unchanged` count findings of today that nothing else accepts; `fixed` are those that are gone.
    """

    revision: str
    new: int
    unchanged: int
    fixed: tuple[Finding, ...] = ()


@record
class Report:
    """Everything a run found; findings in `sort_key` order, suppressed and implied ones included."""

    tool: str
    version: str
    scope: Scope
    rules: Mapping[RuleKey, RuleMeta]
    findings: tuple[Finding, ...]
    evaluated: Mapping[str, int] = field(default_factory=dict)
    unjudged: tuple[Unjudged, ...] = ()
    notices: tuple[Notice, ...] = ()
    comparison: Comparison | None = None


@record
class Verdict:
    """The gate's decision. `exit_code` is 0, 1 or 3; `paragraph` explains it to a person.

    `counts` are gated findings by severity (all severities present); `reasons` name what closed the gate.
    """

    exit_code: int
    paragraph: str
    fail_on: str
    counts: Mapping[str, int] = field(default_factory=dict)
    suppressed: int = 0
    baselined: int = 0
    reasons: tuple[str, ...] = ()
