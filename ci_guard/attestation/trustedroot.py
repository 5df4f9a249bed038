"""A trusted root: the authorities and logs that somebody decided to trust, and when each was in use.

Source: sigstore/protobuf-specs, `sigstore_trustroot.proto`, media type version 0.1, in protobuf's JSON mapping.
A file may hold several roots, one JSON document a line, as `gh attestation trusted-root` prints them. Times are
closed intervals, and a start is required: a missing bound must not mean "always".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from cryptography import x509

from ci_guard.attestation import protojson
from ci_guard.attestation.certificate import parsing
from ci_guard.attestation.logkeys import LogKey
from ci_guard.attestation.paths import Issuing, issuing
from ci_guard.attestation.protojson import Fields, quoted
from ci_guard.model.errors import InputError, VerificationError
from ci_guard.model.record import record, replace

MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
MAX_BYTES = 4_000_000
_MAX_DEPTH = 12
_MAX_ITEMS = 64


@record
class Validity:
    """When something was in use; both ends belong to it, no end means until today."""

    start: datetime
    end: datetime | None = None

    def covers(self, moment: datetime) -> bool:
        """Whether `moment` lies within."""
        return self.start <= moment and (self.end is None or moment <= self.end)

    def __str__(self) -> str:
        return f"{self.start.date()}..{self.end.date() if self.end else ''}"


@record
class Log:
    """A log. `key_id` names it in entries; `checkpoint_hint` are the first bytes of its signatures in checkpoints."""

    name: str
    key_id: bytes
    checkpoint_hint: bytes
    key: LogKey
    valid: Validity


@record
class Authority:
    """A certificate or timestamp authority: its certificates from the lowest up to the one that is the anchor.

    `issuing` is set for those of signers (`paths`): their own signatures are proven once, not with every signer's.
    """

    name: str
    chain: tuple[x509.Certificate, ...]
    valid: Validity
    issuing: Issuing | None = None


@record
class TrustedRoot:
    """Whom to trust. `name` is said in steps, `digest` is the sha256 of the document.

    `fresh_until` is when whoever publishes it must say it again; None where nobody was asked.
    """

    name: str
    digest: str
    authorities: tuple[Authority, ...]
    logs: tuple[Log, ...]
    certificate_logs: tuple[Log, ...]
    timestamp_authorities: tuple[Authority, ...]
    fresh_until: datetime | None = None

    @property
    def newest(self) -> datetime | None:
        """When the newest key in it came into use: the root cannot be older, and may miss whatever came later."""
        spans = [one.valid for one in (*self.authorities, *self.timestamp_authorities)]
        spans += [one.valid for one in (*self.logs, *self.certificate_logs)]
        return max((span.start for span in spans), default=None)


def read(data: bytes, name: str) -> tuple[TrustedRoot, ...]:
    """The roots in a file, one or more. Raises InputError naming it."""
    if len(data) > MAX_BYTES:
        raise InputError(f"{name}: {len(data):,} bytes are too many for a trusted root")
    try:
        return tuple(_read(document, name) for document in _documents(data))
    except VerificationError as problem:
        raise InputError(f"{name} is no trusted root: {problem}") from None


def _documents(data: bytes) -> Iterator[bytes]:
    """Each document: the whole file, or each line if every line is one (the first then ends with a brace)."""
    lines = [line for line in data.splitlines() if line.strip()]
    many = len(lines) > 1 and all(line.startswith(b"{") and line.rstrip().endswith(b"}") for line in lines)
    if many and len(lines) > _MAX_ITEMS:
        raise VerificationError(f"it holds {len(lines):,} documents")
    yield from lines if many else [data]


def _read(data: bytes, name: str) -> TrustedRoot:
    fields = Fields(protojson.parse(data, what="trusted root", limit=MAX_BYTES, depth=_MAX_DEPTH), "trusted root")
    media_type = fields.text("mediaType", require=True)
    if media_type != MEDIA_TYPE:
        raise VerificationError(f"its media type is {quoted(media_type)}, expected {MEDIA_TYPE!r}")
    root = TrustedRoot(
        name=name,
        digest=hashlib.sha256(data).hexdigest(),
        authorities=tuple(_certificate_authority(f) for f in fields.items("certificateAuthorities", most=_MAX_ITEMS)),
        logs=tuple(_log(f) for f in fields.items("tlogs", most=_MAX_ITEMS)),
        certificate_logs=tuple(_log(f) for f in fields.items("ctlogs", most=_MAX_ITEMS)),
        timestamp_authorities=tuple(_authority(f) for f in fields.items("timestampAuthorities", most=_MAX_ITEMS)),
    )
    fields.done()
    return root


def _log(fields: Fields) -> Log:
    key = _message(fields, "publicKey")
    key_id = _identifier(fields, "logId") or b""
    hint = (_identifier(fields, "checkpointKeyId") or key_id)[:4]
    name = fields.text("baseUrl") or fields.text("operator")
    fields.text("operator")
    hashed = fields.text("hashAlgorithm")
    if hashed not in ("", "SHA2_256"):
        raise VerificationError(f"{fields.what} hashes with {quoted(hashed)}, expected 'SHA2_256'")
    if not key_id:
        raise VerificationError(f"{fields.what}.logId is missing")
    valid = _validity(_message(key, "validFor"))
    log = Log(name, key_id, hint, LogKey(key.text("keyDetails", require=True), key.data("rawBytes")), valid)
    key.done()
    fields.done()
    return log


def _identifier(fields: Fields, name: str) -> bytes | None:
    inner = fields.fields(name)
    if inner is None:
        return None
    value = inner.data("keyId", require=True)
    inner.done()
    return value


def _authority(fields: Fields) -> Authority:
    chain = _message(fields, "certChain")
    certificates = tuple(_certificate(item) for item in chain.items("certificates", most=_MAX_ITEMS))
    chain.done()
    if not certificates:
        raise VerificationError(f"{chain.what} has no certificate")
    name = fields.text("uri") or fields.text("operator")
    fields.text("operator")
    subject = fields.fields("subject")
    if subject is not None:
        subject.texts()  # for people; the certificates say whose they are
    authority = Authority(name, certificates, _validity(_message(fields, "validFor")))
    fields.done()
    return authority


def _certificate_authority(fields: Fields) -> Authority:
    authority = _authority(fields)
    return replace(authority, issuing=issuing(authority.chain))


def _certificate(fields: Fields) -> x509.Certificate:
    data = fields.data("rawBytes", require=True)
    fields.done()
    with parsing(fields.what):
        return x509.load_der_x509_certificate(data)


def _message(fields: Fields, name: str) -> Fields:
    inner = fields.fields(name, require=True)
    assert inner is not None  # `require` raised
    return inner


def _validity(fields: Fields) -> Validity:
    start, end = fields.text("start", require=True), fields.text("end")
    fields.done()
    return Validity(moment_of(start, fields.what), moment_of(end, fields.what) if end else None)


def moment_of(text: str, what: str) -> datetime:
    """A time as protobuf's JSON writes it, with its zone. Raises VerificationError; `what` says where it stands."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise VerificationError(f"{what}: {quoted(text)} is no time") from None
    if moment.tzinfo is None:
        raise VerificationError(f"{what}: {quoted(text)} has no time zone")
    return moment
