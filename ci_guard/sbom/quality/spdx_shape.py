"""SPDX 2.2 and 2.3 as a JSON Schema of our own: the fields that a document must have, and the form of some.

From clauses 6 to 11 of the specification (https://spdx.github.io/spdx-spec/v2.3/). Fields that are not named here may
stand there with any value. The tests hold it against spdx-tools' validator.
"""

from __future__ import annotations

from typing import Any, Final

_TEXT: Final = {"type": "string", "minLength": 1}
_ID: Final = {"type": "string", "pattern": r"^(DocumentRef-[A-Za-z0-9.+-]+:)?SPDXRef-[A-Za-z0-9.-]+$"}
_OWN_ID: Final = {"type": "string", "pattern": r"^SPDXRef-[A-Za-z0-9.-]+$"}
_TIME: Final = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"}
_ACTOR: Final = r"(Person|Organization): [^()]+(\([^()]*\))?"
_HEX: Final = {
    "MD5": 32,
    "SHA1": 40,
    "SHA224": 56,
    "SHA256": 64,
    "SHA384": 96,
    "SHA512": 128,
    "SHA3-256": 64,
    "SHA3-384": 96,
    "SHA3-512": 128,
    "BLAKE2b-256": 64,
    "BLAKE2b-384": 96,
    "BLAKE2b-512": 128,
}
_LOOSE: Final = ("MD2", "MD4", "MD6", "BLAKE3", "ADLER32")
_DOWNLOAD: Final = (
    r"^(NONE|NOASSERTION|((git|hg|svn|bzr)\+)?(https?|ssh|git|ftp|sftp|svn|rsync|file)://\S+|git\+git@\S+|git@\S+"
    r"|bzr\+lp:\S+)$"
)
_PURPOSES: Final = (
    "^(APPLICATION|FRAMEWORK|LIBRARY|CONTAINER|OPERATING[-_]SYSTEM|DEVICE|FIRMWARE|SOURCE|ARCHIVE|FILE|INSTALL|OTHER)$"
)
_RELATIONSHIPS: Final = (
    r"^("
    "DESCRIBES|DESCRIBED_BY|CONTAINS|CONTAINED_BY|DEPENDS_ON|DEPENDENCY_OF|DEPENDENCY_MANIFEST_OF|"
    "BUILD_DEPENDENCY_OF|DEV_DEPENDENCY_OF|OPTIONAL_DEPENDENCY_OF|PROVIDED_DEPENDENCY_OF|TEST_DEPENDENCY_OF|"
    "RUNTIME_DEPENDENCY_OF|EXAMPLE_OF|GENERATES|GENERATED_FROM|ANCESTOR_OF|DESCENDANT_OF|VARIANT_OF|"
    "DISTRIBUTION_ARTIFACT|PATCH_FOR|PATCH_APPLIED|COPY_OF|FILE_ADDED|FILE_DELETED|FILE_MODIFIED|"
    "EXPANDED_FROM_ARCHIVE|DYNAMIC_LINK|STATIC_LINK|DATA_FILE_OF|TEST_CASE_OF|BUILD_TOOL_OF|DEV_TOOL_OF|"
    "TEST_OF|TEST_TOOL_OF|DOCUMENTATION_OF|OPTIONAL_COMPONENT_OF|METAFILE_OF|PACKAGE_OF|AMENDS|"
    "PREREQUISITE_FOR|HAS_PREREQUISITE|REQUIREMENT_DESCRIPTION_FOR|SPECIFICATION_FOR|OTHER"
    r")$"
)


def _object(required: tuple[str, ...], **fields: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": fields}


def _list(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


def _checksum() -> dict[str, Any]:
    lengths = [
        _object((), algorithm={"const": name}, checksumValue={"pattern": f"^[0-9a-f]{{{digits}}}$"})
        for name, digits in _HEX.items()
    ]
    shape = _object(
        ("algorithm", "checksumValue"), algorithm={"enum": [*_HEX, *_LOOSE]}, checksumValue={"type": "string"}
    )
    loose = _object((), algorithm={"enum": list(_LOOSE)}, checksumValue={"pattern": "^[0-9a-f]+$"})
    return {**shape, "anyOf": [*lengths, loose]}


_LOCATORS: Final = {
    "cpe22Type": r"^cpe:/[aho]?\S*$",
    "cpe23Type": r"^cpe:2\.3:[aho*-](:[^\s:]+|:\S*\\:\S*){10,}$",
    "purl": r"^pkg:[A-Za-z][A-Za-z0-9.+-]*/\S+$",
    "gitoid": r"^gitoid:(blob|tree|commit|tag):(sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64})$",
    "swh": r"^swh:1:(snp|rel|rev|dir|cnt):[0-9a-f]{40}$",
    "swid": r"^swid:\S+$",
}
_KINDS: Final = {
    "SECURITY": ["cpe22Type", "cpe23Type", "advisory", "fix", "url", "swid"],
    "PACKAGE[-_]MANAGER": ["maven-central", "npm", "nuget", "bower", "purl"],
    "PERSISTENT[-_]ID": ["swh", "gitoid"],
}


def _reference() -> dict[str, Any]:
    kinds = [
        {
            "if": _object((), referenceCategory={"pattern": f"^{category}$"}),
            "then": _object((), referenceType={"enum": known}),
        }
        for category, known in _KINDS.items()
    ]
    forms = [
        {
            "if": _object((), referenceType={"const": kind}, referenceCategory={"pattern": "^[SP]"}),
            "then": _object((), referenceLocator={"pattern": form}),
        }
        for kind, form in _LOCATORS.items()
    ]
    categories = "|".join([*_KINDS, "OTHER"])
    shape = _object(
        ("referenceCategory", "referenceType", "referenceLocator"),
        referenceCategory={"type": "string", "pattern": f"^({categories})$"},
        referenceType=_TEXT,
        referenceLocator={"type": "string", "pattern": r"^\S+$"},
    )
    return {**shape, "allOf": [*kinds, *forms]}


_ANY: Final = {"type": "string"}
_PACKAGE: Final = _object(
    ("SPDXID", "name", "downloadLocation"),
    SPDXID=_OWN_ID,
    name=_TEXT,
    versionInfo={"type": "string"},
    downloadLocation={"type": "string", "pattern": _DOWNLOAD},
    filesAnalyzed={"type": "boolean"},
    supplier={"type": "string", "pattern": f"^({_ACTOR}|NOASSERTION)$"},
    originator={"type": "string", "pattern": f"^({_ACTOR}|NOASSERTION)$"},
    checksums=_list(_checksum()),
    licenseConcluded=_TEXT,
    licenseDeclared=_TEXT,
    copyrightText={"type": "string"},
    externalRefs=_list(_reference()),
    **dict.fromkeys(("homepage", "sourceInfo", "summary", "description", "comment", "licenseComments"), _ANY),
    primaryPackagePurpose={"type": "string", "pattern": _PURPOSES},
    releaseDate=_TIME,
    builtDate=_TIME,
    validUntilDate=_TIME,
)
_FILE: Final = _object(
    ("SPDXID", "fileName", "checksums"),
    SPDXID=_OWN_ID,
    fileName={"type": "string", "pattern": "^[^/]"},
    checksums=_list(_checksum(), 1),
    licenseConcluded=_TEXT,
    licenseInfoInFiles=_list(_TEXT),
    copyrightText=_ANY,
)
_END: Final = {"anyOf": [_ID, {"enum": ["NONE", "NOASSERTION"]}]}
_RELATIONSHIP: Final = _object(
    ("spdxElementId", "relationshipType", "relatedSpdxElement"),
    spdxElementId=_ID,
    relationshipType={"type": "string", "pattern": _RELATIONSHIPS},
    relatedSpdxElement=_END,
    comment=_ANY,
)
_LICENCE: Final = _object(
    ("licenseId", "extractedText"),
    licenseId={"type": "string", "pattern": r"^LicenseRef-[A-Za-z0-9.+-]+$"},
    extractedText=_TEXT,
)
_CREATION: Final = _object(
    ("created", "creators"),
    created=_TIME,
    comment=_ANY,
    licenseListVersion={"type": "string", "pattern": r"^[0-9]+\.[0-9]+(\.[0-9]+)?$"},
    creators=_list({"type": "string", "pattern": f"^(Tool: .+|{_ACTOR})$"}, 1),
)

SPDX_2: Final = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        ("spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"),
        spdxVersion={"enum": ["SPDX-2.2", "SPDX-2.3"]},
        dataLicense={"const": "CC0-1.0"},
        SPDXID={"const": "SPDXRef-DOCUMENT"},
        name=_TEXT,
        documentNamespace={"type": "string", "format": "uri", "pattern": "^[^#]+$"},
        creationInfo=_CREATION,
        packages=_list(_PACKAGE),
        files=_list(_FILE),
        relationships=_list(_RELATIONSHIP),
        hasExtractedLicensingInfos=_list(_LICENCE),
    ),
}
