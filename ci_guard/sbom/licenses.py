"""Licences as locks declare them, and as CycloneDX and SPDX may write them: an expression, or a name as it stands."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from ci_guard.model.component import Component

_MAX_EXPRESSION = 500  # code points; the longest real ones have a few dozen words


def declared(value: object) -> tuple[str, ...]:
    """`"MIT"`, `{"type": "MIT"}` or a list of those, as texts in the lock's own words and order."""
    if isinstance(value, str):
        return (value.strip(),) if value.strip() else ()
    if isinstance(value, dict):
        named = value.get("type") or value.get("name")
        return declared(named) if isinstance(named, str) else ()
    if isinstance(value, list):
        return tuple(text for item in value if not isinstance(item, list) for text in declared(item))
    return ()


class LicenseExpressions:
    """Decides once for each text whether it is an SPDX expression; the tables behind it are loaded at first need."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    @cached_property
    def _listed(self) -> frozenset[str]:
        """The ids of CycloneDX's schema. Its library's own look-up builds the tables of all expressions beside."""
        from cyclonedx.schema._res import SPDX_JSON

        return frozenset(json.loads(Path(SPDX_JSON).read_bytes())["enum"])

    @cached_property
    def _licensing(self) -> Any:
        from license_expression import get_spdx_licensing

        return get_spdx_licensing()

    def spdx(self, text: str) -> str:
        """The expression in canonical spelling, "" when `text` is none (`MIT/X11`, `SEE LICENSE IN …`)."""
        if text not in self._known:
            self._known[text] = text if text in self._listed else self._normalise(text)
        return self._known[text]

    def _normalise(self, text: str) -> str:
        from license_expression import ExpressionError, ExpressionParseError

        if len(text) > _MAX_EXPRESSION:
            return ""
        try:
            parsed = self._licensing.parse(text, validate=True, strict=True)
        except (ExpressionError, ExpressionParseError, ValueError, TypeError, AttributeError, RecursionError):
            return ""  # the library lets several kinds escape for malformed text
        return str(parsed) if parsed is not None else ""

    def combined(self, texts: tuple[str, ...]) -> str:
        """One expression for several declarations (all of them apply), "" when one of them is none."""
        found = [self.spdx(text) for text in texts]
        if not found or "" in found:
            return ""
        return found[0] if len(found) == 1 else " AND ".join(f"({t})" if " " in t else t for t in sorted(set(found)))

    def cyclonedx(self, texts: tuple[str, ...], acknowledgement: str = "declared") -> list[dict[str, Any]]:
        """The `licenses` of a component: an id of the schema's list, one expression, or names of no known licence."""
        whole = self.combined(texts)
        if whole in self._listed:
            return [{"license": {"id": whole, "acknowledgement": acknowledgement}}]
        if whole:
            return [{"expression": whole, "acknowledgement": acknowledgement}]
        return [
            {"license": {**self._one(text), "acknowledgement": acknowledgement}} for text in sorted(set(texts)) if text
        ]

    def _one(self, text: str) -> dict[str, str]:
        """An id beside names is an id; an expression may not stand there, and is a name."""
        own = self.spdx(text)
        return {"id": own} if own in self._listed else {"name": text}


def concluded(component: Component) -> bool:
    """Whether what a component declares is concluded too: only where the package itself was at hand.

    What a lock repeats of a registry is declared, and nothing is concluded from it.
    """
    return component.installed and bool(component.licenses)
