"""The second pass over a repo: rules that ask for other resources, on the files whose subjects they judge.

The first pass left an index of names, labels and places; only files with a resource that such a rule may look at
are read again, and streamed like before.
"""

from __future__ import annotations

from collections.abc import Iterator

from ci_guard.engine.evaluation import Judge, Judgement
from ci_guard.engine.kinds import KINDS
from ci_guard.engine.selection import Selection
from ci_guard.kubernetes.joined import Joined
from ci_guard.kubernetes.joins import Joins
from ci_guard.kubernetes.manifests import ManifestDocument, read_manifests
from ci_guard.kubernetes.outside import UNSEEN, Outside
from ci_guard.kubernetes.repository import Entry
from ci_guard.kubernetes.resources import Resource
from ci_guard.model.finding import Finding
from ci_guard.model.record import replace
from ci_guard.model.report import Unjudged
from ci_guard.pipeline.lint import surroundings_of
from ci_guard.pipeline.manifests.file import Linted, fixer
from ci_guard.pipeline.session import Session
from ci_guard.source import reader
from ci_guard.source.document import Unreadable
from ci_guard.source.files import read_or_none


def judge_joins(session: Session, linted: Linted) -> None:
    """Judge by the rules that need the whole repo; adds to `linted`."""
    selection = session.rules.selection.part(repo=True)
    entries = list(linted.index)
    wanted = _by_file(selection, entries)
    if not wanted:
        return
    whole = linted.index.complete and _is_whole(session)
    joined = Joined(Joins(entries, _outside(session, linted, complete=whole)))
    judge = Judge(_with_partners(session.rules.selection, selection), fixer(session.fixing))
    implied: dict[Finding, Finding] = {}
    for path in sorted(wanted):
        for resource, entry in _resources(session, path, wanted[path]):
            for subject in joined.subjects(resource, entry):
                judgement = judge.judge(subject)
                implied |= _take(judgement, selection, linted)
                linted.suppressions.observe(path, subject.id, judgement.evaluated.keys() & selection.rules.keys())
    linted.judged.findings = [implied.get(finding, finding) for finding in linted.judged.findings]
    if not linted.index.complete:
        reason = "the repo has more resources than the index keeps"
        linted.judged.unjudged += [Unjudged(rule, "the repository", reason) for rule in selection.rules]


def _with_partners(all_of_them: Selection, selection: Selection) -> Selection:
    """`selection` and the rules of the first pass that imply one of it, or are implied: they are asked once more."""
    repo, partners = selection.rules, dict(selection.rules)
    for rule, selected in all_of_them.rules.items():
        others = selected.rule.implied_by
        partners |= {other: all_of_them.rules[other] for other in others if rule in repo and other in all_of_them.rules}
        if any(other in repo for other in others):
            partners[rule] = selected
    return replace(all_of_them, rules=partners)


def _take(judgement: Judgement, selection: Selection, linted: Linted) -> dict[Finding, Finding]:
    """Keep what rules of the repo say; back come those of the first pass that one of them implies."""
    ours = selection.rules
    linted.judged.findings += [f for f in judgement.findings if f.rule in ours]
    linted.judged.evaluated.update({rule: n for rule, n in judgement.evaluated.items() if rule in ours})
    linted.judged.unjudged += [u for u in judgement.unjudged if u.rule in ours]
    return {replace(f, implied_by=""): f for f in judgement.findings if f.rule not in ours and f.implied_by in ours}


def _is_whole(session: Session) -> bool:
    """Whether the targets are folders, and nothing in the configuration leaves files out: else much is not seen."""
    config = session.config
    folders = all((session.root / target).is_dir() for target in session.targets)
    return folders and not config.paths and not config.exclude


def _outside(session: Session, linted: Linted, *, complete: bool) -> Outside:
    outside = Outside(complete)
    for outcome, path in sorted(linted.unseen):
        if outcome == "kustomization":
            data = read_or_none(session.root, path) or b""
            for document in reader.read(path, data, "kubernetes"):
                if not isinstance(document, Unreadable):
                    outside.note_kustomization(path, document.value)
        elif outcome in UNSEEN:
            outside.note(path)
    return outside


def _by_file(selection: Selection, entries: list[Entry]) -> dict[str, dict[tuple[int, object], Entry]]:
    """The resources that a rule may look at, by file; rules name their kinds, or judge whatever has a pod."""
    kinds: set[str] = set()
    pods = False
    for selected in selection.rules.values():
        about_pods = any(c.each == "pod" or KINDS[c.each].within == "pod" for c in selected.clauses)
        pods = pods or about_pods or "kind" not in selected.rule.match
        kinds |= set(selected.rule.match.get("kind", ()))
    found: dict[str, dict[tuple[int, object], Entry]] = {}
    for entry in entries:
        if entry.kind in kinds or (pods and "account" in entry.facts):
            found.setdefault(entry.file, {})[entry.document, entry.path] = entry
    return found


def _resources(
    session: Session, path: str, wanted: dict[tuple[int, object], Entry]
) -> Iterator[tuple[Resource, Entry]]:
    data = read_or_none(session.root, path)
    for item in read_manifests(path, data or b"", surroundings_of(session.root)):
        if isinstance(item, ManifestDocument):
            for resource in item.resources:
                entry = wanted.get((item.document.index, resource.path))
                if entry is not None:
                    yield resource, entry
