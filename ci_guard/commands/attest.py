"""`ci-guard attest`: a signed statement about artifacts."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ci_guard.commands.outcome import Outcome
from ci_guard.commands.sign import WHO, add_signer, open_who
from ci_guard.model.printable import visible

TYPES = "slsaprovenance1, slsaprovenance02, cyclonedx, spdxjson, openvex, vuln, custom, or a URI"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """About what, what, with what, where to."""
    parser.epilog = (
        "Writes one bundle with one in-toto statement about all ARTIFACTs, ARTIFACT.TYPE.sigstore.json unless --output "
        "says otherwise, only after it verified. " + WHO
    )
    help_text = "a file, or sha256:HEX (oci:// references are not supported yet)"
    parser.add_argument("artifacts", metavar="ARTIFACT", nargs="+", help=help_text)
    parser.add_argument("--predicate", metavar="F", type=Path, required=True, help="file with the predicate")
    parser.add_argument("--type", metavar="T", required=True, help=f"predicate type: {TYPES}")
    add_signer(parser)
    parser.add_argument("--output", metavar="FILE", type=Path, default=None, help="where the bundle goes")


def run(args: argparse.Namespace) -> Outcome:
    """Sign the statement, then write the bundle. Raises UsageError, InputError, SigningError, ServiceError."""
    from ci_guard.pipeline import sign

    sign.refuse_pull_request(os.environ, allowed=args.allow_pull_request)
    output = args.output or sign.attestation_path(args.artifacts, args.type)
    statement = sign.statement_about(args.artifacts, args.type, args.predicate, os.environ)
    who = open_who(args)
    sign.sign_one(statement, who, output)
    print(output)
    print(f"signed by {visible(who.identity)}", file=sys.stderr)
    return Outcome()
