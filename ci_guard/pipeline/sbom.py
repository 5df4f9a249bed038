"""The SBOM stage: what was gathered becomes a document."""

from __future__ import annotations

from ci_guard.model.component import Inventory
from ci_guard.sbom.metadata import Metadata

FORMATS = ("cyclonedx", "cyclonedx-1.7", "cyclonedx-gitlab", "spdx", "spdx-tag-value", "spdx-3")
"""What `render` writes: CycloneDX 1.6, 1.7, and 1.6 for GitLab, JSON; SPDX 2.3, JSON and tag-value; SPDX 3.0.1."""


def render(document_format: str, inventory: Inventory, metadata: Metadata) -> bytes:
    """The inventory as a document of one of `FORMATS`; the same inventory and metadata give the same bytes."""
    # Imported here: most commands need one of them or none.
    if document_format == "spdx-3":
        from ci_guard.sbom import spdx_3

        return spdx_3.write(inventory, metadata)
    if document_format.startswith("spdx"):
        from ci_guard.sbom import spdx

        write = spdx.write_tag_value if document_format == "spdx-tag-value" else spdx.write
        return write(inventory, metadata)
    from ci_guard.sbom import cyclonedx

    version = "1.7" if document_format == "cyclonedx-1.7" else "1.6"
    return cyclonedx.write(inventory, metadata, version, gitlab=document_format == "cyclonedx-gitlab")
