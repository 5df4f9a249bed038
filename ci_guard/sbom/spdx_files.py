"""The files of an SPDX 2.3 document, and what their package says of them as a whole (sections 7.9, 7.14 and 8)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ci_guard.model.component import Component, Hash
from ci_guard.sbom.spdx_licenses import UNKNOWN

_ALGORITHMS = {"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}


def checksums_of(hashes: Iterable[Hash]) -> list[dict[str, str]]:
    """The hashes that SPDX has a name for."""
    return [
        {"algorithm": _ALGORITHMS[h.algorithm], "checksumValue": h.value} for h in hashes if h.algorithm in _ALGORITHMS
    ]


def is_spdx_file(component: Component) -> bool:
    """Whether a component is a file in SPDX's sense: its SHA-1 is known, without which there is none."""
    return component.type == "file" and any(h.algorithm == "sha1" for h in component.hashes)


def spdx_file(component: Component, identifier: str, expression: Callable[[tuple[str, ...]], str]) -> dict[str, Any]:
    """The file; `expression` writes licences down. What stands in it is found, and nothing is concluded from that."""
    return {
        "SPDXID": identifier,
        "fileName": f"./{component.name}",
        "fileTypes": ["TEXT"],
        "checksums": checksums_of(sorted(component.hashes)),
        "licenseConcluded": UNKNOWN,
        "licenseInfoInFiles": [expression((text,)) for text in component.licenses] or [UNKNOWN],
        "copyrightText": component.copyright or UNKNOWN,
    }


def analysed(files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the package of these files says: the verification code, and the licences found; nothing without files."""
    if not files:
        return {}
    digests = sorted(c["checksumValue"] for file in files for c in file["checksums"] if c["algorithm"] == "SHA1")
    # The standard's own algorithm: it names the set of files, and protects nothing. SHA-256 and 512 stand beside.
    code = hashlib.sha1("".join(digests).encode("ascii"), usedforsecurity=False).hexdigest()
    found = sorted({text for file in files for text in file["licenseInfoInFiles"]} - {UNKNOWN})
    return {
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": code},
        "licenseInfoFromFiles": found or [UNKNOWN],
    }
