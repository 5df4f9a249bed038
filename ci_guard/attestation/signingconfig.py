"""A signing config: which services sign, and how many of them; and the trust config that has it beside its root.

Source: sigstore/protobuf-specs, `sigstore_trustroot.proto`: `SigningConfig` v0.2 and `ClientTrustConfig` v0.1, in
protobuf's JSON mapping. Of the services of one kind those in use now are taken, of each operator the one with the
newest interface that we speak; a config that leaves none where one is needed is refused when it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from ci_guard.attestation import protojson
from ci_guard.attestation.protojson import Fields, quoted
from ci_guard.attestation.trustedroot import MAX_BYTES, Validity, moment_of
from ci_guard.model.errors import InputError, VerificationError
from ci_guard.model.record import record

MEDIA_TYPE = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
TRUST_CONFIG_TYPE = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_MAX_DEPTH = 14
_MAX_ITEMS = 64
_SPOKEN = {"caUrls": (1,), "oidcUrls": (1,), "rekorTlogUrls": (1, 2), "tsaUrls": (1,)}
"""The versions of each kind of service that we speak."""


@record
class Service:
    """One service: where, which major version of its interface, when in use, by whom."""

    url: str
    version: int
    valid: Validity
    operator: str


@record
class Chosen:
    """The services of one kind, in the order of the config, and how many of them must be used (0: all)."""

    services: tuple[Service, ...]
    count: int = 1

    def at(self, moment: datetime) -> tuple[Service, ...]:
        """Those to use at `moment`; fewer than `count` where the config has no more."""
        best: dict[str, Service] = {}
        for service in self.services:
            known = best.get(service.operator)
            if service.valid.covers(moment) and (known is None or service.version > known.version):
                best[service.operator] = service
        found = tuple(best.values())
        return found[: self.count] if self.count else found


@record
class SigningConfig:
    """Which services sign."""

    name: str
    authorities: Chosen
    providers: Chosen
    logs: Chosen
    timestamps: Chosen


def read(data: bytes, name: str) -> SigningConfig:
    """The signing config in a file. Raises InputError naming it."""
    try:
        return _config(protojson.parse(data, what="signing config", limit=MAX_BYTES, depth=_MAX_DEPTH), name)
    except VerificationError as problem:
        raise InputError(f"{name} is no signing config: {problem}") from None


def read_trust_config(data: bytes, name: str) -> tuple[bytes, SigningConfig]:
    """The trusted root (as a document of its own) and the signing config in a trust config. Raises InputError."""
    try:
        value = protojson.parse(data, what="trust config", limit=MAX_BYTES, depth=_MAX_DEPTH)
        fields = Fields(value, "trust config")
        _check_type(fields, TRUST_CONFIG_TYPE)
        if not (fields.has("trustedRoot") and fields.has("signingConfig")):
            raise VerificationError("it has not both a trusted root and a signing config")
        fields.done()
        config = _config(value["signingConfig"], name)
    except VerificationError as problem:
        raise InputError(f"{name} is no trust config: {problem}") from None
    return json.dumps(value["trustedRoot"]).encode("utf-8", "surrogatepass"), config


def _check_type(fields: Fields, expected: str) -> None:
    media_type = fields.text("mediaType", require=True)
    if media_type != expected:
        raise VerificationError(f"its media type is {quoted(media_type)}, expected {expected!r}")


def _config(value: object, name: str) -> SigningConfig:
    fields = Fields(value, "signing config")
    _check_type(fields, MEDIA_TYPE)
    config = SigningConfig(
        name,
        authorities=Chosen(_services(fields, "caUrls")),
        providers=Chosen(_services(fields, "oidcUrls")),
        logs=Chosen(_services(fields, "rekorTlogUrls"), _count(fields, "rekorTlogConfig")),
        timestamps=Chosen(_services(fields, "tsaUrls"), _count(fields, "tsaConfig")),
    )
    fields.done()
    return config


def _services(fields: Fields, name: str) -> tuple[Service, ...]:
    """The services of one kind that we speak with; the config may name newer ones."""
    items: Sequence[Fields] = fields.items(name, most=_MAX_ITEMS)
    found = [_service(item) for item in items]
    return tuple(service for service in found if service.version in _SPOKEN[name])


def _service(fields: Fields) -> Service:
    window = fields.fields("validFor", require=True)
    assert window is not None  # `require` raised
    start, end = window.text("start", require=True), window.text("end")
    window.done()
    valid = Validity(moment_of(start, window.what), moment_of(end, window.what) if end else None)
    url = fields.text("url", require=True).rstrip("/")
    service = Service(url, fields.int64("majorApiVersion"), valid, fields.text("operator") or url)
    fields.done()
    return service


def _count(fields: Fields, name: str) -> int:
    """How many services of a kind are to be used: 0 is all of them."""
    inner = fields.fields(name)
    if inner is None:
        return 1
    selector, count = inner.text("selector"), inner.int64("count")
    inner.done()
    if selector == "ANY":
        return 1
    if selector == "ALL":
        return 0
    if selector == "EXACT" and 0 < count <= _MAX_ITEMS:
        return count
    raise VerificationError(f"{inner.what} selects {quoted(selector)} {count}")
