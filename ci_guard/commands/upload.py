"""`ci-guard upload FILE.sarif…`: results of any tool into GitHub code scanning, from any CI."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ci_guard.commands.outcome import Outcome
from ci_guard.model.errors import EXIT_BROKEN, EXIT_OPEN, UsageError
from ci_guard.model.printable import visible
from ci_guard.pipeline.checkout import Checkout
from ci_guard.pipeline.upload import Prepared, UploadRequest, described, prepare, upload


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.epilog = (
        "The token comes from GH_TOKEN or GITHUB_TOKEN and needs `security-events: write`. Repository, commit and ref "
        "are those of the CI (GitHub, GitLab, Azure, Buildkite, CircleCI, Jenkins), else of git. Suppressed results "
        "are left out, for code scanning would show them as open. Asks GitHub, whatever --online says."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="SARIF 2.1.0 of any tool")
    parser.add_argument("--repository", metavar="OWNER/NAME", default="", help="whose code scanning")
    parser.add_argument("--commit", metavar="SHA", default="", help="the commit that was analysed")
    parser.add_argument("--ref", metavar="REF", default="", help="refs/heads/…, refs/tags/… or refs/pull/N/head")
    parser.add_argument("--category", metavar="NAME", default="", help="for runs that name none themselves")
    parser.add_argument("--github-url", metavar="URL", default="", help="of a GitHub Enterprise Server")
    waiting = "how long to wait for GitHub to process it; 0: do not (default: 300)"
    parser.add_argument("--wait", metavar="SECONDS", type=float, default=300, help=waiting)
    parser.add_argument("--dry-run", action="store_true", help="say what would be sent; asks nobody")


def run(args: argparse.Namespace) -> Outcome:
    """Upload and say what became of it. Exit 0, or 3 when GitHub rejected something. Raises CiGuardError."""
    if not 0 <= args.wait <= 86_400:
        raise UsageError("--wait: from 0 to 86,400 seconds")
    request = UploadRequest(
        Path.cwd(),
        os.environ,
        tuple(args.files),
        Checkout(args.repository, args.commit, args.ref),
        args.category,
        args.github_url,
        args.wait,
    )
    prepared = prepare(request)
    _tell(prepared)
    if args.dry_run:
        return Outcome()
    broken = False
    for one in upload(request, prepared, print):
        for error in one.errors:
            broken = True
            print(f"GitHub rejected {described(one.delivery)}: {error}")
    if not broken:
        print("GitHub has processed all of it." if args.wait else "Whether GitHub processes it was not waited for.")
    return Outcome(exit_code=EXIT_BROKEN if broken else EXIT_OPEN)


def _tell(prepared: Prepared) -> None:
    about = prepared.analysis
    print(f"{visible(prepared.repository)} at {about.commit[:12]}, {visible(about.ref)}:")
    for delivery in prepared.deliveries:
        print(f"  {described(delivery)}, {len(delivery.packed):,} bytes")
        for notice in delivery.notices:
            print(f"    {notice}")
