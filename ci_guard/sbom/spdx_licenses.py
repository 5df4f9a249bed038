"""Licences as SPDX wants them: expressions, in which a text that is none stands as a LicenseRef of its own."""

from __future__ import annotations

import hashlib
import re

from ci_guard.sbom.licenses import LicenseExpressions

UNKNOWN = "NOASSERTION"
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9.]+")


class SpdxLicenses:
    """`extracted` collects the LicenseRefs of a document, with the words that each stands for."""

    def __init__(self) -> None:
        self._expressions = LicenseExpressions()
        self.extracted: dict[str, str] = {}

    def expression(self, texts: tuple[str, ...]) -> str:
        """An expression over listed licences and LicenseRefs; NOASSERTION when there is none."""
        found = sorted({self._expressions.spdx(text) or self._reference(text) for text in texts if _says(text)})
        if not found:
            return UNKNOWN
        return found[0] if len(found) == 1 else " AND ".join(f"({t})" if " " in t else t for t in found)

    def _reference(self, text: str) -> str:
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
        readable = _NOT_IN_ID.sub("-", text).strip("-")[:40]
        identifier = f"LicenseRef-{readable}-{digest}" if readable else f"LicenseRef-{digest}"
        self.extracted[identifier] = text
        return identifier


def _says(text: str) -> bool:
    """Whether a text holds anything to read; control characters alone are refused as a licence's text."""
    return any(c.isprintable() and not c.isspace() for c in text)
