"""in-toto's own metadata, read: signed layouts and links, in either envelope (Metablock, DSSE).

The `in-toto` package parses and verifies; what a stranger wrote is bounded and looked through before it gets there,
and none of its many kinds of exceptions comes out of here but as VerificationError.

Source: in-toto specification 1.0, sections 4.2 to 4.4; https://github.com/in-toto/in-toto 3.1.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from in_toto.models.metadata import Envelope, Metadata
from securesystemslib.exceptions import Error as SecureSystemsError
from securesystemslib.signer import SSlibKey

from ci_guard.attestation import protojson
from ci_guard.attestation.dsse import IN_TOTO
from ci_guard.attestation.protojson import quoted
from ci_guard.model.errors import InputError, VerificationError

MAX_BYTES = 16_000_000
MAX_STEPS = 200
MAX_KEYS = 200
_MAX_RULES = 1_000
_MAX_ARTIFACTS = 100_000
_DEPTH = 32
_MAX_PATTERN = 1_024
_LONGEST_WORDS = 300
_KEY_ID = re.compile(r"[0-9a-f]{8,128}\Z")
_NAME = re.compile(r"[^/\\\x00-\x1f]{1,200}\Z")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z\Z", re.ASCII)
_THEIRS = (
    SecureSystemsError,
    UnsupportedAlgorithm,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    re.error,
)

logging.getLogger("in_toto").setLevel(logging.CRITICAL)  # it logs to standard error; what it found is in the verdict


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """What the library raises about `what` becomes a VerificationError."""
    try:
        yield
    except _THEIRS as problem:
        words = " ".join(str(problem).partition("Full trace for")[0].split())[:_LONGEST_WORDS]
        raise VerificationError(f"{what}: {words or 'it does not hold'}") from None


def read_key(pem: bytes, name: str) -> Mapping[str, Any]:
    """A public key as in-toto has it, by PEM: RSA, ECDSA, Ed25519. Raises InputError."""
    try:
        key = SSlibKey.from_crypto(load_pem_public_key(pem))
    except _THEIRS:
        raise InputError(f"{name} holds no public key in PEM that in-toto knows (RSA, ECDSA P-256, Ed25519)") from None
    return {**key.to_dict(), "keyid": key.keyid}


def read(data: bytes, what: str, kinds: Sequence[str]) -> Any:
    """The signed metadata in `data`, of one of `kinds` (`layout`, `link`). Raises VerificationError."""
    value = protojson.parse(data, what=what, limit=MAX_BYTES, depth=_DEPTH)
    if not isinstance(value, dict):
        raise VerificationError(f"the {what} is no in-toto metadata")
    if "payload" in value and value.get("payloadType") != IN_TOTO:
        raise VerificationError(f"the payload of the {what} is of type {quoted(str(value.get('payloadType')))}")
    if "payload" not in value:
        _check_expiry(value.get("signed"), what)
    with refusing(f"the {what}"):
        metadata = Metadata.from_dict(value)
        if isinstance(metadata, Envelope):
            # Read strictly first: the library reads it again, and the last of two fields would win there.
            inner = protojson.parse(metadata.payload, what=f"payload of the {what}", limit=MAX_BYTES, depth=_DEPTH)
            _check_expiry(inner, what)
        payload = metadata.get_payload()
    if payload.type_ not in kinds:
        raise VerificationError(f"the {what} is a {payload.type_}, expected a {' or a '.join(kinds)}")
    if payload.type_ == "layout":
        _check_layout(payload, what)
    else:
        _check_link(payload, what)
    return metadata


def envelope_of(metadata: Any) -> str:
    """What it is wrapped in, in words."""
    return "DSSE" if isinstance(metadata, Envelope) else "Metablock"


def _check_expiry(payload: Any, what: str) -> None:
    """The library guesses at dates of other forms, and warns of its guesses on standard error."""
    if not isinstance(payload, dict):
        raise VerificationError(f"the {what} is no in-toto metadata")
    expires = payload.get("expires", "")
    if payload.get("_type") == "layout" and not (isinstance(expires, str) and _MOMENT.match(expires)):
        raise VerificationError(f"the {what} expires at no moment: {quoted(str(expires))}")


def _check_layout(layout: Any, what: str) -> None:
    """What the library takes and we do not: names that are paths, thresholds of nothing, one key as two people."""
    if not layout.steps:
        raise VerificationError(f"the {what} has no steps: it demands nothing")
    if len(layout.steps) + len(layout.inspect) > MAX_STEPS or len(layout.keys) > MAX_KEYS:
        raise VerificationError(f"the {what} has more than {MAX_STEPS} steps or {MAX_KEYS} keys")
    _check_keys(layout.keys, what)
    for item in (*layout.steps, *layout.inspect):
        if not isinstance(item.name, str) or not _NAME.match(item.name):
            raise VerificationError(f"the {what} has a step of the name {quoted(str(item.name))}")
        _check_rules(item, what)
    for step in layout.steps:
        if isinstance(step.threshold, bool) or step.threshold < 1:
            raise VerificationError(f"step {quoted(step.name)} of the {what} demands {step.threshold} links")
        if len(step.pubkeys) > MAX_KEYS:
            raise VerificationError(f"step {quoted(step.name)} of the {what} has more than {MAX_KEYS} keys")
        _check_command(step.expected_command, f"the command of step {quoted(step.name)}")
    for inspection in layout.inspect:
        _check_command(inspection.run, f"the command of inspection {quoted(inspection.name)}")


def _check_keys(keys: Mapping[str, Any], what: str) -> None:
    seen: set[str] = set()
    for name, key in keys.items():
        if not _KEY_ID.match(name) or key.get("keyid") != name:
            raise VerificationError(f"the {what} has a key under the name {quoted(name)}, which is not its id")
        if "method" in key or key.get("subkeys"):
            raise VerificationError(f"key {name[:8]} of the {what} is a GnuPG key: these are not read")
        value = str(key["keyval"].get("public", "")) if isinstance(key.get("keyval"), dict) else ""
        if not value or value in seen:
            raise VerificationError(f"the {what} lists one key twice, or without its value: one person would be two")
        seen.add(value)


def _check_rules(item: Any, what: str) -> None:
    rules = [*item.expected_materials, *item.expected_products]
    if len(rules) > _MAX_RULES or any(len(word) > _MAX_PATTERN for rule in rules for word in rule):
        raise VerificationError(f"the {what}: too many or too long rules at {quoted(item.name)}")


def _check_command(command: Sequence[Any], what: str) -> None:
    if not all(isinstance(word, str) for word in command):
        raise VerificationError(f"{what} is not a list of words")


def _check_link(link: Any, what: str) -> None:
    if len(link.materials) + len(link.products) > _MAX_ARTIFACTS:
        raise VerificationError(f"the {what} names more than {_MAX_ARTIFACTS:,} artifacts")
    _check_command(link.command, f"the command of the {what}")
