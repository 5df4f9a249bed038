"""The comparison of two bills of materials: text for a person, Markdown for a pull request, JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ci_guard import TOOL_NAME, __version__
from ci_guard.gate import RESULTS, decision
from ci_guard.model.finding import Finding
from ci_guard.model.location import Location
from ci_guard.model.record import record
from ci_guard.model.report import Verdict
from ci_guard.report.compact import where
from ci_guard.report.escape import code, markdown, terminal
from ci_guard.report.json import JsonObject, written
from ci_guard.report.style import Style
from ci_guard.sbom.comparison.changes import KINDS, Change
from ci_guard.sbom.comparison.side import Side

SCHEMA = "ci-guard/sbom-diff/1"
MARKDOWN_LIMIT = 60_000  # code points; GitHub refuses a comment above 65,536
_OPEN_UP_TO = 12  # rows of a section that is not folded away
_HEADLINES = {"open": "✅ Gate open", "closed": "❌ Gate closed", "broken": "⚠️ Could not judge"}
_TITLES = {
    "hash": "Same version with another content",
    "digest": "Same tag with another image",
    "source": "From somewhere else",
    "install-script": "Runs a script when installed",
    "downgraded": "Downgraded",
    "licence": "Under another licence",
    "added": "Added",
    "removed": "Removed",
    "upgraded": "Upgraded",
    "version": "In another version",
    "content": "With other bytes",
}
_SHOWN = 60  # code points of a value in text and Markdown
_DIGITS = 24  # of a hash with its algorithm


@record
class Shown:
    """Both sides, the changes, and the finding of those that have one (by number)."""

    old: Side
    new: Side
    changes: Sequence[Change]
    findings: Mapping[int, Finding]
    verdict: Verdict

    def sections(self) -> Iterator[tuple[str, list[tuple[Change, Finding | None]]]]:
        """Kind by kind, what there is."""
        for kind in KINDS:
            rows = [(c, self.findings.get(n)) for n, c in enumerate(self.changes) if c.kind == kind]
            if rows:
                yield kind, rows

    def summary(self) -> str:
        """All kinds with their counts, in one line."""
        counts = Counter(change.kind for change in self.changes)
        parts = [f"{counts[kind]} {_TITLES[kind][0].lower()}{_TITLES[kind][1:]}" for kind in KINDS if counts[kind]]
        return "; ".join(parts) or "no change"

    def place(self, change: Change) -> Location:
        """The line of the component: in the new side, of a removed one in the old."""
        return (self.old if change.kind == "removed" else self.new).place(change.key)


def text(shown: Shown, style: Style) -> str:
    """For a terminal."""
    lines = [terminal(f"{_side(shown.old)} -> {_side(shown.new)}"), f"{shown.summary()}", ""]
    for kind, rows in shown.sections():
        lines.append(style.paint(f"{_TITLES[kind]} ({len(rows)})", "1"))
        lines += [_text_row(change, finding, shown, style) for change, finding in rows]
        lines.append("")
    if not style.quiet:
        state = RESULTS[shown.verdict.exit_code]
        lines += [style.paint(f"GATE {state.upper()}", "1"), terminal(shown.verdict.paragraph), ""]
    return "\n".join(lines)


def _side(side: Side) -> str:
    return f"{side.path} ({side.form}, {len(side.components)} components)"


def _text_row(change: Change, finding: Finding | None, shown: Shown, style: Style) -> str:
    told = f"  {terminal(change.name)} {terminal(_told(change))}".rstrip()
    if way := _way(change):
        told += f"  {terminal(way)}"
    if finding is not None and finding.counts:
        told += f"  {style.severity(str(finding.severity), finding.severity)} {finding.rule}"
    elif finding is not None:
        told += "  (accepted)"
    return told + style.paint(f"  {terminal(where(shown.place(change)))}", "2")


def _told(change: Change) -> str:
    """What became of what, in one phrase."""
    version = change.version if change.kind in {"hash", "digest", "licence", "source", "install-script"} else ""
    if change.old and change.new:
        most = _DIGITS if change.kind in {"hash", "digest", "content"} else _SHOWN
        values = f"{_short(change.old, most)} -> {_short(change.new, most)}"
        return f"{version}: {values}" if version else values
    return _short(change.old or change.new or version)


def _short(value: str, most: int = _SHOWN) -> str:
    return value if len(value) <= most else value[: most - 1] + "…"


def _way(change: Change) -> str:
    """Who brings in what is new."""
    if change.kind not in {"added", "install-script"}:
        return ""
    if change.way:
        return f"by {' > '.join(change.way)}"
    return "direct" if change.reached else ""


def page(shown: Shown) -> str:
    """Markdown for a comment: sections of more than a dozen rows are folded, and what does not fit is counted."""
    state = RESULTS[shown.verdict.exit_code]
    text = f"### Bill of materials: {shown.summary()}\n\n"
    text += f"{code(shown.old.path)} → {code(shown.new.path)}\n\n"
    text += f"**{_HEADLINES[state]}**: {markdown(shown.verdict.paragraph[:2000])}\n\n"
    left = 0
    for kind, rows in shown.sections():
        section, omitted = _section(kind, rows, MARKDOWN_LIMIT - len(text) - 200)
        text += section
        left += omitted
    if left:
        text += f"{left} more did not fit here: `--format json` has them all.\n"
    return text


def _section(kind: str, rows: list[tuple[Change, Finding | None]], room: int) -> tuple[str, int]:
    """A table as far as it fits, and how many rows do not."""
    title = f"{_TITLES[kind]} ({len(rows)})"
    folded = len(rows) > _OPEN_UP_TO
    head = f"<details><summary>{title}</summary>\n\n" if folded else f"**{title}**\n\n"
    head += "| component | change | brought in | finding |\n|---|---|---|---|\n"
    tail = "\n</details>\n\n" if folded else "\n"
    body, kept = "", 0
    for change, finding in rows:
        row = _row(change, finding)
        if len(head) + len(body) + len(row) + len(tail) > room:
            break
        body += row
        kept += 1
    return (head + body + tail if kept else ""), len(rows) - kept


def _row(change: Change, finding: Finding | None) -> str:
    judged = ""
    if finding is not None:
        judged = f"{finding.severity}: {markdown(finding.rule)}" if finding.counts else "accepted"
    cells = (code(_short(change.name)), code(_told(change)), markdown(_way(change)), judged)
    return f"| {' | '.join(cells)} |\n"


def json(shown: Shown) -> str:
    """`ci-guard/sbom-diff/1` (docs/schemas/sbom-diff.schema.json)."""
    counts = Counter(change.kind for change in shown.changes)
    return written(
        {
            "schema": SCHEMA,
            "tool": {"name": TOOL_NAME, "version": __version__},
            "old": _side_document(shown.old),
            "new": _side_document(shown.new),
            "summary": {kind: counts[kind] for kind in KINDS},
            "changes": list(_changes(shown)),
            "verdict": decision(shown.verdict),
        }
    )


def _side_document(side: Side) -> JsonObject:
    return {"path": side.path, "form": side.form, "components": len(side.components), "edges": len(side.edges)}


def _changes(shown: Shown) -> Iterable[JsonObject]:
    for number, change in enumerate(shown.changes):
        finding = shown.findings.get(number)
        place = shown.place(change)
        yield {
            "kind": change.kind,
            "name": change.name,
            "purl": change.purl,
            "version": change.version,
            "old": change.old,
            "new": change.new,
            "direct": change.reached and not change.way,
            "way": list(change.way),
            "path": place.path,
            "line": place.region.start_line if place.region else 0,
            "rule": finding.rule if finding else "",
            "severity": str(finding.severity) if finding else "",
            "accepted": finding is not None and not finding.counts,
        }
