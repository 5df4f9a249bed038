"""The baseline: findings that were there before, kept by fingerprint with counts.

The file is a JSON array; its first line names the format, each further line is one fingerprint with a comma in
front, sorted. So a line that is added or removed touches no other line, and git merges two baselines like any text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ci_guard.model.errors import ConfigError
from ci_guard.model.finding import Finding, fingerprint
from ci_guard.model.record import field, record, replace
from ci_guard.model.suppression import Suppression
from ci_guard.source.document import Document
from ci_guard.source.reader import read
from ci_guard.suppress.ledger import POLICY_RULES

SCHEMA = "ci-guard/baseline/1"
MAX_BYTES = 64_000_000
NEVER_ACCEPTED = POLICY_RULES | {"unreadable-input"}
"""A baseline must not hide changes of policy, nor that something could not be judged at all."""


class Fingerprint(NamedTuple):
    """What stays of a finding when lines move; the fields of `model.finding.fingerprint`."""

    rule: str
    path: str
    subject: str
    at: str
    key: str


@record
class Baseline:
    """How many findings of each fingerprint are accepted."""

    counts: Mapping[Fingerprint, int] = field(default_factory=dict)
    source: str = ""

    def apply(self, findings: Iterable[Finding], renames: Mapping[str, str] | None = None) -> list[Finding]:
        """The findings, those that were there before marked as suppressed, up to the counts, in the order given.

        `renames` maps a file's path of today to the one it had when the baseline was written.
        """
        budget = Counter(self.counts)
        return [self._mark(finding, budget, renames or {}) for finding in findings]

    @property
    def acceptance(self) -> Suppression:
        """How a finding is marked that was there before."""
        return Suppression("in the baseline" + (f" {self.source}" if self.source else ""), "baseline")

    def _mark(self, finding: Finding, budget: Counter[Fingerprint], renames: Mapping[str, str]) -> Finding:
        origin = finding.suppressed.origin if finding.suppressed else ""
        if origin not in {"", "baseline"} or not acceptable(finding):
            return finding
        for known in _names(finding, renames):
            if budget[known] > 0:
                budget[known] -= 1
                return finding if origin else replace(finding, suppressed=self.acceptance)
        return finding

    def prune(
        self,
        findings: Iterable[Finding],
        *,
        renames: Mapping[str, str] | None = None,
        covers: Callable[[str], bool] = lambda _path: True,
    ) -> Baseline:
        """What is left when entries that nothing matches any more are dropped; renamed files get today's path.

        `covers` says whether a path was judged in this run: entries of other files stay as they are.
        """
        budget = Counter(self.counts)
        kept: Counter[Fingerprint] = Counter()
        for finding in findings:
            names = _names(finding, renames or {})
            spent = next((name for name in names if acceptable(finding) and budget[name] > 0), None)
            if spent is not None:
                budget[spent] -= 1
                kept[names[0]] += 1
        kept.update({name: count for name, count in budget.items() if count > 0 and not covers(name.path)})
        return Baseline(dict(kept), self.source)


def acceptable(finding: Finding) -> bool:
    """Whether a baseline may hold the finding."""
    return finding.rule not in NEVER_ACCEPTED


def from_findings(findings: Iterable[Finding]) -> Baseline:
    """The baseline that accepts all `findings` that nothing but a baseline suppresses; implied ones too.

    An implied finding shows again once the one that implies it is fixed; fixing must not turn the gate red.
    """
    open_ones = (f for f in findings if f.suppressed is None or f.suppressed.origin == "baseline")
    return Baseline(dict(Counter(Fingerprint(*fingerprint(f)) for f in open_ones if acceptable(f))))


def write(baseline: Baseline) -> bytes:
    """The file's bytes: sorted, ASCII, one line an entry, the same for the same findings."""
    lines = [_line({"schema": SCHEMA})]
    for name, count in sorted(baseline.counts.items()):
        entry: dict[str, Any] = {k: v for k, v in name._asdict().items() if v}
        lines.append("," + _line({**entry, "count": count} if count > 1 else entry))
    return ("[" + "\n".join(lines) + "\n]\n").encode("ascii")


def load(data: bytes, path: str) -> Baseline:
    """Read a baseline. Raises ConfigError that names file and line.

    An entry that stands there twice (both sides of a merge added it) counts once, with the larger count.
    """
    entries = _entries(data, path)
    counts: dict[Fingerprint, int] = {}
    for index, entry in enumerate(entries[1:], start=1):
        flaw = _flaw(entry)
        if flaw:
            raise ConfigError(flaw, path=path, line=_line_of(data, path, index))
        name = Fingerprint(*(entry.get(part, "") for part in Fingerprint._fields))
        counts[name] = max(counts.get(name, 0), entry.get("count", 1))
    return Baseline(counts, path)


def _entries(data: bytes, path: str) -> list[Any]:
    if len(data) > MAX_BYTES:
        raise ConfigError(f"is larger than {MAX_BYTES:,} bytes", path=path)
    import json

    try:
        entries = json.loads(data.decode("utf-8"))
    except json.JSONDecodeError as error:
        raise ConfigError(f"is no baseline: {error.msg}", path=path, line=error.lineno) from None
    except (ValueError, RecursionError) as error:  # no UTF-8, a number of thousands of digits, nested without end
        raise ConfigError(f"is no baseline: {type(error).__name__}", path=path) from None
    if not isinstance(entries, list) or not entries or entries[0] != {"schema": SCHEMA}:
        raise ConfigError(f'is no baseline: expected an array that begins with {{"schema": "{SCHEMA}"}}', path=path)
    return entries


def _flaw(entry: Any) -> str:
    """What is wrong with an entry, in words; "" when nothing is."""
    allowed = (*Fingerprint._fields, "count")
    if not isinstance(entry, dict):
        return "expected an object for each finding"
    unknown = [key for key in entry if key not in allowed]
    if unknown:
        return f"unknown key {unknown[0][:80]!r}; allowed are {', '.join(allowed)}"
    texts = all(isinstance(entry.get(part, ""), str) for part in Fingerprint._fields)
    if not texts or not entry.get("rule") or not entry.get("path"):
        return "`rule` and `path` are needed, and all but `count` are text"
    count = entry.get("count", 1)
    return "" if type(count) is int and 0 < count <= 1_000_000 else "`count` is a whole number from 1 to 1000000"


def _line_of(data: bytes, path: str, index: int) -> int:
    # Read again with positions only when there is something to complain about: positions cost ten times as much.
    document = next(iter(read(path, data, "json")), None)
    region = document.locate((index,)).region if isinstance(document, Document) else None
    return region.start_line if region else 0


def _line(entry: Mapping[str, Any]) -> str:
    import json

    # ASCII: a baseline full of names from manifests can neither repaint a terminal nor hide text in a review.
    return json.dumps(entry, ensure_ascii=True, separators=(", ", ": "))


def _names(finding: Finding, renames: Mapping[str, str]) -> list[Fingerprint]:
    """Today's fingerprint, then the one from before a rename."""
    now = Fingerprint(*fingerprint(finding))
    old = renames.get(now.path)
    if old is None:
        return [now]
    # The subject of a file is its path.
    subject = replace(finding.subject, name=old) if finding.subject.name == now.path else finding.subject
    return [now, now._replace(path=old, subject=str(subject))]
