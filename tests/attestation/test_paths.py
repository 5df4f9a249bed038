"""When the lowest certificate of an authority stands for all of it; nothing gets by that a whole path stops."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ci_guard.attestation import paths
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import record
from tests.attestation import loopback
from tests.attestation.loopback import IDENTITY, START

DAY = timedelta(days=1)
KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]
STRANGER = ec.generate_private_key(ec.SECP256R1())
CRITICAL = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


@record
class Tier:
    """One certificate of an authority."""

    length: int | None = None
    ca: bool = True
    signs: bool = True
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    start: datetime = START - 30 * DAY
    end: datetime = START + 30 * DAY
    stranger: bool = False  # signed by a key that nobody knows


def certificate(level: int, tiers: Sequence[Tier]) -> x509.Certificate:
    """The certificate of that level, from the lowest; the last is its own issuer."""
    tier, above = tiers[level], min(level + 1, len(tiers) - 1)
    issuer = STRANGER if tier.stranger else KEYS[above]
    builder = (
        x509.CertificateBuilder()
        .subject_name(loopback.name(f"tier {level}"))
        .issuer_name(loopback.name(f"tier {above}"))
        .public_key(KEYS[level].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(tier.start)
        .not_valid_after(tier.end)
        .add_extension(x509.BasicConstraints(tier.ca, tier.length), True)
        .add_extension(loopback.key_usage(digital_signature=False, ca=tier.signs), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(KEYS[level].public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(KEYS[above].public_key()), False)
    )
    for extension, critical in tier.more:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer, hashes.SHA256())


def signer() -> x509.Certificate:
    """A signer's certificate by the lowest tier."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(loopback.name("tier 0"))
        .public_key(KEYS[3].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + timedelta(minutes=10))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(IDENTITY)]), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(KEYS[0].public_key()), False)
    )
    return builder.sign(KEYS[0], hashes.SHA256())


ELSEWHERE = x509.NameConstraints([x509.UniformResourceIdentifier("elsewhere.example")], None)
HOSTS = x509.NameConstraints([x509.DNSName("github.com")], None)
PLAIN = Tier()
SHAPES: dict[str, tuple[tuple[Tier, ...], bool, bool]] = {
    # the authority, whether its lowest suffices, whether a whole path holds
    "anchor-alone": ((PLAIN,), True, True),
    "two": ((PLAIN, PLAIN), True, True),
    "two-of-exact-lengths": ((Tier(0), Tier(1)), True, True),
    "three-of-exact-lengths": ((Tier(0), Tier(1), Tier(2)), True, True),
    "anchor-signs-no-authorities": ((PLAIN, Tier(0)), False, False),
    "anchor-signs-one-tier-too-few": ((PLAIN, PLAIN, Tier(1)), False, False),
    "middle-signs-no-authorities": ((PLAIN, Tier(0), PLAIN), False, False),
    "anchor-names-elsewhere": ((PLAIN, Tier(more=((ELSEWHERE, True),))), False, False),
    "anchor-names-hosts": ((PLAIN, Tier(more=((HOSTS, True),))), False, True),
    "lowest-names-elsewhere": ((Tier(more=((ELSEWHERE, True),)), PLAIN), True, False),
    "lowest-of-a-stranger": ((Tier(stranger=True), PLAIN), False, False),
    "middle-of-a-stranger": ((PLAIN, Tier(stranger=True), PLAIN), False, False),
    "lowest-is-no-authority": ((Tier(ca=False), PLAIN), True, False),
    "lowest-signs-no-certificates": ((Tier(signs=False), PLAIN), False, False),
    "middle-is-no-authority": ((PLAIN, Tier(ca=False), PLAIN), False, False),
    "anchor-signs-no-certificates": ((PLAIN, Tier(signs=False)), False, False),
    "anchor-with-what-nobody-knows": ((PLAIN, Tier(more=((CRITICAL, True),))), False, False),
    "lowest-with-what-nobody-knows": ((Tier(more=((CRITICAL, True),)), PLAIN), False, False),
    "never-valid-together": ((PLAIN, Tier(start=START + 40 * DAY, end=START + 50 * DAY)), False, False),
}


def holds(leaf: x509.Certificate, between: Sequence[x509.Certificate], anchor: x509.Certificate) -> bool:
    try:
        return len(paths.path(leaf, between, anchor, START)) == len(between) + 2
    except VerificationError:
        return False


@pytest.mark.parametrize("name", SHAPES)
def test_an_authority_is_proven_once(name: str) -> None:
    tiers, suffices, whole = SHAPES[name]
    chain = [certificate(level, tiers) for level in range(len(tiers))]
    assert (paths.issuing(chain) is not None) is suffices
    assert holds(signer(), chain[:-1], chain[-1]) is whole
    if suffices:
        assert holds(signer(), (), chain[0]) is whole
