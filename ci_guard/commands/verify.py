"""`ci-guard verify`: is this bundle good, for this artifact, from this key? Every step is printed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.commands.options import add_output
from ci_guard.commands.outcome import Outcome
from ci_guard.model.errors import EXIT_CLOSED, EXIT_OPEN

if TYPE_CHECKING:
    from ci_guard.attestation.verification import Verdict

SCHEMA = "ci-guard/verification/1"
_MARKS = {"held": "ok", "refused": "REFUSED", "not-checked": "-"}
_TYPES = "slsaprovenance1, slsaprovenance02, cyclonedx, spdxjson, openvex, vuln, custom, or a URI"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, by which evidence, trusting whom, demanding what."""
    parser.epilog = (
        "Exit code 0: verified; 1: refused; 2: usage; 3: a file could not be read. Works offline. Bundles that were "
        "signed without a key (keyless) and artifacts in registries (oci://) are not supported yet and are refused."
    )
    parser.add_argument("artifact", metavar="ARTIFACT", help="a file, or sha256:HEX")
    parser.add_argument("--bundle", metavar="F", type=Path, required=True, help="the Sigstore bundle, v0.1 to v0.3")
    parser.add_argument("--key", metavar="K", required=True, help="the public key that is trusted, PEM")
    parser.add_argument("--type", metavar="T", default=None, help=f"demand an attestation of this type: {_TYPES}")
    parser.add_argument("--builder-id", metavar="URI", default="", help="demand provenance by this builder")
    add_output(parser, ("text", "json"))


def run(args: argparse.Namespace) -> Outcome:
    """Verify and print the steps. Raises UsageError, InputError."""
    from ci_guard.attestation.bundle import MAX_BYTES
    from ci_guard.attestation.policy import Expectations, predicate_type
    from ci_guard.attestation.verification import examine
    from ci_guard.pipeline.artifact import artifact, read_named
    from ci_guard.pipeline.signers import open_verifying_key

    expected = Expectations(predicate_type(args.type) if args.type else "", args.builder_id)
    key = open_verifying_key(args.key)
    wanted = artifact(args.artifact)
    verdict = examine(read_named(args.bundle, MAX_BYTES), wanted, key, expected)
    text = _json(args, verdict) if args.format == "json" else _text(args, verdict)
    _emit(text, args.output)
    return Outcome(exit_code=EXIT_OPEN if verdict.verified else EXIT_CLOSED)


def _text(args: argparse.Namespace, verdict: Verdict) -> str:
    lines = []
    if not args.quiet:
        lines = [f"{s.number} {s.name:<15} {_MARKS[s.result]:<8} {s.detail}" for s in verdict.steps]
    if verdict.verified:
        what = f"{verdict.predicate_type} about" if verdict.predicate_type else "signature over"
        lines.append(f"verified: {what} {args.artifact}, signed by {verdict.identity}")
    else:
        lines.append(f"not verified: {args.artifact} by {args.bundle}: {verdict.reason}")
    return "".join(f"{_printable(line)}\n" for line in lines)


def _json(args: argparse.Namespace, verdict: Verdict) -> str:
    document = {
        "schema": SCHEMA,
        "artifact": args.artifact,
        "bundle": str(args.bundle),
        "verified": verdict.verified,
        "reason": verdict.reason,
        "identity": verdict.identity,
        "predicateType": verdict.predicate_type,
        "steps": [
            {"number": s.number, "name": s.name, "result": str(s.result), "detail": s.detail} for s in verdict.steps
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _emit(text: str, output: str | None) -> None:
    if output is None:
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return
    from ci_guard.source.edit import replace_file

    replace_file(Path(output), text.encode("utf-8", "surrogateescape"))


def _printable(text: str) -> str:
    """A bundle is a stranger's text: no terminal controls, no direction marks, one line."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
