"""`ci-guard keygen`: a key pair in cosign's format."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ci_guard.commands.outcome import Outcome
from ci_guard.commands.password import ask_twice


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the two files go."""
    parser.epilog = (
        "Writes PREFIX.key (encrypted, readable by you only) and PREFIX.pub, as cosign does, and never overwrites "
        "a file. The password comes from CI_GUARD_KEY_PASSWORD or COSIGN_PASSWORD, else you are asked."
    )
    parser.add_argument(
        "--output-key-prefix", metavar="PREFIX", default="cosign", help="path of the files without ending (cosign)"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Make the pair. Raises UsageError when a file is there already, SigningError without a password."""
    from ci_guard.pipeline.signing import keygen
    from ci_guard.pipeline.signing.signers import password_from

    private, public = Path(f"{args.output_key_prefix}.key"), Path(f"{args.output_key_prefix}.pub")
    password = password_from(os.environ, ask_twice if sys.stdin.isatty() else None)
    hint = keygen.write_pair(private, public, password)
    print(f"{private}\n{public}")
    print(f"Key {hint}: keep {private} secret, hand out {public}.", file=sys.stderr)
    return Outcome()
