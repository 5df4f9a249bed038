"""CycloneDX VEX: `vulnerabilities` with an `analysis`. Source: https://cyclonedx.org/capabilities/vex/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from ci_guard.advisories.vex.fields import Reader, joined
from ci_guard.advisories.vex.statement import AFFECTED, FIXED, INVESTIGATED, NOT_AFFECTED, Product, Statement

STATES: Final = {
    "not_affected": NOT_AFFECTED,
    "false_positive": NOT_AFFECTED,
    "resolved": FIXED,
    "resolved_with_pedigree": FIXED,
    "exploitable": AFFECTED,
    "in_triage": INVESTIGATED,
}


def statements(reader: Reader, top: Mapping[str, Any]) -> Iterator[Statement]:
    """Every vulnerability that somebody analysed."""
    known = dict(_purls(reader, top))
    metadata = reader.table(top.get("metadata"), ("metadata",))
    when = reader.text(metadata, "timestamp", ("metadata",))
    for path, row in reader.rows(top, "vulnerabilities", ()):
        at = (*path, "analysis")
        analysis = reader.table(row.get("analysis"), at)
        state = reader.text(analysis, "state", at)
        if not analysis or not state:
            continue  # a VDR: it discloses, and claims nothing
        if state not in STATES:
            raise reader.error((*at, "state"), f"state is one of {', '.join(STATES)}, not {state[:40]!r}")
        ids = {
            reader.text(row, "id", path),
            *(reader.text(r, "id", p) for p, r in reader.rows(row, "references", path)),
        }
        yield Statement(
            ids=frozenset(ids - {""}),
            status=STATES[state],
            products=tuple(
                Product(_purl(reader.text(r, "ref", p), known)) for p, r in reader.rows(row, "affects", path)
            ),
            reason=joined(reader.text(analysis, "justification", at), reader.text(analysis, "detail", at))
            or (state if state == "false_positive" else ""),
            location=reader.place((*at, "state")),
            when=reader.text(analysis, "lastUpdated", at) or reader.text(row, "updated", path) or when,
        )


def _purls(reader: Reader, top: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path, row in reader.rows(top, "components", ()):
        yield reader.text(row, "bom-ref", path), reader.text(row, "purl", path)


def _purl(ref: str, known: Mapping[str, str]) -> str:
    """A ref of this document, a BOM-Link to one of another (`urn:cdx:serial/version#ref`), or a purl as it stands."""
    if ref.startswith("urn:cdx:"):
        ref = unquote(ref.partition("#")[2])
    return known.get(ref) or ref
