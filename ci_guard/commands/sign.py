"""`ci-guard sign`: a signature bundle for each artifact."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ci_guard.commands.outcome import Outcome
from ci_guard.commands.password import asking

_ARTIFACT = "a file, or sha256:HEX (oci:// references are not supported yet)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to sign, with what, where to."""
    parser.epilog = (
        "Writes ARTIFACT.sigstore.json, a Sigstore bundle v0.3, only after it verified. The password of the key comes "
        "from CI_GUARD_KEY_PASSWORD or COSIGN_PASSWORD, else you are asked. Signing without a key (keyless) is not "
        "supported yet."
    )
    parser.add_argument("artifacts", metavar="ARTIFACT", nargs="+", help=_ARTIFACT)
    add_signer(parser)
    parser.add_argument("--output-dir", metavar="DIR", type=Path, default=None, help="where the bundles go")


def add_signer(parser: argparse.ArgumentParser) -> None:
    """`--key` and `--allow-pull-request`, the same for `sign` and `attest`."""
    parser.add_argument("--key", metavar="K", required=True, help="private key file: cosign's, or plain PEM")
    parser.add_argument(
        "--allow-pull-request", action="store_true", help="sign on a pull request too, where its code may run"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Sign every artifact, then write every bundle. Raises UsageError, InputError, SigningError."""
    from ci_guard.pipeline import sign
    from ci_guard.pipeline.signers import open_signer, password_from

    sign.refuse_pull_request(os.environ, allowed=args.allow_pull_request)
    targets = sign.targets(args.artifacts, args.output_dir)
    signer = open_signer(args.key, password_from(os.environ, asking()))
    for path in sign.sign_all(targets, signer):
        print(path)
    return Outcome()
