"""The minimum elements: what NTIA (2021), CISA (draft of 2025) and BSI TR-03183-2 (v2.1) ask of a document.

One rule a row. A rule of the document gives its values or None; a rule of components is asked for each of them.
Which standard asks for what stands in the rule files (`controls`), not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from ci_guard.model.component import Distribution
from ci_guard.sbom.digests import STRONG
from ci_guard.sbom.licenses import LicenseExpressions
from ci_guard.sbom.quality.lack import Lack, document_place, named
from ci_guard.sbom.reading.bill import Bill, Party, Stated

Values = Mapping[str, str] | None
"""What fills in the rule's message; None when the rule holds."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)\Z")
_CONTACT = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z|https?://\S+\Z")
_FORMS = ("executable", "archive", "structured")
_ENOUGH = {"CycloneDX": (1, 6), "SPDX": (3, 0, 1)}


def _author(bill: Bill) -> Values:
    if bill.authors:
        return None
    return {"tool": f", only the tool {bill.tools[0]}" if bill.tools else ""}


def _timestamp(bill: Bill) -> Values:
    if not bill.created:
        return {"reason": "nothing says when the document was made"}
    return None if _TIME.match(bill.created) else {"reason": f"{bill.created[:40]!r} is no moment of RFC 3339"}


def _tool(bill: Bill) -> Values:
    return None if bill.tools else {}


def _context(bill: Bill) -> Values:
    return None if bill.contexts else {}


def _author_contact(bill: Bill) -> Values:
    return None if any(_reachable(party) for party in bill.authors) else {}


def _identifier(bill: Bill) -> Values:
    return None if bill.identifier else {}


def _format(bill: Bill) -> Values:
    numbers = tuple(int(part) for part in re.findall(r"\d+", bill.version)[:3])
    return None if numbers >= _ENOUGH[bill.format] else {"format": bill.name}


def _vulnerabilities(bill: Bill) -> Values:
    listed = bill.value.get("vulnerabilities")
    return {"count": str(len(listed))} if isinstance(listed, list) and listed else None


def _components(bill: Bill) -> Values:
    return None if bill.components else {}


def _dependencies(bill: Bill) -> Values:
    return {"count": str(len(bill.components))} if len(bill.components) > 1 and not bill.edges else None


DOCUMENT: Final[Mapping[str, Callable[[Bill], Values]]] = {
    "sbom-without-author": _author,
    "sbom-without-timestamp": _timestamp,
    "sbom-without-tool": _tool,
    "sbom-without-context": _context,
    "sbom-author-without-contact": _author_contact,
    "sbom-without-identifier": _identifier,
    "sbom-format-too-old": _format,
    "sbom-with-vulnerabilities": _vulnerabilities,
    "sbom-without-components": _components,
    "sbom-without-dependencies": _dependencies,
}


def _reachable(party: Party) -> bool:
    return any(_CONTACT.match(contact) for contact in (*party.contacts, party.name))


def _name(_: Bill, stated: Stated) -> bool:
    return bool(stated.component.name.strip())


def _version(_: Bill, stated: Stated) -> bool:
    return bool(stated.component.version.strip())


def _supplier(_: Bill, stated: Stated) -> bool:
    return bool(stated.supplier)


def _lookup(_: Bill, stated: Stated) -> bool:
    return bool(stated.identifiers)


def _hash(_: Bill, stated: Stated) -> bool:
    files = (h for file in stated.component.distributions for h in file.hashes)
    return any(_is_strong(h.algorithm) for h in (*stated.component.hashes, *files))


def _is_strong(algorithm: str) -> bool:
    return algorithm in STRONG or algorithm.startswith(("sha3-", "blake"))


def _licence(_: Bill, stated: Stated) -> bool:
    return bool(stated.declared or stated.concluded)


def _completeness(bill: Bill, stated: Stated) -> bool:
    return stated.key in bill.graded


def _creator_contact(_: Bill, stated: Stated) -> bool:
    return any(_reachable(party) for party in stated.producers)


def _filename(_: Bill, stated: Stated) -> bool:
    return bool(stated.filename)


def _sha512(_: Bill, stated: Stated) -> bool:
    files: tuple[Distribution, ...] = stated.component.distributions
    return any(h.algorithm == "sha512" for file in files for h in file.hashes)


COMPONENT: Final[Mapping[str, Callable[[Bill, Stated], bool]]] = {
    "sbom-component-without-name": _name,
    "sbom-component-without-version": _version,
    "sbom-component-without-supplier": _supplier,
    "sbom-component-without-identifier": _lookup,
    "sbom-component-without-hash": _hash,
    "sbom-component-without-licence": _licence,
    "sbom-component-without-completeness": _completeness,
    "sbom-component-creator-without-contact": _creator_contact,
    "sbom-component-without-filename": _filename,
    "sbom-component-without-sha512": _sha512,
}
"""Rule -> whether it holds for a component; the message names the component."""

CONCLUDED: Final = "sbom-component-without-concluded-licence"
FORM: Final = "sbom-component-without-form"
RULES: Final = frozenset({*DOCUMENT, *COMPONENT, CONCLUDED, FORM})


def lacking(bill: Bill, wanted: Collection[str]) -> Iterator[Lack]:
    """Every rule among `wanted` that does not hold, of the document first, then component by component."""
    for rule, ask in DOCUMENT.items():
        values = ask(bill) if rule in wanted else None
        if values is not None:
            yield Lack(rule, document_place(bill), values)
    asked = [(rule, holds) for rule, holds in COMPONENT.items() if rule in wanted]
    expressions = LicenseExpressions()
    for stated in bill.components:
        failed = {rule: {"name": named(stated)} for rule, holds in asked if not holds(bill, stated)}
        if CONCLUDED in wanted and (reason := _concluded(stated, expressions)):
            failed[CONCLUDED] = {"name": named(stated), "reason": reason}
        if FORM in wanted and (missing := _missing_forms(stated)):
            failed[FORM] = {"name": named(stated), "missing": missing}
        if failed:
            place = bill.place(stated)
            yield from (Lack(rule, place, values, stated) for rule, values in failed.items())


def _concluded(stated: Stated, expressions: LicenseExpressions) -> str:
    if not stated.concluded:
        return "no licence was concluded"
    wrong = next((said for said in stated.concluded if not expressions.spdx(said)), "")
    return f"{wrong[:60]!r} is no SPDX expression" if wrong else ""


def _missing_forms(stated: Stated) -> str:
    said = {name for name, _ in stated.component.properties}
    return ", ".join(form for form in _FORMS if f"bsi:component:{form}" not in said)
