"""`ci-guard attest`: a signed statement about artifacts."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ci_guard.commands.outcome import Outcome
from ci_guard.commands.password import asking
from ci_guard.commands.sign import add_signer

TYPES = "slsaprovenance1, slsaprovenance02, cyclonedx, spdxjson, openvex, vuln, custom, or a URI"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """About what, what, with what, where to."""
    parser.epilog = (
        "Writes one bundle with one in-toto statement about all ARTIFACTs, ARTIFACT.TYPE.sigstore.json unless --output "
        "says otherwise, only after it verified. The password of the key comes from CI_GUARD_KEY_PASSWORD or "
        "COSIGN_PASSWORD, else you are asked."
    )
    help_text = "a file, or sha256:HEX (oci:// references are not supported yet)"
    parser.add_argument("artifacts", metavar="ARTIFACT", nargs="+", help=help_text)
    parser.add_argument("--predicate", metavar="F", type=Path, required=True, help="file with the predicate")
    parser.add_argument("--type", metavar="T", required=True, help=f"predicate type: {TYPES}")
    add_signer(parser)
    parser.add_argument("--output", metavar="FILE", type=Path, default=None, help="where the bundle goes")


def run(args: argparse.Namespace) -> Outcome:
    """Sign the statement, then write the bundle. Raises UsageError, InputError, SigningError."""
    from ci_guard.pipeline import sign
    from ci_guard.pipeline.signers import open_signer, password_from

    sign.refuse_pull_request(os.environ, allowed=args.allow_pull_request)
    output = args.output or sign.attestation_path(args.artifacts, args.type)
    statement = sign.statement_about(args.artifacts, args.type, args.predicate, os.environ)
    signer = open_signer(args.key, password_from(os.environ, asking()))
    sign.sign_one(statement, signer, output)
    print(output)
    return Outcome()
