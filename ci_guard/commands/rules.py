"""`ci-guard rules`: list, show, document, start and test rules; build the catalogue."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.commands.options import add_rules
from ci_guard.commands.outcome import Outcome
from ci_guard.engine.catalogue import load_catalogue, rules_folder
from ci_guard.model.errors import EXIT_BROKEN, EXIT_OPEN, EXIT_USAGE, UsageError

if TYPE_CHECKING:
    from ci_guard.engine.ownrules import OwnFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the rules of a profile")
    listing.add_argument("--profile", metavar="NAME", default="all", help="only the rules of this profile")
    listing.add_argument("--pod-security-version", metavar="v1.N", default="latest", help="at this version")
    show = actions.add_parser("show", help="everything about one rule")
    show.add_argument("rule", metavar="RULE")
    docs = actions.add_parser("docs", help="write a page for each rule to docs/rules, and docs/frameworks.md")
    docs.add_argument("--check", action="store_true", help="write nothing; exit 2 if something is out of date")
    docs.add_argument("--output-dir", metavar="DIR", type=Path, default=None, help="where to (default: docs/rules)")
    catalog = actions.add_parser("catalog", help="write rules/catalog.json and rules/schema.json")
    catalog.add_argument("--check", action="store_true", help="write nothing; exit 2 if something is out of date")
    new = actions.add_parser("new", help="start a rule")
    new.add_argument("rule", metavar="FOLDER/RULE")
    test = actions.add_parser("test", help="run the examples of rules")
    test.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="rule files or folders (default: all)")

    for action in (listing, show, docs, new, test):
        add_rules(action)


def run(args: argparse.Namespace) -> Outcome:
    """Do the action. Raises UsageError, ConfigError, RuleError."""
    return Outcome(exit_code=_ACTIONS[args.action](args))


def _own(args: argparse.Namespace) -> list[OwnFile]:
    """The files of `--rules DIR`. Raises ConfigError, InputError."""
    if not args.rules:
        return []
    from ci_guard.engine.ownrules import OwnFile
    from ci_guard.pipeline.policy.boundary import own_rules
    from ci_guard.pipeline.policy.source import PolicySource

    return [OwnFile(path, data) for path, data in own_rules(PolicySource(Path.cwd(), None), args.rules)]


def _list(args: argparse.Namespace) -> int:
    catalogue = load_catalogue(_own(args))
    selection = catalogue.select(args.profile, pod_security_version=args.pod_security_version, repo_wide=True)
    width = max((len(id) for id in selection.rules), default=0)
    for id, selected in selection.rules.items():
        print(f"{id:<{width}}  {selected.severity:<8}  {selected.rule.category}")
    for notice in selection.notices:
        print(notice.message, file=sys.stderr)
    return EXIT_OPEN


def _show(args: argparse.Namespace) -> int:
    from ci_guard.engine.documentation import page
    from ci_guard.pipeline.export import why_not_exported

    catalogue = load_catalogue(_own(args))
    print(page(catalogue.file_of(args.rule)), end="")
    print(_in_a_policy(why_not_exported(catalogue, args.rule)))
    return EXIT_OPEN


def _in_a_policy(reason: str) -> str:
    """Whether an admission policy can judge the rule, or why not."""
    return f"\n## In an admission policy\n\nportable: {f'no, {reason}' if reason else 'yes'} (`ci-guard export vap`)"


def _docs(args: argparse.Namespace) -> int:
    from ci_guard.engine import building, documentation, frameworks, frameworks_page

    folder = rules_folder()
    if args.rules:
        if args.output_dir is None:
            raise UsageError("rules docs --rules DIR: say with --output-dir where the pages go")
        own = load_catalogue(_own(args)).own
        return _settle(args.output_dir, documentation.pages(own.values()), args.check, stale=set())
    target = args.output_dir or folder.parent / "docs" / "rules"
    found = list(building.rule_files(folder))
    settled = _settle(target, documentation.pages(found), args.check, stale=set(target.rglob("*.md")))
    if args.output_dir:
        return settled
    overview = {"frameworks.md": frameworks_page.page(frameworks.read_all(folder), found)}
    return max(settled, _settle(target.parent, overview, args.check, stale=set()))


def _catalog(args: argparse.Namespace) -> int:
    from ci_guard.engine import building

    folder = rules_folder()
    return _settle(folder, building.generated(folder), args.check, stale=set())


def _settle(folder: Path, wanted: dict[str, bytes], check: bool, stale: set[Path]) -> int:
    """Write what differs and remove what is stale, or (check) only name it."""
    from ci_guard.source.edit import replace_file

    files = {folder / name: data for name, data in wanted.items()}
    differing = [path for path, data in files.items() if not path.is_file() or path.read_bytes() != data]
    leftover = sorted(stale - files.keys())
    for path in [*differing, *leftover]:
        print(f"{'out of date' if check else 'removed' if path in leftover else 'written'}: {path}")
    if check:
        return EXIT_USAGE if differing or leftover else EXIT_OPEN
    for path in differing:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, files[path])
    for path in leftover:
        path.unlink()
    return EXIT_OPEN


def _new(args: argparse.Namespace) -> int:
    from ci_guard.engine.documentation import skeleton
    from ci_guard.engine.ruleformat import RULE_ID

    category, _, rule = args.rule.partition("/")
    if any(RULE_ID.flaws(category)) or any(RULE_ID.flaws(rule)):
        raise UsageError(f"{args.rule!r} is no FOLDER/RULE in kebab-case, as reliability/single-replica")
    if len(args.rules or ()) > 1:
        raise UsageError("rules new: one --rules DIR, where the rule goes")
    if rule in load_catalogue().rules:
        raise UsageError(f"there is a rule {rule} already")
    path = Path(args.rules[0] if args.rules else rules_folder()) / category / f"{rule}.yaml"
    if path.exists():
        raise UsageError(f"{path} is there already")
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(skeleton(rule), "utf-8")
    print(f"{path}: edit it, then: ci-guard rules test {path}")
    return EXIT_OPEN


def _test(args: argparse.Namespace) -> int:
    from ci_guard.pipeline.rules_test import test_rules

    results = test_rules(rules_folder(), [*args.paths, *map(Path, args.rules or ())])
    for result in results:
        for flaw in result.flaws:
            print(f"{result.rule}: {flaw}")
    failed = sum(bool(r.flaws) for r in results)
    examples = sum(r.examples for r in results)
    skipped = sum(r.skipped for r in results)
    print(f"{len(results)} rules, {examples} examples judged, {skipped} not run, {failed} rules failed")
    return EXIT_BROKEN if failed else EXIT_OPEN


_ACTIONS = {"list": _list, "show": _show, "docs": _docs, "catalog": _catalog, "new": _new, "test": _test}
