"""`ci-guard verify --layout`: was the supply chain carried out as its in-toto layout says?"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ci_guard.commands import verdicts
from ci_guard.commands.outcome import Outcome
from ci_guard.model.errors import EXIT_CLOSED, EXIT_OPEN, UsageError

OF_BUNDLES = (
    *("images", "bundle", "from_github", "type", "min_signers"),
    *("key", "cert_identity", "cert_identity_regexp", "cert_oidc_issuer", "cert_oidc_issuer_regexp"),
    *("cert_repository", "cert_workflow", "cert_ref", "cert_trigger", "cert_builder"),
    *("trust", "trusted_root", "tuf_url", "tuf_root"),
    *("builder_id", "build_type", "source", "external_parameters", "policy_expression", "predicate_policy"),
)
"""Options of `verify` that belong to bundles and to nothing else."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--layout` and what belongs to it."""
    group = parser.add_argument_group("in-toto layouts, instead of bundles")
    group.add_argument("--layout", metavar="L", type=Path, default=None, help="a signed layout, Metablock or DSSE")
    key = "a public key, PEM, that must have signed the layout; repeated: all"
    group.add_argument("--layout-key", metavar="K", type=Path, action="append", default=[], help=key)
    links = "where the links are, STEP.KEYID.link (default: beside the layout)"
    group.add_argument("--link-dir", metavar="DIR", type=Path, default=None, help=links)
    inspect = "let the layout execute the commands of its inspections, in DIR, where the product is"
    group.add_argument("--run-inspections", metavar="DIR", type=Path, default=None, help=inspect)


def refuse_alone(args: argparse.Namespace) -> None:
    """Raises UsageError for an option that nothing would use."""
    if args.layout_key or args.link_dir or args.run_inspections:
        raise UsageError("--layout-key, --link-dir and --run-inspections belong to --layout")


def run(args: argparse.Namespace) -> Outcome:
    """Verify and print the steps. Raises UsageError, InputError."""
    from ci_guard.pipeline.verification.artifact import artifact
    from ci_guard.pipeline.verification.bundles import Examined
    from ci_guard.pipeline.verification.layout import Demand, verify_layout

    if any(getattr(args, name) for name in (*OF_BUNDLES, "trust_policy", "trust_store")):
        raise UsageError(
            "--layout is verified with --layout-key and its links: no bundles and no other trust beside it"
        )
    wanted = artifact(args.artifact) if args.artifact else None
    demand = Demand(args.layout, tuple(args.layout_key), args.link_dir, args.run_inspections)
    verdict = verify_layout(demand, wanted, os.environ)
    examined = Examined({str(args.layout): verdict}, verdict.reason)
    about = wanted or artifact(str(args.layout))
    name = args.artifact or str(args.layout)
    verdicts.show(args, verdicts.Shown(name, about, examined, plain="supply chain of"))
    return Outcome(exit_code=EXIT_OPEN if verdict.verified else EXIT_CLOSED)
