"""`ci-guard deps db update|status`: which advisories there are to judge by, and how old they are."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.commands.options import add_online
from ci_guard.commands.outcome import Outcome
from ci_guard.config import values
from ci_guard.config.settings import setting, switch
from ci_guard.model.errors import EXIT_BROKEN, EXIT_OPEN, UsageError
from ci_guard.model.printable import visible

if TYPE_CHECKING:
    from ci_guard.advisories.cache import Entry
    from ci_guard.pipeline.dependencies.databases import Line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="db", metavar="ACTION", required=True)
    update = actions.add_parser("update", help="take databases in", allow_abbrev=False)
    update.add_argument("paths", metavar="PATH", nargs="*", help="all.zip, a folder of records, a KEV or EPSS file")
    update.add_argument("--as-of", metavar="DAY", default=None, help="the day the data is of (default: as it says)")
    update.add_argument("--ecosystem", metavar="NAME", action="append", default=[], help="with --online: what to fetch")
    update.add_argument("--url", metavar="URL", default=None, help="with --online: where the databases are")
    add_online(update)
    status = actions.add_parser("status", help="tell what is there", allow_abbrev=False)
    status.add_argument("--advisories-max-age", metavar="DAYS", default=None, help="how old data may be (default: 7)")


def run(args: argparse.Namespace) -> Outcome:
    """Update: exit 0, or 3 and nothing changed. Status: 3 when there is nothing, or something is too old."""
    from ci_guard.advisories import cache  # `deps check` need not load what only this needs
    from ci_guard.pipeline.dependencies.databases import lines
    from ci_guard.pipeline.policy.boundary import day_of

    folder = cache.folder(os.environ)
    if args.db == "update":
        return _update(args, folder)
    limit = setting("advisories_max_age", values.days, options=vars(args), environ=os.environ, configured=7)
    entries = cache.installed(folder)
    _show(told := lines(folder, entries, day_of(os.environ), limit))
    if not entries:
        print("no advisory databases; `ci-guard deps db update PATH` takes one in")
    return Outcome(exit_code=EXIT_OPEN if entries and all(line.good for line in told) else EXIT_BROKEN)


def _update(args: argparse.Namespace, folder: Path) -> Outcome:
    from datetime import UTC, datetime

    from ci_guard.advisories import cache
    from ci_guard.pipeline.dependencies.databases import download, lines
    from ci_guard.pipeline.policy.boundary import day_of

    as_of = _day(args.as_of)
    online = switch("online", vars(args), os.environ)
    if online and not args.ecosystem:
        raise UsageError("deps db update --online needs --ecosystem NAME: what to fetch")
    if not online and not args.paths:
        raise UsageError("deps db update needs a PATH: an all.zip, a folder of records, a KEV or EPSS file")
    if args.ecosystem and not online:
        raise UsageError("--ecosystem names what to fetch, and nothing is fetched without --online")
    made: dict[str, Entry] = {}
    for path in args.paths:
        made |= cache.take_in(folder, Path(path), as_of)
    if online:
        fetched_on = as_of or datetime.now(UTC).date().isoformat()
        made |= download(folder, args.ecosystem, fetched_on, args.url)
    _show(lines(folder, made, day_of(os.environ), values.MAX_DAYS))
    return Outcome()


def _day(given: str | None) -> str:
    if given is None:
        return ""
    try:
        return values.day(given).isoformat()
    except ValueError as error:
        raise UsageError(f"--as-of: {error}") from None


def _show(told: list[Line]) -> None:
    for line in told:
        print(visible(line.text))
