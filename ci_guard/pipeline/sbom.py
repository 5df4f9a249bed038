"""The SBOM stage: what was gathered becomes a document."""

from __future__ import annotations

from ci_guard.model.component import Inventory
from ci_guard.sbom.metadata import Metadata

FORMATS = ("cyclonedx", "spdx")
"""The document formats that `render` writes: CycloneDX 1.6 JSON and SPDX 2.3 JSON."""


def render(document_format: str, inventory: Inventory, metadata: Metadata) -> bytes:
    """The inventory as a document of one of `FORMATS`; the same inventory and metadata give the same bytes."""
    # Imported here: each format is heavy, and most commands need one of them or none.
    if document_format == "spdx":
        from ci_guard.sbom import spdx

        return spdx.write(inventory, metadata)
    from ci_guard.sbom import cyclonedx

    return cyclonedx.write(inventory, metadata)
