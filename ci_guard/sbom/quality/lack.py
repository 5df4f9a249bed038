"""What one judgement of a bill of materials comes to: a rule by id, what it is about, and the words of its message."""

from __future__ import annotations

from collections.abc import Mapping

from ci_guard.model.location import Location
from ci_guard.model.record import field, record
from ci_guard.sbom.reading.bill import Bill, Stated


@record
class Lack:
    """A rule that does not hold. `stated` is the component, None for the document; `place` where to point."""

    rule: str
    place: Location
    values: Mapping[str, str] = field(default_factory=dict)
    stated: Stated | None = None
    key: str = ""


def named(stated: Stated) -> str:
    """A component as a message names it; its reference when it has no name."""
    component = stated.component
    return f"{component.name} {component.version}".strip() or component.purl or stated.key


def document_place(bill: Bill) -> Location:
    """Where to point for the document as a whole: what says which format it has."""
    keys = {"CycloneDX": "bomFormat", "SPDX": "@graph" if bill.version.startswith("3") else "spdxVersion"}
    return bill.places.locate((keys[bill.format],), key=True)
