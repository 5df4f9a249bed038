"""Names of subjects, as a trust policy spells them (RFC 4514) and as certificates have them.

Source: notaryproject/specifications, `trust-store-trust-policy.md`, "Trusted identities constraints".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cryptography import x509
from cryptography.x509.oid import NameOID

from ci_guard.attestation.protojson import quoted

Attributes = Mapping[str, str]
"""Type (`C`, `ST`, `O`, `CN` …) -> value; each type once."""
_MANDATORY = ("C", "ST", "O")
_TYPES: Mapping[x509.ObjectIdentifier, str] = {
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COMMON_NAME: "CN",
    NameOID.STREET_ADDRESS: "STREET",
    NameOID.POSTAL_CODE: "POSTALCODE",
    NameOID.SERIAL_NUMBER: "SERIALNUMBER",
}
_PART = re.compile(r"""\s*([A-Za-z0-9.]+)\s*=\s*((?:\\[,+"\\<>;= #]|\\[0-9A-Fa-f]{2}|[^,+"\\<>;])*?)\s*(,|\Z)""")
_ESCAPED = re.compile(r"""((?:\\[0-9A-Fa-f]{2})+)|\\([,+"\\<>;= #])""")


def parse_name(text: str) -> Attributes:
    """The attributes of a policy's identity. Raises ValueError; also for one that names too few to mean anybody."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text) or not found:
        part = _PART.match(text, position)
        if not part:
            raise ValueError("is not TYPE=VALUE, TYPE=VALUE … as RFC 4514 has it, or has several values in one part")
        kind, value = part.group(1).upper(), _ESCAPED.sub(_unescape, part.group(2))
        kind = "ST" if kind == "S" else kind
        if kind in found or not value or value.startswith("#"):
            raise ValueError(f"names {kind} twice, without a value, or encoded")
        found[kind] = value
        position = part.end()
    missing = [kind for kind in _MANDATORY if kind not in found]
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}: C, ST and O are needed")
    return found


def _unescape(match: re.Match[str]) -> str:
    if match.group(2):
        return match.group(2)
    return bytes.fromhex(match.group(1).replace("\\", "")).decode("utf-8")  # UnicodeDecodeError is a ValueError


def attributes_of(name: x509.Name) -> Attributes:
    """The attributes of a certificate's subject. Raises ValueError for a type that stands there twice."""
    found: dict[str, str] = {}
    for attribute in name:
        kind = _TYPES.get(attribute.oid, attribute.oid.dotted_string)
        if kind in found:
            raise ValueError(f"the subject has {kind} twice")
        value = attribute.value
        found[kind] = value if isinstance(value, str) else value.hex()
    return found


def matches(wanted: Attributes, subject: Attributes) -> bool:
    """Whether the subject has every attribute that is wanted."""
    return all(subject.get(kind) == value for kind, value in wanted.items())


def spelled(attributes: Attributes) -> str:
    """For people."""
    return quoted(", ".join(f"{kind}={value}" for kind, value in attributes.items()))


def described(name: x509.Name) -> str:
    """Any subject, for people: also one that no policy could name."""
    parts = (f"{_TYPES.get(part.oid, part.oid.dotted_string)}={part.value!s}" for part in name)
    return quoted(", ".join(parts))
