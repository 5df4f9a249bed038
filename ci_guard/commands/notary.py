"""`ci-guard verify oci://… --trust-policy F --trust-store DIR`: signatures of the Notary Project."""

from __future__ import annotations

import argparse
from pathlib import Path

from ci_guard.commands import verdicts
from ci_guard.commands.outcome import Outcome
from ci_guard.commands.supply_chain import OF_BUNDLES
from ci_guard.model.errors import EXIT_CLOSED, EXIT_OPEN, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--trust-policy` and `--trust-store`."""
    group = parser.add_argument_group("signatures of the Notary Project on an oci:// image, instead of bundles")
    policy = "a trust policy as notation has it (trustpolicy.json)"
    group.add_argument("--trust-policy", metavar="F", type=Path, default=None, help=policy)
    store = "the folder of its trust stores, with x509/ca/NAME/…"
    group.add_argument("--trust-store", metavar="DIR", type=Path, default=None, help=store)


def run(args: argparse.Namespace) -> Outcome:
    """Verify and print the steps. Raises UsageError, ConfigError, InputError, ServiceError."""
    from ci_guard.attestation.artifact import DigestArtifact
    from ci_guard.commands.sign import network
    from ci_guard.pipeline.verification.image import sha256_of
    from ci_guard.pipeline.verification.image_reference import image_reference
    from ci_guard.pipeline.verification.notary import NotaryTrust, evidence

    if args.trust_policy is None or args.trust_store is None:
        raise UsageError("--trust-policy F and --trust-store DIR belong together")
    if any(getattr(args, name) for name in OF_BUNDLES):
        raise UsageError("--trust-policy says whom to trust: no bundles and no other trust beside it")
    image = image_reference(args.artifact)
    trust = NotaryTrust.of(args.trust_policy, args.trust_store).trust(image.name)
    with network().repository(image) as repository:
        found = repository.resolve(image.wanted)
        examined = evidence(repository, found, trust)
    wanted = DigestArtifact(sha256_of(found.digest), image.at(found.digest))
    verdicts.show(args, verdicts.Shown(wanted.name, wanted, examined, together=True))
    return Outcome(exit_code=EXIT_OPEN if examined.verified else EXIT_CLOSED)
