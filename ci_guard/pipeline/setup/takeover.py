"""What other tools were told, as our configuration says it: only what has an effect here, and what had to be left.

A skip of theirs may concern several of our rules; an entry is written for those that find something there today, so
that the new configuration holds nothing unused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from ci_guard.config.globs import inside
from ci_guard.config.types import SuppressionEntry
from ci_guard.model.finding import Finding
from ci_guard.model.record import record, replace
from ci_guard.setup.configuration import Acceptance, Draft
from ci_guard.setup.peers.table import rules_of
from ci_guard.setup.peers.wishes import Leftover, Skip, Wishes
from ci_guard.suppress.ledger import speaks_of

Judge = Callable[[Draft], Sequence[Finding]]
"""The findings by a drafted configuration, before anything is accepted."""

UNKNOWN = "is no check that we know"
UNCOVERED = "no rule here judges what it does"


@record
class Takeover:
    """What came of the wishes: `needless` are (origin, check) of what would change nothing here."""

    tools: tuple[str, ...] = ()
    skips: int = 0
    entries: int = 0
    without_reason: int = 0
    switches: int = 0
    needless: tuple[tuple[str, str], ...] = ()
    leftovers: tuple[Leftover, ...] = ()


def take_over(
    draft: Draft, wishes: Wishes, selected: Collection[str], judge: Judge, folder: str = ""
) -> tuple[Draft, Takeover]:
    """`draft` with the wishes in it, whose paths are relative to `folder`. Raises what `judge` raises.

    `selected` are the rules of the draft's profile.
    """
    leftovers = list(wishes.leftovers)
    switches, as_it_is = _switches(wishes, selected, leftovers)
    exclude = tuple(dict(reversed(wishes.exclude)).items())
    draft = replace(draft, exclude=tuple(reversed(exclude)), switches=switches)
    if wishes.fail_on:
        draft = replace(draft, fail_on=wishes.fail_on[0], fail_on_note=wishes.fail_on[1])
    wanted = list(_wanted(wishes.skips, leftovers))
    findings = _by_rule(judge(draft)) if wanted else {}
    used = {(skip, rule) for skip, rule in wanted if _accepts(skip, findings.get(rule, ()), folder)}
    kept = _once(_acceptance(skip, rule) for skip, rule in wanted if (skip, rule) in used)
    served = {skip for skip, _ in used}
    spoken_of = {(skip.origin, skip.check) for skip in served}
    named = ((skip.origin, skip.check) for skip, _ in wanted)
    return replace(draft, acceptances=kept), Takeover(
        skips=len(served),
        entries=len(kept),
        without_reason=sum(not entry.reason for entry in kept),
        switches=len(switches),
        needless=tuple(dict.fromkeys([*as_it_is, *(place for place in named if place not in spoken_of)])),
        leftovers=tuple(dict.fromkeys(leftovers)),
    )


def _switches(
    wishes: Wishes, selected: Collection[str], leftovers: list[Leftover]
) -> tuple[tuple[tuple[str, bool, str], ...], list[tuple[str, str]]]:
    """Rules to turn on or off, where that changes something (the last word on a rule counts); what changes nothing."""
    found: dict[str, tuple[bool, str]] = {}
    needless = []
    for switch in wishes.switches:
        rules = _rules(switch.tool, switch.check, switch.origin, leftovers)
        if rules and all(switch.on == (rule in selected) for rule in rules):
            needless.append((switch.origin, switch.check))
        said = f": {switch.comment}" if switch.comment else ""
        found |= {rule: (switch.on, f"{switch.tool} {switch.check}, {switch.origin}{said}") for rule in rules}
    changed = ((rule, on, note) for rule, (on, note) in sorted(found.items()) if on != (rule in selected))
    return tuple(changed), needless


def _wanted(skips: Iterable[Skip], leftovers: list[Leftover]) -> Iterator[tuple[Skip, str]]:
    for skip in skips:
        for rule in _rules(skip.tool, skip.check, skip.origin, leftovers):
            yield skip, rule


def _rules(tool: str, check: str, origin: str, leftovers: list[Leftover]) -> tuple[str, ...]:
    rules = rules_of(tool, check)
    if not rules:
        leftovers.append(Leftover(origin, f"{tool} {check}: {UNKNOWN if rules is None else UNCOVERED}"))
    return rules or ()


def _by_rule(findings: Iterable[Finding]) -> Mapping[str, list[Finding]]:
    sorted_out: dict[str, list[Finding]] = {}
    for finding in findings:
        sorted_out.setdefault(finding.rule, []).append(finding)
    return sorted_out


def _accepts(skip: Skip, findings: Iterable[Finding], folder: str) -> bool:
    entry = SuppressionEntry("", path=skip.path, kind=skip.kind, namespace=skip.namespace, name=skip.name)
    return any(speaks_of(entry, inside(folder, finding.location.path), finding.subject) for finding in findings)


def _acceptance(skip: Skip, rule: str) -> Acceptance:
    note = f"{skip.tool} {skip.check}, {skip.origin}"
    return Acceptance(rule, skip.path, skip.kind, skip.namespace, skip.name, skip.reason, skip.expires, note)


def _once(entries: Iterable[Acceptance]) -> tuple[Acceptance, ...]:
    """One entry for one place; of several the first that gives a reason."""
    found: dict[tuple[str, ...], Acceptance] = {}
    for entry in entries:
        place = (entry.rule, entry.path, entry.kind, entry.namespace, entry.name)
        if place not in found or (entry.reason and not found[place].reason):
            found[place] = entry
    return tuple(found.values())
