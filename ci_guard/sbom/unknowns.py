"""What a document does not know of its components, counted field by field: NTIA's, CISA's and BSI's fields."""

from __future__ import annotations

from collections.abc import Callable

from ci_guard.model.component import Component, Inventory
from ci_guard.sbom.licenses import concluded
from ci_guard.sbom.metadata import Metadata
from ci_guard.sbom.shipped import file_name
from ci_guard.sbom.suppliers import supplier


def unknowns(inventory: Inventory, metadata: Metadata) -> list[tuple[str, str]]:
    """(field, words), sorted: of the document, of how many components, and what could not be read."""
    lacks: dict[str, Callable[[Component], bool]] = {
        # A file of the set is supplied with it, and its checksum is its version.
        "supplier": lambda c: c.type != "file" and supplier(c) is None,
        "version": lambda c: c.type != "file" and not c.version,
        "hashes": lambda c: not c.hashes and not any(d.hashes for d in c.distributions),
        "licenses": lambda c: not c.licenses,
        "licenses-concluded": lambda c: not concluded(c),
        "copyright": lambda c: not c.copyright,
        "filename": lambda c: not file_name(c),
    }
    listed = [] if metadata.author else [("author", "not stated")]
    listed += [] if metadata.supplier else [("document-supplier", "not stated")]
    total = len(inventory.components)
    for field, lacking in lacks.items():
        count = sum(map(lacking, inventory.components))
        listed += [(field, f"not known of {count} of {total} components")] if count else []
    return sorted(listed + [("input", text) for text in inventory.unknown])
