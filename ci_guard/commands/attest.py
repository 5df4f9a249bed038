"""`ci-guard attest`: a signed statement about artifacts."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.commands.outcome import Outcome
from ci_guard.commands.sign import ARTIFACT, WHO, add_attach, add_signer, images_among, network, open_who
from ci_guard.model.errors import UsageError
from ci_guard.model.printable import visible

if TYPE_CHECKING:
    from ci_guard.pipeline.verification.image_reference import ImageReference

TYPES = "slsaprovenance1, slsaprovenance02, cyclonedx, spdxjson, spdx, openvex, vuln, vsa, sarif, custom, or a URI"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """About what, what, with what, where to."""
    parser.epilog = (
        "Writes one bundle with one in-toto statement about all ARTIFACTs, ARTIFACT.TYPE.sigstore.json unless --output "
        "says otherwise, only after it verified. " + WHO
    )
    parser.add_argument("artifacts", metavar="ARTIFACT", nargs="*", help=ARTIFACT)
    add_subjects(parser)
    parser.add_argument("--predicate", metavar="F", type=Path, required=True, help="file with the predicate")
    parser.add_argument("--type", metavar="T", required=True, help=f"predicate type: {TYPES}")
    add_signer(parser)
    parser.add_argument("--output", metavar="FILE", type=Path, default=None, help="where the bundle goes")
    add_attach(parser)
    github = "also hand the attestation to GitHub's attestations of this repository (GH_TOKEN or GITHUB_TOKEN)"
    parser.add_argument("--to-github", metavar="OWNER/NAME", default="", help=github)


def add_subjects(parser: argparse.ArgumentParser) -> None:
    """More subjects than fit on a command line; the same for `run`."""
    pattern = "also every file that matches (`**`: any folders); repeatable"
    parser.add_argument("--glob", metavar="PATTERN", action="append", default=[], help=pattern)
    listed = "also what a file lists as sha256sum prints it; repeatable"
    parser.add_argument("--checksums", metavar="F", type=Path, action="append", default=[], help=listed)


def run(args: argparse.Namespace) -> Outcome:
    """Sign the statement, then write the bundle. Raises UsageError, InputError, SigningError, ServiceError."""
    from ci_guard.pipeline.signing import sign
    from ci_guard.pipeline.signing.subjects import gather

    sign.refuse_pull_request(os.environ, allowed=args.allow_pull_request)
    if images := images_among(args.artifacts):
        return _attest_images(args, images)
    about = gather(args.artifacts, args.glob, args.checksums)
    output = args.output or sign.attestation_path(args.artifacts, args.type)
    statement = sign.statement_about(about, args.type, args.predicate, os.environ)
    who = open_who(args)
    sign.sign_one(statement, who, output)
    print(output)
    if args.to_github:
        from ci_guard.pipeline.verification.github import hand_in

        print(f"{args.to_github} attestation {hand_in(args.to_github, output.read_bytes(), os.environ)}")
    print(f"signed by {visible(who.identity)}", file=sys.stderr)
    return Outcome()


def _attest_images(args: argparse.Namespace, images: tuple[ImageReference, ...]) -> Outcome:
    from ci_guard.pipeline.signing import sign
    from ci_guard.pipeline.signing.images import attest_images

    if args.output:
        raise UsageError("--output is for files: an image's attestation goes to its registry")
    if args.to_github:
        raise UsageError("--to-github is for files: attest the image's sha256:HEX for it")
    predicate = sign.read_predicate(args.type, args.predicate, os.environ)
    who = open_who(args)
    for name in attest_images(network(), images, predicate, who, args.attach, sign.timestamp(os.environ)):
        print(name)
    print(f"signed by {visible(who.identity)}", file=sys.stderr)
    return Outcome()
