"""The files of a set of manifests as components: checksums, and the licence and copyright that each states itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from ci_guard.model.component import Component, Edge, Hash, Inventory
from ci_guard.model.location import Location
from ci_guard.sbom.deployed import Workload, workload_ref

_ALGORITHMS = ("sha1", "sha256", "sha512")
"""SPDX 2.3 asks for SHA-1 (section 8.4), BSI for SHA-512; what is relied on is SHA-256."""

_HEAD = 64 * 1024  # bytes; such lines stand at the top
_TAG = re.compile(r"SPDX-(License-Identifier|FileCopyrightText):[ \t]*(.*?)[ \t]*(?:\*/|-->)?[ \t]*\r?$", re.MULTILINE)


def file_component(path: str, data: bytes) -> Component:
    """One file by its path from the root of the set."""
    said = _TAG.findall(data[:_HEAD].decode("utf-8", "replace"))
    digests = {algorithm: hashlib.new(algorithm, data, usedforsecurity=False) for algorithm in _ALGORITHMS}
    return Component(
        ref=f"file:{path}",
        name=path,
        type="file",
        hashes=tuple(sorted(Hash(algorithm, digest.hexdigest()) for algorithm, digest in digests.items())),
        licenses=tuple(dict.fromkeys(text for tag, text in said if tag == "License-Identifier" and text)),
        locations=(Location(path),),
        copyright="\n".join(dict.fromkeys(text for tag, text in said if tag == "FileCopyrightText" and text)),
    )


def files_inventory(files: Iterable[Component], workloads: Iterable[Workload]) -> Inventory:
    """The files, each a root, and which workload came from which of them."""
    listed = tuple(files)
    refs = {component.ref for component in listed}
    made = {Edge(workload_ref(w), f"file:{w.location.path}", "generated-from") for w in workloads}
    return Inventory(
        components=listed,
        edges=tuple(sorted(edge for edge in made if edge.target in refs)),
        roots=tuple(sorted(refs)),
        complete=frozenset(refs),
    )
