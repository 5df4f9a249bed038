"""Bills of materials of any tool, read into components and edges: CycloneDX 1.2 to 1.7, SPDX 2.2 and 2.3, SPDX 3 JSON.

    bill = read_bill(path, data)

What a document says is taken as it stands; what it leaves out stays "". Nothing of it is believed to be right: rules
judge it. `bill` has the records, one module a format the reading.
"""

from __future__ import annotations

from ci_guard.model.location import Location
from ci_guard.sbom.reading.bill import Bill, RefusedError
from ci_guard.sbom.reading.cyclonedx import read_cyclonedx
from ci_guard.sbom.reading.spdx import read_spdx
from ci_guard.sbom.reading.spdx_3 import read_spdx_3
from ci_guard.sbom.reading.tag_value import is_tag_value, parse_tag_value
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.json_documents import read_json
from ci_guard.source.json_places import JsonPlaces
from ci_guard.source.text import SourceText

LIMIT = 128 * 1024 * 1024
"""Bytes of one document; that of a Debian root file system with every file listed has 16 MB."""


def read_bill(path: str, data: bytes) -> Bill | Unreadable:
    """The bill of materials in `data`; `path` is what locations carry. Never raises for what the bytes hold."""
    if len(data) > LIMIT:
        return Unreadable(path, Location(path), f"larger than {LIMIT} bytes")
    text = SourceText(path, data)
    if text.problem is not None:
        return Unreadable.at(text, text.problem[1], text.problem[0])
    try:
        if is_tag_value(text.text):
            tagged = parse_tag_value(text)
            return read_spdx(path, tagged.value, tagged, tagged.flaws)
        return _read_json(text)
    except RefusedError as refusal:
        return Unreadable(path, refusal.location, refusal.reason)


def _read_json(text: SourceText) -> Bill | Unreadable:
    repeated: list[Document] = []
    document = next(read_json(text, on_repeat=repeated.append), None)
    if isinstance(document, Unreadable):
        return document
    if document is None or not isinstance(document.value, dict):
        return Unreadable.at(text, "is neither CycloneDX nor SPDX", 0)
    places = JsonPlaces(document)
    if repeated:
        return Unreadable(text.path, places.repeated_key(), "a key stands there twice: readers disagree which counts")
    value = document.value
    if value.get("bomFormat") == "CycloneDX":
        return read_cyclonedx(text.path, value, places)
    if str(value.get("spdxVersion", "")).startswith("SPDX-2."):
        return read_spdx(text.path, value, places)
    if isinstance(value.get("@graph"), list):
        return read_spdx_3(text.path, value, places)
    return Unreadable.at(text, "is neither CycloneDX nor SPDX", 0)
