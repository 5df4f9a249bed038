"""Shows verdicts: their numbered steps as text, JSON or SARIF; for every kind of evidence that `verify` knows."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci_guard.model.record import record

if TYPE_CHECKING:
    from ci_guard.attestation.artifact import Artifact
    from ci_guard.attestation.trustedroot import TrustedRoot
    from ci_guard.attestation.verdict import Verdict
    from ci_guard.pipeline.verification.bundles import Examined

SCHEMA = "ci-guard/verification/2"
_MARKS = {"held": "ok", "refused": "REFUSED", "not-checked": "-", "warned": "WARNING"}


@record
class Shown:
    """What was verified (`name` as the user says it), and what became of it; `plain` says what holds without a type.

    `together` also says what all pieces of evidence add up to, where one of several may be enough.
    """

    name: str
    artifact: Artifact
    examined: Examined
    roots: Sequence[TrustedRoot] = ()
    plain: str = "signature over"
    together: bool = False


def show(args: argparse.Namespace, shown: Shown) -> None:
    """Print or write it as `--format`, `--output` and `--quiet` ask."""
    now = datetime.now(UTC)
    if args.format == "sarif":
        from ci_guard.pipeline.verification.bundles import report
        from ci_guard.sarif.writer import write as sarif
        from ci_guard.source.files import read_or_none

        data = sarif(
            report(shown.artifact, shown.examined.verdicts),
            partial(read_or_none, Path.cwd()),
            categories=["provenance"],
        )
        _emit(data.decode("ascii"), args.output)
    elif args.format == "json":
        _emit(_json(shown, now), args.output)
    else:
        _emit(_text(shown, bool(args.quiet), now), args.output)


def _text(shown: Shown, quiet: bool, now: datetime) -> str:
    lines = []
    examined = shown.examined
    for name, verdict in examined.verdicts.items():
        if not quiet:
            lines += [f"{name}:"] if len(examined.verdicts) > 1 else []
            lines += [f"{s.number:>2} {s.name:<15} {_MARKS[s.result]:<8} {s.detail}" for s in verdict.steps]
        if verdict.verified:
            what = f"{verdict.predicate_type} about" if verdict.predicate_type else shown.plain
            lines.append(f"verified: {what} {shown.name}, signed by {verdict.identity}")
        else:
            lines.append(f"not verified: {shown.name} by {name}: {verdict.reason}")
    if len(examined.verdicts) > 1 or shown.together:
        lines.append(f"all together not verified: {examined.reason}" if examined.reason else "all together verified")
    lines += [] if quiet else [_age(root, now) for root in shown.roots]
    return "".join(f"{_printable(line)}\n" for line in lines)


def _age(root: TrustedRoot, now: datetime) -> str:
    """The root's age: a root that is too old misses keys that came, and still has keys that went."""
    from ci_guard.pipeline.verification.trust import age_in_days

    days = age_in_days(root, now)
    if root.newest is None or days is None:
        return f"trusted root {root.name}: names nobody"
    fresh = f"fresh until {root.fresh_until:%Y-%m-%dT%H:%M:%SZ}" if root.fresh_until else "not refreshed"
    return f"trusted root {root.name}: its newest key is of {root.newest:%Y-%m-%d}, {days} days ago; {fresh}"


def _json(shown: Shown, now: datetime) -> str:
    from ci_guard.pipeline.verification.trust import age_in_days

    examined = shown.examined
    document = {
        "schema": SCHEMA,
        "artifact": shown.name,
        "verified": examined.verified,
        "reason": examined.reason,
        "bundles": [{"bundle": name, **_verdict_json(verdict)} for name, verdict in examined.verdicts.items()],
        "trustedRoots": [
            {
                "name": root.name,
                "sha256": root.digest,
                "newestKey": root.newest.isoformat() if root.newest else None,
                "ageInDays": age_in_days(root, now),
                "freshUntil": root.fresh_until.isoformat() if root.fresh_until else None,
            }
            for root in shown.roots
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "verified": verdict.verified,
        "reason": verdict.reason,
        "identity": verdict.identity,
        "predicateType": verdict.predicate_type,
        "steps": [
            {"number": s.number, "name": s.name, "result": str(s.result), "detail": s.detail} for s in verdict.steps
        ],
    }


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
