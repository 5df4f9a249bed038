"""`ci-guard run`: the main job."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.commands.attest import add_subjects
from ci_guard.commands.options import add_advisories, add_images, add_online, add_output, add_policy
from ci_guard.commands.outcome import Outcome
from ci_guard.commands.printing import show
from ci_guard.commands.sign import add_identity, open_who
from ci_guard.config.settings import switch
from ci_guard.model.errors import EXIT_CLOSED, EXIT_OPEN, UsageError
from ci_guard.pipeline.run import CYCLONEDX_FILE, SPDX_FILE, Ran, RunRequest
from ci_guard.pipeline.run import run as run_job
from ci_guard.pipeline.session import open_session
from ci_guard.pipeline.signing.subjects import gather
from ci_guard.pipeline.verification.artifact import pull_request
from ci_guard.report.actions_output import outputs_of, write_artifacts, write_outputs, write_summary
from ci_guard.report.progress import progress_for

if TYPE_CHECKING:
    from ci_guard.attestation.signatory import Signatory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", metavar="PATH", nargs="?", default=".", help="folder to judge (default: .)")
    parser.add_argument("--output-dir", metavar="DIR", default="ci-guard-out", help="where the files go")
    parser.add_argument("--subject", metavar="ARTIFACT", action="append", default=[], help="what provenance is about")
    add_subjects(parser)
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--key", metavar="KEY", default=None, help="private key that signs; without: nothing is signed")
    keyless = "sign as the identity of this CI job; asks Sigstore's services, whatever --online says"
    who.add_argument("--keyless", action="store_true", help=keyless)
    parser.add_argument("--defer-gate", action="store_true", help="exit 0 on findings; `gate --from DIR` decides later")
    parser.add_argument("--allow-empty", action="store_true", help="open the gate although nothing was judged")
    add_images(parser)
    add_advisories(parser)
    add_policy(parser)
    add_output(parser)
    add_online(parser)
    add_identity(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Do the main job, show the report, tell the CI. Exit 0, 1 or 3 by the verdict."""
    session = open_session(Path.cwd(), [args.path], os.environ, vars(args), repo_wide=True)
    request = RunRequest(
        session,
        Path(args.output_dir),
        os.environ,
        signer=_signer(args),
        subjects=tuple(_subjects(args)),
        allow_empty=args.allow_empty,
        command=("ci-guard", "run", args.path),
        online=switch("online", vars(args), os.environ),
        options=vars(args),
    )
    ran = run_job(request, progress_for(quiet=bool(args.quiet)))
    show(ran.report, ran.verdict, args, session.root)
    _tell_runner(ran, request)
    deferred = args.defer_gate and ran.verdict.exit_code == EXIT_CLOSED
    return Outcome(ran.report, EXIT_OPEN if deferred else ran.verdict.exit_code)


def _signer(args: argparse.Namespace) -> Callable[[], Signatory] | None:
    """Who signs: a key is opened at once, so that a wrong password is said at once. Raises UsageError, SigningError.

    Not on a pull request: nothing is signed there, and from a fork there is no secret, so no key.
    """
    if not args.key and not args.keyless:
        if args.identity_token or args.trust_config or args.signing_config or args.signer_program:
            raise UsageError("these options are about signing: add --keyless, or --key K")
        return None
    if args.keyless or pull_request(os.environ):
        return partial(open_who, args)
    signatory = open_who(args)
    return lambda: signatory


def _subjects(args: argparse.Namespace) -> list[tuple[str, str]]:
    """What the user says that provenance is about; empty: what is judged. Raises UsageError, InputError."""
    return gather(args.subject, args.glob, args.checksums) if args.subject or args.glob or args.checksums else []


def _tell_runner(ran: Ran, request: RunRequest) -> None:
    """Outputs, summary and artifacts, where a workflow's runner wants them."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    if output := os.environ.get("GITHUB_OUTPUT"):
        policy = request.session.policy
        compared = policy.baseline is not None or bool(policy.config.since)
        write_outputs(Path(output), outputs_of(ran.verdict, request.folder.absolute(), compared=compared))
    if artifacts := os.environ.get("GITHUB_ARTIFACTS"):
        write_artifacts(Path(artifacts), [path for path in ran.written if path.name in (CYCLONEDX_FILE, SPDX_FILE)])
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        write_summary(Path(summary), (request.folder / "report.md").read_text("utf-8"))
