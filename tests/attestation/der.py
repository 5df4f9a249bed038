"""As much DER as a timestamp needs: what a real authority answers, with a time of our choice."""

from __future__ import annotations

import hashlib
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
SHA256, ECDSA_SHA256 = "2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2"


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    octets = (len(body).bit_length() + 7) // 8
    return bytes([tag, 0x80 | octets]) + len(body).to_bytes(octets) + body


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return tlv(0x31, *sorted(parts))


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def octets(data: bytes) -> bytes:
    return tlv(0x04, data)


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    body = bytes([first * 40 + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | 0x80)
        body += bytes(reversed(groups))
    return tlv(0x06, body)


def timestamp(
    message: bytes,
    moment: datetime,
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    *,
    embed: bool = True,
    status: int = 0,
    imprint: bytes = b"",
    nonce: bytes = b"",
) -> bytes:
    """A TimeStampResp over `message`, signed by `key`; `moment` in UTC. `imprint` and `nonce` are a request's own."""
    algorithm = sequence(oid(SHA256), b"\x05\x00")
    imprint = imprint or sequence(algorithm, octets(hashlib.sha256(message).digest()))
    time = tlv(0x18, f"{moment:%Y%m%d%H%M%SZ}".encode())
    info = sequence(integer(1), oid("1.3.6.1.4.1.57264.2"), imprint, integer(7), time, nonce)
    der = certificate.public_bytes(Encoding.DER)
    attributes = [
        sequence(oid(CONTENT_TYPE), set_of(oid(TST_INFO))),
        sequence(oid(MESSAGE_DIGEST), set_of(octets(hashlib.sha256(info).digest()))),
        sequence(oid(SIGNING_CERTIFICATE), set_of(sequence(sequence(sequence(octets(hashlib.sha256(der).digest())))))),
    ]
    signature = key.sign(set_of(*attributes), ec.ECDSA(hashes.SHA256()))
    signer = sequence(
        integer(1),
        sequence(certificate.issuer.public_bytes(), integer(certificate.serial_number)),
        algorithm,
        b"\xa0" + set_of(*attributes)[1:],
        sequence(oid(ECDSA_SHA256)),
        octets(signature),
    )
    certificates = tlv(0xA0, der) if embed else b""
    content = sequence(oid(TST_INFO), tlv(0xA0, octets(info)))
    signed = sequence(integer(3), set_of(algorithm), content, certificates, set_of(signer))
    return sequence(sequence(integer(status)), sequence(oid(SIGNED_DATA), tlv(0xA0, signed)))


def parts(data: bytes) -> list[tuple[int, bytes]]:
    """The elements that follow each other in `data`: tag and whole encoding."""
    found = []
    while data:
        length, head = data[1], 2
        if length & 0x80:
            head += length & 0x7F
            length = int.from_bytes(data[2:head])
        found.append((data[0], data[: head + length]))
        data = data[head + length :]
    return found


def inside(element: bytes) -> bytes:
    """The content of one element."""
    return element[2 + (element[1] & 0x7F if element[1] & 0x80 else 0) :]


def timestamp_query(data: bytes) -> tuple[bytes, bytes]:
    """The imprint and the nonce ("" without) in a TimeStampReq, both as they are encoded."""
    _, imprint, *rest = parts(inside(data))
    return imprint[1], next((element for tag, element in rest if tag == 0x02), b"")
