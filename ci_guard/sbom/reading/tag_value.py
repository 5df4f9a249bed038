"""SPDX 2 tag-value as the same document in SPDX JSON's shape, with the line of every field.

spdx-tools reads the same file in 72 s for 1,711 packages. A line is `Tag: value`; a value in `<text>…</text>` may span
lines; `#` begins a comment line. A tag that starts an element (PackageName, FileName …) owns the tags after it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ci_guard.model.location import FieldPath, Location, NodePath, render_path
from ci_guard.sbom.reading.bill import MOST, Flaw, RefusedError
from ci_guard.source.text import SourceText

_FIELD = re.compile(r"([A-Za-z]+):")
_HEAD = re.compile(r"\s*(?:#[^\n]*\n\s*)*SPDXVersion:[ \t]*SPDX-2\.")
_CHECKSUM = re.compile(r"([A-Za-z0-9-]+):\s*(\S+)\Z")
_OPEN, _CLOSE = "<text>", "</text>"
_MOST_FLAWS = 100


class _Tag(NamedTuple):
    """Where a tag's value goes: the key of its element, and as what (`one`, `many`, or a form with parts)."""

    key: str
    kind: str = "one"


_DOCUMENT = {
    "SPDXVersion": _Tag("spdxVersion"),
    "DataLicense": _Tag("dataLicense"),
    "SPDXID": _Tag("SPDXID"),
    "DocumentName": _Tag("name"),
    "DocumentNamespace": _Tag("documentNamespace"),
    "ExternalDocumentRef": _Tag("externalDocumentRefs", "document"),
    "DocumentComment": _Tag("comment"),
}
_CREATION = {
    "Creator": _Tag("creators", "many"),
    "Created": _Tag("created"),
    "CreatorComment": _Tag("comment"),
    "LicenseListVersion": _Tag("licenseListVersion"),
}
_PACKAGE = {
    "PackageName": _Tag("name"),
    "SPDXID": _Tag("SPDXID"),
    "PackageVersion": _Tag("versionInfo"),
    "PackageFileName": _Tag("packageFileName"),
    "PackageSupplier": _Tag("supplier"),
    "PackageOriginator": _Tag("originator"),
    "PackageDownloadLocation": _Tag("downloadLocation"),
    "FilesAnalyzed": _Tag("filesAnalyzed", "truth"),
    "PackageVerificationCode": _Tag("packageVerificationCode", "code"),
    "PackageChecksum": _Tag("checksums", "checksum"),
    "PackageHomePage": _Tag("homepage"),
    "PackageSourceInfo": _Tag("sourceInfo"),
    "PackageLicenseConcluded": _Tag("licenseConcluded"),
    "PackageLicenseInfoFromFiles": _Tag("licenseInfoFromFiles", "many"),
    "PackageLicenseDeclared": _Tag("licenseDeclared"),
    "PackageLicenseComments": _Tag("licenseComments"),
    "PackageCopyrightText": _Tag("copyrightText"),
    "PackageSummary": _Tag("summary"),
    "PackageDescription": _Tag("description"),
    "PackageComment": _Tag("comment"),
    "ExternalRef": _Tag("externalRefs", "external"),
    "ExternalRefComment": _Tag("externalRefs", "external-comment"),
    "PackageAttributionText": _Tag("attributionTexts", "many"),
    "PrimaryPackagePurpose": _Tag("primaryPackagePurpose"),
    "ReleaseDate": _Tag("releaseDate"),
    "BuiltDate": _Tag("builtDate"),
    "ValidUntilDate": _Tag("validUntilDate"),
}
_FILE = {
    "FileName": _Tag("fileName"),
    "SPDXID": _Tag("SPDXID"),
    "FileType": _Tag("fileTypes", "many"),
    "FileChecksum": _Tag("checksums", "checksum"),
    "LicenseConcluded": _Tag("licenseConcluded"),
    "LicenseInfoInFile": _Tag("licenseInfoInFiles", "many"),
    "LicenseComments": _Tag("licenseComments"),
    "FileCopyrightText": _Tag("copyrightText"),
    "FileComment": _Tag("comment"),
    "FileNotice": _Tag("noticeText"),
    "FileContributor": _Tag("fileContributors", "many"),
    "FileAttributionText": _Tag("attributionTexts", "many"),
}
_LICENCE = {
    "LicenseID": _Tag("licenseId"),
    "ExtractedText": _Tag("extractedText"),
    "LicenseName": _Tag("name"),
    "LicenseCrossReference": _Tag("seeAlsos", "many"),
    "LicenseComment": _Tag("comment"),
}
_ELEMENTS = {
    "PackageName": ("packages", _PACKAGE),
    "FileName": ("files", _FILE),
    "LicenseID": ("hasExtractedLicensingInfos", _LICENCE),
}
"""The tag that starts an element -> the list that it belongs to, and its tags."""

_PASSED = re.compile(
    r"Snippet|Annot|SPDXREF\Z|Review|ArtifactOf|FileDependency\Z|RelationshipComment\Z|License(?:Concluded|Comments|InfoInSnippet)\Z"
)
"""Tags that say nothing of what is asked here, and need no check."""


def is_tag_value(text: str) -> bool:
    """Whether a text begins as a tag-value document of SPDX 2."""
    return _HEAD.match(text) is not None


class TagValue:
    """A parsed document: `value` as SPDX JSON has it; `subject.Positions` by line."""

    def __init__(self, text: SourceText) -> None:
        self.path = text.path
        self.value: dict[str, Any] = {"creationInfo": {}}
        self._text = text
        self._lines: dict[NodePath, int] = {}
        self._flaws: list[Flaw] = []
        self._here: dict[str, Any] = self.value
        self._where: NodePath = ()
        self._tags = _DOCUMENT
        self._snippet = False

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        """What the format forbids and can still be read over."""
        return tuple(self._flaws)

    def locate(self, path: NodePath, *, key: bool = False) -> Location:  # noqa: ARG002
        """The line of a field, of its element, or the first."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self.place(self._lines[path[:length]])
        return self.place(1)

    def exists(self, path: NodePath) -> bool:
        """Whether a line says it."""
        return not path or path in self._lines

    def field_path(self, path: NodePath) -> FieldPath:
        """As it would be in SPDX JSON."""
        return render_path(path)

    def place(self, line: int) -> Location:
        """What stands on a line."""
        start = self._text.offset(line, 1)
        return self._text.location(start, start + max(1, len(self._text.line(line).rstrip())))

    def take(self, number: int, tag: str, value: str) -> None:
        """One field at a line."""
        if tag == "Relationship":
            self._relationship(number, value)
        elif tag in _ELEMENTS:
            self._begin(number, *_ELEMENTS[tag])
            self._set(number, tag, self._tags[tag], value)
        elif tag.startswith("Snippet"):
            self._snippet = True
        elif tag in _CREATION:
            self._keep(number, self.value["creationInfo"], ("creationInfo",), _CREATION[tag], value)
        elif tag in _DOCUMENT and (tag != "SPDXID" or self._tags is _DOCUMENT):
            self._keep(number, self.value, (), _DOCUMENT[tag], value)
        elif tag in self._tags and not self._snippet:
            self._set(number, tag, self._tags[tag], value)
        elif not _PASSED.match(tag):
            self.complain(number, f"tag {tag[:60]} has no meaning here")

    def complain(self, number: int, reason: str) -> None:
        """Note a line that the format does not allow."""
        if len(self._flaws) < _MOST_FLAWS:
            self._flaws.append(Flaw(self.place(number), reason))

    def _begin(self, number: int, name: str, tags: dict[str, _Tag]) -> None:
        listed = self.value.setdefault(name, [])
        if len(listed) >= MOST:
            raise RefusedError(self.place(number), f"more than {MOST} {name}")
        self._here, self._where, self._tags, self._snippet = {}, (name, len(listed)), tags, False
        self._lines[self._where] = number
        listed.append(self._here)

    def _set(self, number: int, tag: str, known: _Tag, value: str) -> None:
        if known.kind == "one" and known.key in self._here:
            self.complain(number, f"{tag} stands here a second time")
        self._keep(number, self._here, self._where, known, value)

    def _keep(self, number: int, element: dict[str, Any], where: NodePath, tag: _Tag, value: str) -> None:
        if tag.kind == "one":
            self._lines[*where, tag.key] = number
            element[tag.key] = value
        elif tag.kind == "many":
            listed = element.setdefault(tag.key, [])
            self._lines[*where, tag.key, len(listed)] = number
            listed.append(value)
        else:
            self._parts(number, element, where, tag, value)

    def _parts(self, number: int, element: dict[str, Any], where: NodePath, tag: _Tag, value: str) -> None:
        """Values that are tables in JSON."""
        if tag.kind == "truth":
            self._lines[*where, tag.key] = number
            element[tag.key] = {"true": True, "false": False}.get(value.lower(), value)
        elif tag.kind == "code":
            element[tag.key] = {"packageVerificationCodeValue": value.partition(" ")[0]}
        elif tag.kind == "external-comment":
            if element.get(tag.key):
                element[tag.key][-1]["comment"] = value
        else:
            made = _TABLES[tag.kind](value)
            if made is None:
                self.complain(number, f"{value[:60]!r} is no {tag.kind} as SPDX writes it")
                return
            listed = element.setdefault(tag.key, [])
            self._lines[*where, tag.key, len(listed)] = number
            listed.append(made)

    def _relationship(self, number: int, value: str) -> None:
        parts = value.split()
        if len(parts) != 3:
            self.complain(number, "a relationship has three words: element, type, related element")
            return
        listed = self.value.setdefault("relationships", [])
        if len(listed) >= 4 * MOST:
            raise RefusedError(self.place(number), "too many relationships")
        self._lines["relationships", len(listed)] = number
        listed.append({"spdxElementId": parts[0], "relationshipType": parts[1], "relatedSpdxElement": parts[2]})


def _checksum(value: str) -> dict[str, str] | None:
    match = _CHECKSUM.match(value)
    return {"algorithm": match[1], "checksumValue": match[2]} if match else None


def _external(value: str) -> dict[str, str] | None:
    parts = value.split(None, 2)
    if len(parts) != 3:
        return None
    return {"referenceCategory": parts[0], "referenceType": parts[1], "referenceLocator": parts[2]}


def _document(value: str) -> dict[str, Any] | None:
    parts = value.split(None, 2)
    checksum = _checksum(parts[2]) if len(parts) == 3 else None
    return {"externalDocumentId": parts[0], "spdxDocument": parts[1], "checksum": checksum} if checksum else None


_TABLES = {"checksum": _checksum, "external": _external, "document": _document}


def parse_tag_value(text: SourceText) -> TagValue:
    """The document. Raises RefusedError at the line that is no field, or where a text is opened and never closed."""
    out = TagValue(text)
    number, last = 1, text.line_count
    while number <= last:
        line, begun = text.line(number).strip(), number
        field = _FIELD.match(line)
        if field is not None:
            value = line[field.end() :].strip()
            if value.startswith(_OPEN):
                number, value = _whole(out, text, number, value[len(_OPEN) :])
            out.take(begun, field[1], value)
        elif line and not line.startswith("#"):
            raise RefusedError(out.place(begun), "is no `Tag: value`, no comment and inside no <text>")
        number += 1
    return out


def _whole(out: TagValue, text: SourceText, number: int, first: str) -> tuple[int, str]:
    """The line on which a text ends, and the text. What stands behind its end is left out, as other readers do."""
    begun, lines, line = number, [], first
    while _CLOSE not in line:
        lines.append(line)
        number += 1
        if number > text.line_count:
            raise RefusedError(out.place(begun), "a <text> begins here and never ends")
        line = text.line(number)
    return number, "\n".join([*lines, line.partition(_CLOSE)[0]])
