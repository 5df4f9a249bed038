"""`ci-guard gate FILE.sarif…`, `--from DIR` or `--replay F`: decide on results of any tool, or of an earlier run."""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path

from ci_guard.commands.options import FAIL_ON, add_output, add_rules
from ci_guard.commands.outcome import Outcome
from ci_guard.commands.printing import show
from ci_guard.commands.sign import add_identity, open_who
from ci_guard.config import values
from ci_guard.gate import verdict_json
from ci_guard.model.errors import EXIT_BROKEN, UsageError
from ci_guard.model.printable import visible
from ci_guard.pipeline.gate import VERDICT_NAME, Gated, GateRequest, decide_gate, replay
from ci_guard.source.edit import replace_file
from ci_guard.suppress import baseline, ratchet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="SARIF 2.1.0 of any tool; several are judged as one")
    parser.add_argument("--from", dest="directory", metavar="DIR", help="what `ci-guard run --output-dir DIR` left")
    parser.add_argument(
        "--replay", metavar="VERDICT", default=None, help="derive a verdict.json once more, byte for byte"
    )
    parser.add_argument("--allow-empty", action="store_true", help="open the gate although nothing was judged")
    parser.add_argument("--output-dir", metavar="DIR", default=None, help="leave verdict.json (and the summary) there")
    parser.add_argument("--write-baseline", metavar="FILE", default=None, help="accept all that is there today")
    parser.add_argument(
        "--write-ratchet", metavar="FILE", default=None, help="write today's counts, never more than before"
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--key", metavar="KEY", default=None, help="sign a verification summary: vsa.sigstore.json")
    who.add_argument("--keyless", action="store_true", help="sign it as the identity of this CI job")
    parser.add_argument("--subject", metavar="ARTIFACT", action="append", default=[], help="what the summary is about")
    group = parser.add_argument_group("policy")
    group.add_argument("--config", metavar="FILE", default=None, help="configuration (default: .ci-guard.yaml)")
    group.add_argument(
        "--extends", metavar="FILE", default=None, help="a shared policy, which the repo may only tighten"
    )
    add_rules(group)
    group.add_argument("--fail-on", choices=FAIL_ON, default=None, help="lowest severity that fails (default: high)")
    group.add_argument("--select", metavar="RULE,…", default="", help="only these: TOOL, RULE or TOOL/RULE")
    group.add_argument("--ignore", metavar="RULE,…", default="", help="all but these: TOOL, RULE or TOOL/RULE")
    group.add_argument("--baseline", metavar="FILE", default=None, help="findings that were accepted earlier")
    group.add_argument("--ratchet", metavar="FILE", default=None, help="how many of a severity there may be")
    group.add_argument("--base", metavar="REV", default=None, help="the commit whose policy judges a change")
    group.add_argument("--since", metavar="REV", default=None, help="only what is new since REV")
    add_output(parser)
    add_identity(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Read, merge, apply the policy in force, decide, print. Raises CiGuardError."""
    if sum(map(bool, (args.files, args.directory, args.replay))) != 1:
        raise UsageError("gate: name SARIF files, or one directory with --from, or one verdict with --replay")
    if args.replay:
        return _replay(args)
    several = values.separated(values.named)
    request = GateRequest(
        Path.cwd(),
        os.environ,
        vars(args),
        tuple(map(Path, args.files)),
        Path(args.directory) if args.directory else None,
        args.allow_empty,
        several(args.select),
        several(args.ignore),
    )
    gated = decide_gate(request)
    show(gated.report, gated.verdict, args, request.root)
    if args.write_ratchet:
        counts = ratchet.tightened(gated.policy.ratchet or None, gated.verdict.counts)
        replace_file(Path(args.write_ratchet), ratchet.write(counts))
    if args.write_baseline:
        replace_file(Path(args.write_baseline), baseline.write(baseline.from_findings(gated.report.findings)))
    _leave(args, gated)
    return Outcome(gated.report, gated.verdict.exit_code)


def _leave(args: argparse.Namespace, gated: Gated) -> None:
    """Write verdict and summary, where they are asked for."""
    if not (args.output_dir or args.key or args.keyless):
        return
    folder = Path(args.output_dir or args.directory or ".")
    folder.mkdir(parents=True, exist_ok=True)
    if args.output_dir:
        data = verdict_json(gated.verdict, gated.report, gated.evidence.document())
        replace_file(folder / VERDICT_NAME, data)
    if args.key or args.keyless:
        _sign(args, gated, folder)


def _sign(args: argparse.Namespace, gated: Gated, folder: Path) -> None:
    from ci_guard.pipeline.signing.summary import VSA_FILE, summary
    from ci_guard.pipeline.verification.artifact import named_subjects

    about = (
        named_subjects(args.subject) if args.subject else [(Path(n).name, d) for n, d in gated.evidence.results.items()]
    )
    commit = gated.report.scope.commit
    data, why_not = summary(
        gated.verdict, gated.evidence, about, commit=commit, signer=partial(open_who, args), environ=os.environ
    )
    if data:
        replace_file(folder / VSA_FILE, data)
        return
    (folder / VSA_FILE).unlink(missing_ok=True)  # of an earlier run: it would pass for one of this
    print(f"No verification summary was signed: {why_not}.")


def _replay(args: argparse.Namespace) -> Outcome:
    """Exit as the verdict did when everything is as it was, 3 when not."""
    again = replay(Path(args.replay), Path.cwd())
    if again.differences or again.gated is None:
        print(f"{args.replay} cannot be derived again:")
        for difference in again.differences:
            print(f"  {visible(difference)}")
        return Outcome(exit_code=EXIT_BROKEN)
    print(f"The same inputs give the same verdict. {again.gated.verdict.paragraph}")
    return Outcome(again.gated.report, again.gated.verdict.exit_code)
