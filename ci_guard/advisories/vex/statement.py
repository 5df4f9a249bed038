"""A VEX statement, whether it speaks of a component, and why not."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Final

from ci_guard.advisories.vex.purls import difference
from ci_guard.model.component import Component
from ci_guard.model.finding import Finding
from ci_guard.model.location import Location
from ci_guard.model.record import record, replace
from ci_guard.model.suppression import Suppression

NOT_AFFECTED: Final = "not_affected"
FIXED: Final = "fixed"
AFFECTED: Final = "affected"
INVESTIGATED: Final = "under_investigation"
ORIGIN: Final = "vex"

_EXPIRES: Final = re.compile(r"\bexpires:?\s+([0-9]{4}-[0-9]{2}-[0-9]{2})\b", re.IGNORECASE)
_MAX_TOLD: Final = 5  # statements that do not apply, told of one finding
_MAX_REASON: Final = 500


@record
class Product:
    """What a statement is about: `purl` alone, or the `component` inside of the product `purl`."""

    purl: str
    component: str = ""


@record
class Statement:
    """One claim. `ids` are all names of the vulnerability; `when` orders statements (RFC 3339); `reason` may be ""."""

    ids: frozenset[str]
    status: str
    products: tuple[Product, ...]
    reason: str
    location: Location
    when: str = ""
    author: str = ""

    @property
    def expires(self) -> date | None:
        """The last day on which it holds: `expires: 2027-01-31` in its words, the formats having no field for it."""
        found = _EXPIRES.search(self.reason)
        try:
            return date.fromisoformat(found[1]) if found else None
        except ValueError:
            return None

    def mismatch(self, component: Component, ours: Collection[str]) -> str:
        """Why it is not about `component` in one of the products `ours`; "" when it is."""
        reasons = [self._of_product(product, component, ours) for product in self.products]
        return "" if "" in reasons else "; ".join(dict.fromkeys(reasons)) or "it names no product"

    @staticmethod
    def _of_product(product: Product, component: Component, ours: Collection[str]) -> str:
        if not product.component:
            return difference(product.purl, component.purl)
        unlike = difference(product.component, component.purl)
        if unlike:
            return unlike
        if any(not difference(product.purl, known) or product.purl == known for known in ours):
            return ""
        return f"its product {product.purl or '(without purl)'} is none of `vex-products`"

    def refusal(self, today: date) -> str:
        """Why it accepts nothing although it is about the component; "" when it does."""
        if self.status not in {NOT_AFFECTED, FIXED}:
            return f"its status is {self.status}"
        if self.status == NOT_AFFECTED and not self.reason:
            return "it gives neither justification nor impact"
        if self.expires is not None and self.expires < today:
            return f"it expired on {self.expires.isoformat()}"
        return ""


@record
class Book:
    """All statements in force, and the purls of `ours`: the products that this repository makes."""

    statements: tuple[Statement, ...]
    ours: frozenset[str] = frozenset()

    def about(self, ids: Iterable[str]) -> list[Statement]:
        """The statements about a vulnerability by any of its names, the newest first."""
        wanted = set(ids)
        found = [s for s in self.statements if wanted & s.ids]
        return sorted(found, key=lambda s: s.when, reverse=True)

    def apply(self, finding: Finding, component: Component, ids: Sequence[str], today: date) -> Finding:
        """The finding, suppressed by the newest statement about it, or with places and reasons of those that fail."""
        told: list[Location] = []
        for statement in self.about(ids):
            unlike = statement.mismatch(component, self.ours)
            if unlike:
                told.append(_told(statement, f"is not about it: {unlike}"))
                continue
            refusal = statement.refusal(today)
            if refusal:
                told.append(_told(statement, f"accepts nothing: {refusal}"))
                break  # a newer statement takes back an older one
            return replace(finding, suppressed=_suppression(statement))
        return replace(finding, related=(*finding.related, *told[:_MAX_TOLD])) if told else finding


def _told(statement: Statement, why: str) -> Location:
    return replace(statement.location, note=f"this VEX statement {why}"[:_MAX_REASON])


def _suppression(statement: Statement) -> Suppression:
    reason = f"{statement.status}: {statement.reason}" if statement.reason else statement.status
    return Suppression(reason[:_MAX_REASON], ORIGIN, statement.location, statement.expires, statement.author)
