"""SARIF of any tool -> what code scanning takes.

Code scanning shows a suppressed result as open, rejects a file with two runs of one tool and category, a result
without a place, and whatever is beyond its limits, and makes duplicates of alerts without a line hash. So here the
results that are accepted or no flaws are taken out, line hashes are put in, and runs are spread over as many files
as the limits want. All else of a run stays as the tool wrote it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ci_guard.model.errors import InputError
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.ports import ReadBytes
from ci_guard.model.printable import visible
from ci_guard.model.record import field, record
from ci_guard.sarif import access, limits
from ci_guard.sarif.access import JsonObject
from ci_guard.sarif.descriptors import RunRules
from ci_guard.sarif.fingerprint import LINE_HASH, LineHashes
from ci_guard.sarif.places import Places
from ci_guard.sarif.rebuild import finding_of

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@record
class Delivery:
    """One file for code scanning: the runs of one tool, compressed; `notices` say what is not in it, and why."""

    tool: str
    categories: tuple[str, ...]
    results: int
    packed: bytes = field(repr=False)
    notices: tuple[str, ...] = ()


@record
class _Run:
    """A run that is ready: all of it but the results, and these with their severities."""

    tool: str
    category: str
    head: JsonObject
    results: Sequence[tuple[Severity, JsonObject]]
    notices: tuple[str, ...]


def deliveries(logs: Mapping[str, bytes], read: ReadBytes, *, category: str = "") -> list[Delivery]:
    """The files to deliver for the SARIF `logs` (path -> content); `read` gives the files that results point into.

    `category` is for runs that name none. Raises InputError for what is no SARIF 2.1.0, a run without results, two
    runs of one tool and category, or a run that is too large with a hundred results.
    """
    hashes = LineHashes(read)
    runs = [_ready(run, path, category, hashes) for path, data in logs.items() for run in _runs(data, path)]
    _refuse_twins(runs)
    by_tool: dict[str, list[_Run]] = {}
    for run in runs:
        by_tool.setdefault(run.tool, []).append(run)
    return [
        delivery
        for members in by_tool.values()
        for start in range(0, len(members), limits.RUNS)
        for delivery in _packed(members[start : start + limits.RUNS])
    ]


def _runs(data: bytes, path: str) -> Iterator[JsonObject]:
    log = access.parse(data, path)
    if access.text(log, "version") != "2.1.0" or not isinstance(log.get("runs"), list):
        raise InputError(f"{path}: not a SARIF 2.1.0 log with runs")
    yield from access.children(log, "runs")


def _ready(run: JsonObject, path: str, category: str, hashes: LineHashes) -> _Run:
    tool = access.text(access.child(run, "tool", "driver"), "name")
    if not tool:
        raise InputError(f"{path}: a run does not name its tool")
    if not isinstance(run.get("results"), list):
        raise InputError(f"{path}: the run of {visible(tool)} has no list of results: it did not judge")
    head = {name: value for name, value in run.items() if name != "results"}
    named = access.text(access.child(run, "automationDetails"), "id")
    if not named and category:
        named = category.rstrip("/") + "/"
        head["automationDetails"] = {**access.child(run, "automationDetails"), "id": named}
    rules, places = RunRules(run, tool), Places(run)
    kept: list[tuple[Severity, JsonObject]] = []
    left: Counter[str] = Counter()
    for result in access.children(run, "results"):
        finding = finding_of(result, tool, rules, places)
        if reason := _left_out(finding, result, places):
            left[reason] += 1
        elif finding is not None:
            kept.append((finding.severity, _with_line_hash(result, finding, hashes)))
    notices = [f"{count:,} of its results {'is' if count == 1 else 'are'} {why}" for why, count in sorted(left.items())]
    if any(i.get("executionSuccessful") is False for i in access.children(run, "invocations")):
        notices.append("it says that its run did not succeed: alerts that it did not find again will close")
    return _Run(tool, named, head, kept, tuple(notices))


def _left_out(finding: Finding | None, result: JsonObject, places: Places) -> str:
    """Why a result is not delivered, "" when it is."""
    if finding is None:
        return "left out: no flaw, or gone"
    if not finding.counts:
        return "left out: suppressed, which code scanning would show as open"
    if places.first(result) is None:
        return "left out: without a place in a file, for which code scanning would reject all"
    return ""


def _with_line_hash(result: JsonObject, finding: Finding, hashes: LineHashes) -> JsonObject:
    region = finding.location.region
    prints = access.child(result, "partialFingerprints")
    if region is None or LINE_HASH in prints:
        return result
    found = hashes.of(finding.location.path, region.start_line)
    return {**result, "partialFingerprints": {**prints, LINE_HASH: found}} if found else result


def _refuse_twins(runs: Iterable[_Run]) -> None:
    counted = Counter((run.tool, run.category.rpartition("/")[0]) for run in runs)
    for (tool, category), count in counted.items():
        if count > 1:
            which = f"the category {visible(category)}" if category else "no category"
            raise InputError(
                f"{count} runs of {visible(tool)} have {which}: code scanning takes one a tool and category. Let the "
                "tool write one run, or upload the files one by one, each with its own --category"
            )


def _packed(runs: Sequence[_Run]) -> Iterator[Delivery]:
    """One delivery where the runs are small enough together, else several; a run that is alone keeps fewer results."""
    for most in limits.FEWER:
        found = _delivery(runs, most)
        if len(found.packed) <= limits.PACKED_BYTES:
            yield found
            return
        if len(runs) > 1:
            yield from _packed(runs[: len(runs) // 2])
            yield from _packed(runs[len(runs) // 2 :])
            return
    raise InputError(
        f"the run of {visible(runs[0].tool)} has more than {limits.PACKED_BYTES:,} bytes, compressed and with "
        f"{limits.FEWER[-1]} results: code scanning takes no such file"
    )


def _delivery(runs: Sequence[_Run], most: int) -> Delivery:
    written, notices, count = [], [], 0
    for run in runs:
        kept = limits.worst_first(run.results, lambda pair: pair[0], most)
        words, level = limits.said(len(run.results), len(kept))
        head = _with_notification(run.head, words, level) if words else run.head
        written.append({**head, "results": [result for _, result in kept]})
        name = f"{visible(run.category.rpartition('/')[0])}: " if run.category and len(runs) > 1 else ""
        notices += [name + notice for notice in (*run.notices, *filter(None, [words.removesuffix(".")]))]
        count += len(kept)
    # ASCII, and lone surrogates as escapes: any JSON that could be read can be written.
    log = json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": written}, separators=(",", ":"))
    categories = tuple(run.category for run in runs)
    return Delivery(runs[0].tool, categories, count, limits.pack(log.encode("ascii")), tuple(notices))


def _with_notification(head: JsonObject, words: str, level: str) -> JsonObject:
    """The run with one more notification of its tool, in its first invocation."""
    first, *others = list(access.children(head, "invocations")) or [{"executionSuccessful": True}]
    said: list[Any] = [*access.items(first, "toolExecutionNotifications"), {"message": {"text": words}, "level": level}]
    return {**head, "invocations": [{**first, "toolExecutionNotifications": said}, *others]}
