"""`ci-guard export vap`: the rules as ValidatingAdmissionPolicies."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ci_guard.commands.outcome import Outcome
from ci_guard.model.errors import UsageError
from ci_guard.model.printable import visible


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    vap = actions.add_parser("vap", help="ValidatingAdmissionPolicies for the API server", allow_abbrev=False)
    rules = vap.add_argument_group("rules")
    rules.add_argument("--config", metavar="FILE", default=None, help="configuration (default: .ci-guard.yaml)")
    rules.add_argument("--profile", metavar="NAME", default=None, help="which rules: default, pss-baseline, …")
    rules.add_argument("--select", metavar="RULE,…", default=None, help="export these rules too")
    rules.add_argument("--ignore", metavar="RULE,…", default=None, help="do not export these rules")
    rules.add_argument("--pod-security-version", metavar="v1.N", default=None, help="Pod Security version, or latest")
    form = vap.add_argument_group("policies")
    form.add_argument(
        "--rules-per-policy", choices=("one", "kind"), default="one", help="a policy for each rule, or for each kind"
    )
    form.add_argument(
        "--params", choices=("inline",), default="inline", help="where parameters stand: written into the expressions"
    )
    form.add_argument(
        "--validation-actions", metavar="ACTION,…", default="Deny", help="Deny, Warn, Audit (default: Deny)"
    )
    form.add_argument(
        "--namespace-selector", metavar="LABELS", default="", help="only these namespaces, as kubectl -l takes them"
    )
    form.add_argument(
        "--exclude-namespaces", metavar="NAME,…", default="kube-system", help="not these (default: kube-system)"
    )
    form.add_argument(
        "--output-dir", metavar="DIR", type=Path, default=None, help="a file for each policy (default: stdout)"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Write the policies, and name on stderr every rule that is in none. Raises UsageError, ConfigError."""
    from ci_guard.engine.catalogue import load_catalogue
    from ci_guard.export.manifest import written
    from ci_guard.pipeline import export
    from ci_guard.pipeline.session import open_session

    binding = export.binding_for(args.validation_actions, args.namespace_selector, args.exclude_namespaces)
    session = open_session(Path.cwd(), (), os.environ, vars(args), repo_wide=True, expect_baseline=False)
    selection = session.rules.choice.selection()
    exported = export.admission_policies(load_catalogue(), selection, binding, per_policy=args.rules_per_policy)
    for rule, reason in exported.left_out:
        print(f"not exported: {rule}: {visible(reason)}", file=sys.stderr)
    rules = sum(len(policy.rules) for policy in exported.policies)
    if not rules:
        raise UsageError("none of the chosen rules can be exported")
    if args.output_dir:
        for path in export.write_policies(args.output_dir, exported.policies):
            print(path)
    else:
        sys.stdout.buffer.write(written([o for p in exported.policies for o in (p.policy, p.binding)]))
    print(f"{rules} of {rules + len(exported.left_out)} rules exported", file=sys.stderr)
    if selection.exemptions:
        print(f"not exported: what profile {visible(selection.profile)} exempts by name", file=sys.stderr)
    return Outcome()
