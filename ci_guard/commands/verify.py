"""`ci-guard verify`: is this bundle good, for this artifact, from whom we trust? Every step is printed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.commands import notary, supply_chain, verdicts
from ci_guard.commands.options import add_online, add_output
from ci_guard.commands.outcome import Outcome
from ci_guard.commands.verdicts import Shown
from ci_guard.model.errors import EXIT_CLOSED, EXIT_OPEN, UsageError

if TYPE_CHECKING:
    from ci_guard.attestation.artifact import Artifact
    from ci_guard.attestation.identity import IdentityPolicy
    from ci_guard.attestation.policy import Expectations
    from ci_guard.attestation.trustedroot import TrustedRoot
    from ci_guard.attestation.verdict import Verdict
    from ci_guard.pipeline.verification.bundles import Examined

    Examine = Callable[[bytes, Artifact], Verdict]

_TYPES = "slsaprovenance1, slsaprovenance02, cyclonedx, spdxjson, spdx, openvex, vuln, vsa, sarif, custom, or a URI"
_CLAIMS = {
    "repository": ("OWNER/NAME", "the source repository"),
    "workflow": ("PATH", "the workflow that was started: its path in the repository, or its URI with ref"),
    "ref": ("REF", "the source ref: refs/heads/main"),
    "trigger": ("EVENT", "the event that started it: push, release …"),
    "builder": ("URI", "the workflow that signed, its URI with ref"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, by which evidence, trusting whom, demanding what."""
    parser.epilog = (
        "Exit code 0: verified; 1: refused; 2: usage; 3: it could not be judged. Files are "
        "verified offline; --online refreshes the trusted root through TUF. For oci:// the registry is asked for the "
        "evidence, unless --bundle gives it: without --type one good signature is needed, with it one good "
        "attestation of that type."
    )
    what = "a file, sha256:HEX, or oci://HOST/REPOSITORY@sha256:HEX (or :TAG)"
    parser.add_argument("artifact", metavar="ARTIFACT", nargs="?", default="", help=what)
    images = "instead: every image that the manifests at PATH deploy, by `images:` of .ci-guard.yaml (with --online)"
    parser.add_argument("--images", metavar="PATH", nargs="+", default=[], help=images)
    parser.add_argument("--config", metavar="FILE", default=None, help="with --images: configuration")
    parser.add_argument("--base", metavar="REV", default=None, help="with --images: judge by the policy of REV")
    bundles = "a Sigstore bundle, v0.1 to v0.3, or cosign's older one; repeated: all must hold"
    parser.add_argument("--bundle", metavar="F", type=Path, action="append", default=[], help=bundles)
    github = "look the evidence up in GitHub's attestations of this repository; one that is good is needed"
    parser.add_argument("--from-github", metavar="OWNER/NAME", default="", help=github)
    _add_trust(parser)
    parser.add_argument("--type", metavar="T", default=None, help=f"demand an attestation of this type: {_TYPES}")
    _add_demands(parser)
    supply_chain.add_arguments(parser)
    notary.add_arguments(parser)
    add_output(parser, ("text", "json", "sarif"))
    add_online(parser)


def _add_demands(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what an attestation must say")
    group.add_argument("--builder-id", metavar="URI", default="", help="demand provenance by this builder")
    group.add_argument("--build-type", metavar="URI", default="", help="demand provenance of this build type")
    group.add_argument("--source", metavar="URI", default="", help="demand provenance from this source")
    strict = "demand exactly these external parameters: a JSON object"
    group.add_argument("--external-parameters", metavar="F", type=Path, default=None, help=strict)
    cel = "CEL that must be true of the variable `predicate`; repeated: all"
    group.add_argument("--policy-expression", metavar="CEL", action="append", default=[], help=cel)
    file = "the same from a file with one expression; repeated: all"
    group.add_argument("--predicate-policy", metavar="F", type=Path, action="append", default=[], help=file)


def _add_trust(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("whom to trust (one of the first three)")
    who = group.add_mutually_exclusive_group()
    who.add_argument("--key", metavar="K", default=None, help="a public key, PEM")
    who.add_argument("--cert-identity", metavar="I", default="", help="the identity in the certificate, exactly")
    who.add_argument("--cert-identity-regexp", metavar="R", default="", help="a pattern for the whole identity")
    vouching = group.add_mutually_exclusive_group()
    vouching.add_argument("--cert-oidc-issuer", metavar="U", default="", help="who vouches for the identity, exactly")
    vouching.add_argument("--cert-oidc-issuer-regexp", metavar="R", default="", help="a pattern for the whole of that")
    for name, (metavar, text) in _CLAIMS.items():
        group.add_argument(f"--cert-{name}", metavar=metavar, default="", help=f"demand of the certificate: {text}")
    group.add_argument(
        "--min-signers", metavar="N", type=int, default=0, help="so many different signers among the bundles suffice"
    )
    root = "a trusted_root.json, or one a line; repeated: any of them"
    group.add_argument("--trusted-root", metavar="F", type=Path, action="append", default=[], help=root)
    profile = (
        "a trust profile: public-good, Sigstore's public instance (default for identities when no root is named); "
        "github, GitHub's own, of private repositories; key, the key alone; custom, the root that is named"
    )
    group.add_argument("--trust", metavar="NAME", default="", help=profile)
    group.add_argument("--tuf-url", metavar="U", default="", help="another instance's TUF repository, with --online")
    group.add_argument("--tuf-root", metavar="F", type=Path, default=None, help="a root of it that is trusted already")


def run(args: argparse.Namespace) -> Outcome:
    """Verify and print the steps. Raises UsageError, InputError, ServiceError."""
    if args.layout:
        return supply_chain.run(args)
    supply_chain.refuse_alone(args)
    if args.trust_policy or args.trust_store:
        return notary.run(args)
    if args.images:
        return _of_manifests(args)
    if not args.artifact:
        raise UsageError("name an ARTIFACT, or --images and the manifests that deploy them")
    if not (args.key or args.cert_identity or args.cert_identity_regexp):
        raise UsageError("say whom to trust: --key K, or --cert-identity I with --cert-oidc-issuer U")
    roots = _roots(args)
    expected = _expectations(args)
    examine = _examiner(args, expected, roots)
    wanted, examined = _evidence(args)(args, examine, expected)
    image = _is_image(args)
    together = bool(args.min_signers or args.from_github or image)
    name = wanted.name if image else args.artifact
    verdicts.show(args, Shown(name, wanted, examined, roots, together=together))
    return Outcome(exit_code=EXIT_OPEN if examined.verified else EXIT_CLOSED)


def _of_manifests(args: argparse.Namespace) -> Outcome:
    from ci_guard.commands import deployed_images

    if args.artifact or args.key or args.cert_identity or args.cert_identity_regexp:
        raise UsageError("--images judges by `images:` of .ci-guard.yaml: no ARTIFACT and no trust beside it")
    return deployed_images.run(args)


def _evidence(args: argparse.Namespace) -> Callable[..., tuple[Artifact, Examined]]:
    """Where the evidence is."""
    if args.from_github and args.bundle:
        raise UsageError("the evidence comes from --bundle or --from-github, not from both")
    if args.from_github:
        return _from_github
    return _from_registry if _is_image(args) else _from_files


def _from_github(args: argparse.Namespace, examine: Examine, expected: Expectations) -> tuple[Artifact, Examined]:
    from ci_guard.pipeline.verification.artifact import artifact
    from ci_guard.pipeline.verification.github import attestations

    del expected  # each attestation was examined by it
    wanted = artifact(args.artifact)
    return wanted, attestations(args.from_github, wanted, examine, args.min_signers, os.environ)


def _from_files(args: argparse.Namespace, examine: Examine, expected: Expectations) -> tuple[Artifact, Examined]:
    from ci_guard.attestation.bundle import MAX_BYTES
    from ci_guard.pipeline.verification.artifact import artifact, read_named
    from ci_guard.pipeline.verification.bundles import examine_all, names

    del expected  # each bundle was examined by it
    if not args.bundle:
        raise UsageError("say with --bundle or --from-github where the evidence is; for oci:// it is looked up")
    wanted = artifact(args.artifact)
    bundles = {name: read_named(Path(name), MAX_BYTES) for name in names(args.bundle)}
    return wanted, examine_all(bundles, lambda data: examine(data, wanted), args.min_signers)


def _from_registry(args: argparse.Namespace, examine: Examine, expected: Expectations) -> tuple[Artifact, Examined]:
    """An image: its evidence is in the registry, or in the bundles given; a tag is resolved in either case."""
    from ci_guard.attestation.artifact import DigestArtifact
    from ci_guard.attestation.bundle import MAX_BYTES
    from ci_guard.commands.sign import network
    from ci_guard.pipeline.verification.artifact import read_named
    from ci_guard.pipeline.verification.bundles import Examined, examine_all, names
    from ci_guard.pipeline.verification.image import evidence, lacking, sha256_of
    from ci_guard.pipeline.verification.image_reference import image_reference

    image = image_reference(args.artifact)
    with network().repository(image) as repository:
        digest = image.digest if image.digest and args.bundle else repository.resolve(image.wanted).digest
        wanted = DigestArtifact(sha256_of(digest), image.at(digest))
        if args.bundle:
            bundles = {name: read_named(Path(name), MAX_BYTES) for name in names(args.bundle)}
            return wanted, examine_all(bundles, lambda data: examine(data, wanted), args.min_signers)
        pieces = evidence(repository, digest, examine)
    reason = lacking(pieces, expected.predicate_type, args.min_signers)
    return wanted, Examined({piece.name: piece.verdict for piece in pieces}, reason)


def _is_image(args: argparse.Namespace) -> bool:
    from ci_guard.pipeline.verification.image_reference import is_image

    return is_image(args.artifact)


def _roots(args: argparse.Namespace) -> tuple[TrustedRoot, ...]:
    custom = bool(args.trusted_root or args.tuf_url or args.tuf_root)
    if args.key and not (custom or args.trust):
        return ()  # the key alone decides, and nothing of certificates is loaded
    from ci_guard.pipeline.verification import trust

    trust.check_profile(args.trust, key=bool(args.key), custom=custom)
    if args.trust == trust.KEY:
        return ()
    source = trust.repository(args.tuf_url, args.tuf_root)
    if source is not None and not args.online:
        raise UsageError("--tuf-url asks the network: add --online")
    profile = args.trust or ("" if custom else trust.PUBLIC_GOOD)
    if profile == trust.CUSTOM:
        profile = ""
    if args.online and profile:
        source, profile = source or trust.instance(profile), ""
    fresh = trust.refreshed(source, os.environ)[0] if source else ()
    return (*trust.open_roots(args.trusted_root, profile), *fresh)


def _expectations(args: argparse.Namespace) -> Expectations:
    from ci_guard.attestation.policy import predicate_type
    from ci_guard.pipeline.verification.expectations import Demands, expectations

    return expectations(
        Demands(
            predicate_type=predicate_type(args.type) if args.type else "",
            builder_id=args.builder_id,
            build_type=args.build_type,
            source=args.source,
            parameters=args.external_parameters,
            expressions=tuple(args.policy_expression),
            policies=tuple(args.predicate_policy),
        )
    )


def _examiner(args: argparse.Namespace, expected: Expectations, roots: Sequence[TrustedRoot]) -> Examine:
    """What judges one bundle. Raises UsageError, InputError."""
    from ci_guard.attestation.vsa import relied_on

    claims = {name: value for name in _CLAIMS if (value := getattr(args, f"cert_{name}"))}
    if args.key:
        if args.cert_oidc_issuer or args.cert_oidc_issuer_regexp or claims:
            raise UsageError("--cert-… options are about certificates: not with --key")
        from ci_guard.attestation import verification
        from ci_guard.pipeline.signing.signers import open_verifying_key

        key = open_verifying_key(args.key)
        return lambda data, wanted: relied_on(verification.examine(data, wanted, key, expected, roots))
    from ci_guard.attestation import keyless

    trust = keyless.Trust(tuple(roots), _policy(args, claims))
    return lambda data, wanted: relied_on(keyless.examine(data, wanted, trust, expected))


def _policy(args: argparse.Namespace, claims: dict[str, str]) -> IdentityPolicy:
    from ci_guard.attestation.identity import IdentityPolicy, pattern

    if not (args.cert_oidc_issuer or args.cert_oidc_issuer_regexp):
        raise UsageError("an identity is only as good as who vouches for it: add --cert-oidc-issuer U")
    matching = pattern(args.cert_identity_regexp) if args.cert_identity_regexp else None
    vouching = pattern(args.cert_oidc_issuer_regexp) if args.cert_oidc_issuer_regexp else None
    return IdentityPolicy(args.cert_oidc_issuer, args.cert_identity, matching, claims, vouching)
