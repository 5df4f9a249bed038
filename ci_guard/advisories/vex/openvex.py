"""OpenVEX 0.2.0. Source: https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.advisories.vex.fields import Reader, joined
from ci_guard.advisories.vex.statement import AFFECTED, FIXED, INVESTIGATED, NOT_AFFECTED, Product, Statement
from ci_guard.model.location import NodePath

STATUSES = (NOT_AFFECTED, AFFECTED, FIXED, INVESTIGATED)


def statements(reader: Reader, top: Mapping[str, Any]) -> Iterator[Statement]:
    """Every statement; what a statement does not say itself, the document says for it."""
    author, when = reader.text(top, "author", ()), reader.text(top, "timestamp", ())
    for path, row in reader.rows(top, "statements", ()):
        status = reader.text(row, "status", path)
        if status not in STATUSES:
            raise reader.error(path, f"status is one of {', '.join(STATUSES)}, not {status[:40]!r}")
        yield Statement(
            ids=frozenset(_ids(reader, row, path)),
            status=status,
            products=tuple(_products(reader, row, path)),
            reason=joined(
                *(reader.text(row, key, path) for key in ("justification", "impact_statement", "status_notes"))
            ),
            location=reader.place((*path, "status")),
            when=reader.text(row, "last_updated", path) or reader.text(row, "timestamp", path) or when,
            author=author,
        )


def _ids(reader: Reader, row: Mapping[str, Any], path: NodePath) -> Iterator[str]:
    """Up to 0.0.1 `vulnerability` was a text, since then an object."""
    if isinstance(row.get("vulnerability"), str):
        yield str(row["vulnerability"])
        return
    at = (*path, "vulnerability")
    table = reader.table(row.get("vulnerability"), at)
    name = reader.text(table, "name", at) or reader.text(table, "@id", at).rstrip("/").rpartition("/")[2]
    if not name:
        raise reader.error(path, "a statement names its vulnerability")
    yield name
    yield from reader.texts(table, "aliases", at)


def _products(reader: Reader, row: Mapping[str, Any], path: NodePath) -> Iterator[Product]:
    for at, item in reader.items(row, "products", path):
        table = {"@id": item} if isinstance(item, str) else reader.table(item, at)
        purl = _purl(reader, table, at)
        inner = reader.items(table, "subcomponents", at)
        if not inner:
            yield Product(purl)
        for below, part in inner:
            yield Product(
                purl, _purl(reader, {"@id": part} if isinstance(part, str) else reader.table(part, below), below)
            )


def _purl(reader: Reader, table: Mapping[str, Any], path: NodePath) -> str:
    identifiers = reader.table(table.get("identifiers"), (*path, "identifiers"))
    return reader.text(identifiers, "purl", path) or reader.text(table, "@id", path)
