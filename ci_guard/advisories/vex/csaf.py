"""CSAF 2.0 VEX profile. Source: https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ci_guard.advisories.vex.fields import Reader, joined
from ci_guard.advisories.vex.statement import AFFECTED, FIXED, INVESTIGATED, NOT_AFFECTED, Product, Statement
from ci_guard.model.location import NodePath

STATUSES: Final = {
    "known_not_affected": NOT_AFFECTED,
    "fixed": FIXED,
    "first_fixed": FIXED,
    "known_affected": AFFECTED,
    "first_affected": AFFECTED,
    "last_affected": AFFECTED,
    "under_investigation": INVESTIGATED,
}


def statements(reader: Reader, top: Mapping[str, Any]) -> Iterator[Statement]:
    """One statement for each vulnerability, status and product."""
    document = reader.table(top.get("document"), ("document",))
    tracking = reader.table(document.get("tracking"), ("document", "tracking"))
    when = reader.text(tracking, "current_release_date", ("document", "tracking"))
    publisher = reader.table(document.get("publisher"), ("document", "publisher"))
    author = reader.text(publisher, "name", ("document", "publisher"))
    products = _products(reader, reader.table(top.get("product_tree"), ("product_tree",)))
    for path, row in reader.rows(top, "vulnerabilities", ()):
        names = {reader.text(row, "cve", path), *(reader.text(r, "text", p) for p, r in reader.rows(row, "ids", path))}
        reasons = _reasons(reader, row, path)
        at = (*path, "product_status")
        for key, ids in reader.table(row.get("product_status"), at).items():
            if key not in STATUSES:
                continue  # `recommended` claims nothing
            for number, product in enumerate(reader.texts({key: ids}, key, at)):
                yield Statement(
                    ids=frozenset(names - {""}),
                    status=STATUSES[key],
                    products=(products.get(product, Product(product)),),
                    reason=joined(*reasons[product]),
                    location=reader.place((*at, key, number)),
                    when=when,
                    author=author,
                )


def _reasons(reader: Reader, row: Mapping[str, Any], path: NodePath) -> defaultdict[str, list[str]]:
    """Product -> its machine-readable flags and the described impact."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, words in (("flags", "label"), ("threats", "details")):
        for at, item in reader.rows(row, key, path):
            if key == "threats" and reader.text(item, "category", at) != "impact":
                continue
            for product in reader.texts(item, "product_ids", at):
                found[product].append(reader.text(item, words, at))
    return found


def _products(reader: Reader, tree: Mapping[str, Any]) -> dict[str, Product]:
    """Product id -> its purl; what is installed in another is a component of that one."""
    purls: dict[str, str] = {}
    pending: list[tuple[NodePath, Mapping[str, Any]]] = [(("product_tree",), tree)]
    while pending:
        path, node = pending.pop()
        pending += reader.rows(node, "branches", path)
        named = reader.rows(node, "full_product_names", path)
        for at, product in [*named, ((*path, "product"), reader.table(node.get("product"), (*path, "product")))]:
            purls |= _named(reader, product, at)
    products = {name: Product(purl) for name, purl in purls.items()}
    for at, row in reader.rows(tree, "relationships", ("product_tree",)):
        inner, outer = (reader.text(row, f"{key}product_reference", at) for key in ("", "relates_to_"))
        name = reader.text(reader.table(row.get("full_product_name"), at), "product_id", at)
        products[name] = Product(purls.get(outer, outer), purls.get(inner, inner))
    return products


def _named(reader: Reader, product: Mapping[str, Any], path: NodePath) -> dict[str, str]:
    helper = reader.table(product.get("product_identification_helper"), (*path, "product_identification_helper"))
    purl, name = reader.text(helper, "purl", path), reader.text(product, "product_id", path)
    return {name: purl} if name and purl else {}
