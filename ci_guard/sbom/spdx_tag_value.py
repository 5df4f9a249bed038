"""An SPDX 2.3 document in the tag-value syntax: the same tables as the JSON, one tag a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

_Lines = Iterator[str]
_TEXT_END = "</text>"
_KEYWORDS = frozenset({"NOASSERTION", "NONE"})


def encode(document: Mapping[str, Any]) -> bytes:
    """`document` (as the JSON syntax has it) as tag-value: UTF-8, one final newline, a blank line before each element.

    Files stand before all packages: a reader takes a file below a package for a file of that package, and here the
    relationships say that.
    """
    parts = [_head(document)]
    parts += [_fields(file, _FILE) for file in document.get("files", ())]
    parts += [_fields(package, _PACKAGE) for package in document["packages"]]
    parts += [_fields(info, _LICENSE) for info in document.get("hasExtractedLicensingInfos", ())]
    relations = (
        f"{r['spdxElementId']} {r['relationshipType']} {r['relatedSpdxElement']}" for r in document["relationships"]
    )
    parts.append(_line("Relationship", text) for text in relations)
    return ("\n\n".join("\n".join(part) for part in parts) + "\n").encode("utf-8", "replace")


def _head(document: Mapping[str, Any]) -> _Lines:
    made = document["creationInfo"]
    yield _line("SPDXVersion", document["spdxVersion"])
    yield _line("DataLicense", document["dataLicense"])
    yield _line("SPDXID", document["SPDXID"])
    yield _line("DocumentName", document["name"])
    yield _line("DocumentNamespace", document["documentNamespace"])
    for creator in made["creators"]:
        yield _line("Creator", creator)
    yield _line("Created", made["created"])
    yield _text("CreatorComment", made["comment"])


def _line(tag: str, value: str) -> str:
    """A value that ends with its line; what would end it sooner becomes a blank."""
    return f"{tag}: {' '.join(value.splitlines()) if not value.isprintable() else value}"


def _text(tag: str, value: str) -> str:
    """A value of several lines. The syntax has no escape for its end, so that is taken apart."""
    if value in _KEYWORDS:
        return f"{tag}: {value}"
    return f"{tag}: <text>{value.replace(_TEXT_END, '< /text>')}{_TEXT_END}"


def _words(tag: str, value: bool) -> str:
    return f"{tag}: {'true' if value else 'false'}"


def _checksum(tag: str, value: Mapping[str, str]) -> str:
    return f"{tag}: {value['algorithm']}: {value['checksumValue']}"


def _reference(tag: str, value: Mapping[str, str]) -> str:
    return _line(tag, f"{value['referenceCategory']} {value['referenceType']} {value['referenceLocator']}")


def _code(tag: str, value: Mapping[str, str]) -> str:
    return f"{tag}: {value['packageVerificationCodeValue']}"


_Row = tuple[str, str, Callable[[str, Any], str]]
"""Key of the JSON syntax, tag, and how its value is written; a list is one line a member."""

_PACKAGE: tuple[_Row, ...] = (
    ("name", "PackageName", _line),
    ("SPDXID", "SPDXID", _line),
    ("versionInfo", "PackageVersion", _line),
    ("packageFileName", "PackageFileName", _line),
    ("supplier", "PackageSupplier", _line),
    ("downloadLocation", "PackageDownloadLocation", _line),
    ("filesAnalyzed", "FilesAnalyzed", _words),
    ("packageVerificationCode", "PackageVerificationCode", _code),
    ("checksums", "PackageChecksum", _checksum),
    ("homepage", "PackageHomePage", _line),
    ("sourceInfo", "PackageSourceInfo", _text),
    ("licenseConcluded", "PackageLicenseConcluded", _line),
    ("licenseInfoFromFiles", "PackageLicenseInfoFromFiles", _line),
    ("licenseDeclared", "PackageLicenseDeclared", _line),
    ("licenseComments", "PackageLicenseComments", _text),
    ("copyrightText", "PackageCopyrightText", _text),
    ("comment", "PackageComment", _text),
    ("externalRefs", "ExternalRef", _reference),
    ("primaryPackagePurpose", "PrimaryPackagePurpose", _line),
)
_FILE: tuple[_Row, ...] = (
    ("fileName", "FileName", _line),
    ("SPDXID", "SPDXID", _line),
    ("fileTypes", "FileType", _line),
    ("checksums", "FileChecksum", _checksum),
    ("licenseConcluded", "LicenseConcluded", _line),
    ("licenseInfoInFiles", "LicenseInfoInFile", _line),
    ("copyrightText", "FileCopyrightText", _text),
)
_LICENSE: tuple[_Row, ...] = (
    ("licenseId", "LicenseID", _line),
    ("extractedText", "ExtractedText", _text),
    ("name", "LicenseName", _line),
)


def _fields(element: Mapping[str, Any], rows: tuple[_Row, ...]) -> _Lines:
    for key, tag, write in rows:
        if key in element:
            values = element[key] if isinstance(element[key], list) else [element[key]]
            yield from (write(tag, value) for value in values)
