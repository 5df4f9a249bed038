"""`ci-guard sign`: a signature bundle for each artifact."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.commands.outcome import Outcome
from ci_guard.commands.password import asking
from ci_guard.model.errors import UsageError
from ci_guard.model.printable import visible

if TYPE_CHECKING:
    from ci_guard.attestation.signatory import Signatory
    from ci_guard.pipeline.signing.signer_options import SignerOptions
    from ci_guard.pipeline.verification.image_reference import ImageReference
    from ci_guard.pipeline.verification.registries import Network

WHO = (
    "With --key the password comes from CI_GUARD_KEY_PASSWORD or COSIGN_PASSWORD, else you are asked. Without --key "
    "the identity of the CI job signs (GitHub, GitLab, Buildkite, CircleCI, Google Cloud), or --identity-token, or at "
    "a terminal whoever logs in at a browser: this asks the services of Sigstore, and name and digest stand "
    "in a public log for ever."
)
_HOUR = 3600
ARTIFACT = "a file, sha256:HEX, or oci://HOST/REPOSITORY@sha256:HEX (or :TAG) in a registry"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to sign, with what, where to."""
    parser.epilog = "Writes ARTIFACT.sigstore.json, a Sigstore bundle v0.3, only after it verified. " + WHO
    parser.add_argument("artifacts", metavar="ARTIFACT", nargs="+", help=ARTIFACT)
    add_signer(parser)
    parser.add_argument("--output-dir", metavar="DIR", type=Path, default=None, help="where the bundles go")
    add_attach(parser)


def add_attach(parser: argparse.ArgumentParser) -> None:
    """How evidence is attached to an image, the same for `sign` and `attest`."""
    text = "for oci://: as a referrer (bundle), at cosign's tag, or both (default)"
    parser.add_argument("--attach", choices=("both", "bundle", "tag"), default="both", help=text)


def add_signer(parser: argparse.ArgumentParser) -> None:
    """Who signs, and where it may be signed: the same for `sign` and `attest`."""
    parser.add_argument("--key", metavar="K", default="", help="private key file, or URI with --signer-program")
    add_identity(parser)
    parser.add_argument(
        "--allow-pull-request", action="store_true", help="sign on a pull request too, where its code may run"
    )


def add_identity(parser: argparse.ArgumentParser) -> None:
    """Signing without a key, and with services; the same for `run`."""
    group = parser.add_argument_group("signing with an identity, and with services")
    group.add_argument("--identity-token", metavar="T", default="", help="OIDC token, or a file with one")
    group.add_argument(
        "--trust-config", metavar="F", type=Path, default=None, help="another instance: root and services"
    )
    group.add_argument("--signing-config", metavar="F", type=Path, default=None, help="another instance: its services")
    root = "another instance: whom to trust, with --signing-config"
    group.add_argument("--trusted-root", metavar="F", type=Path, action="append", default=[], help=root)
    group.add_argument("--tuf-url", metavar="U", default="", help="another instance: its TUF repository")
    group.add_argument("--tuf-root", metavar="F", type=Path, default=None, help="a root of it that is trusted already")
    seconds = "seconds that one call of a service may take, with its repeats (default: 120)"
    group.add_argument("--service-timeout", metavar="S", type=_seconds, default=120.0, help=seconds)
    program = "program that signs with the key that --key names (docs/signing.md)"
    group.add_argument("--signer-program", metavar="P", default="", help=program)


def signer_options(args: argparse.Namespace) -> SignerOptions:
    """What the options say of who signs."""
    from ci_guard.pipeline.signing.signer_options import KeylessOptions, SignerOptions

    roots = tuple(args.trusted_root)
    keyless = KeylessOptions(
        *(args.identity_token, args.trust_config, roots, args.signing_config, args.tuf_url, args.tuf_root),
        seconds=args.service_timeout,
    )
    return SignerOptions(args.key or "", args.signer_program, keyless)


def open_who(args: argparse.Namespace) -> Signatory:
    """Whoever signs. Raises UsageError, InputError, SigningError, ServiceError."""
    from ci_guard.pipeline.signing.signers import open_signatory

    terminal = sys.stdin.isatty() and sys.stderr.isatty()
    return open_signatory(signer_options(args), os.environ, asking(), terminal=terminal)


def run(args: argparse.Namespace) -> Outcome:
    """Sign every artifact, then write every bundle. Raises UsageError, InputError, SigningError, ServiceError."""
    from ci_guard.pipeline.signing import sign

    sign.refuse_pull_request(os.environ, allowed=args.allow_pull_request)
    if images := images_among(args.artifacts):
        return _sign_images(args, images)
    targets = sign.targets(args.artifacts, args.output_dir)
    who = open_who(args)
    for path in sign.sign_all(targets, who):
        print(path)
    print(f"signed by {visible(who.identity)}", file=sys.stderr)
    return Outcome()


def _seconds(text: str) -> float:
    """A positive number of seconds, at most an hour. Raises what argparse turns into words."""
    value = float(text)
    if not 0 < value <= _HOUR:
        raise argparse.ArgumentTypeError("more than 0 and at most 3600 seconds")
    return value


def images_among(artifacts: Sequence[str]) -> tuple[ImageReference, ...]:
    """The images that ARTIFACT arguments name. Raises UsageError when only some of them do."""
    from ci_guard.pipeline.verification.image_reference import image_reference, is_image

    images = tuple(image_reference(text) for text in artifacts if is_image(text))
    if images and len(images) != len(artifacts):
        raise UsageError("images in registries and files are not signed in one go: their evidence goes to two places")
    return images


def network() -> Network:
    """Whom we may ask: by the configuration where the command was started. Raises ConfigError."""
    from ci_guard.pipeline.verification.registries import network_of

    return network_of(Path.cwd(), os.environ)


def _sign_images(args: argparse.Namespace, images: tuple[ImageReference, ...]) -> Outcome:
    from ci_guard.pipeline.signing import sign
    from ci_guard.pipeline.signing.images import sign_images

    if args.output_dir:
        raise UsageError("--output-dir is for files: an image's signature goes to its registry")
    who = open_who(args)
    for name in sign_images(network(), images, who, args.attach, sign.timestamp(os.environ)):
        print(name)
    print(f"signed by {visible(who.identity)}", file=sys.stderr)
    return Outcome()
