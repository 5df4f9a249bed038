"""`rules test`: the examples of a rule are its tests. A bad one must fail on exactly the lines that it marks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ci_guard.engine import profiles, rulefile
from ci_guard.engine.building import check_controls, checks_of, entry, rule_files
from ci_guard.engine.evaluation import Judge
from ci_guard.engine.fix import Fixer
from ci_guard.engine.frameworks import Framework
from ci_guard.engine.frameworks import read_all as read_frameworks
from ci_guard.engine.kinds import KINDS
from ci_guard.engine.ownrules import PROFILES, OwnFile, checked_entry, read_rule
from ci_guard.engine.rule import NEWEST, Rule, minor_version
from ci_guard.engine.rulefile import Example, RuleFile
from ci_guard.engine.selection import Check, Selected, Selection
from ci_guard.kubernetes.joined import Joined
from ci_guard.kubernetes.joins import Joins
from ci_guard.kubernetes.lean import lean_facts
from ci_guard.kubernetes.manifests import ManifestDocument, PatchDocument, read_manifests
from ci_guard.kubernetes.outside import Outside
from ci_guard.kubernetes.repository import Index
from ci_guard.kubernetes.resources import Resource
from ci_guard.kubernetes.subjects import subjects as kubernetes_subjects
from ci_guard.model.errors import CiGuardError, UsageError
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.record import field, record, replace
from ci_guard.model.subject import Subject, SubjectId
from ci_guard.pipeline.fixing.proof import unmended
from ci_guard.pipeline.manifests import structure
from ci_guard.sbom.facts import subjects as component_subjects
from ci_guard.sbom.lockfiles import parser_name, read_lock
from ci_guard.sbom.settings import read_settings, reader_of
from ci_guard.sbom.settings import subjects as setting_subjects
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.files import read_file
from ci_guard.source.reader import read
from ci_guard.workflows import files

MARK = "# finding"


@record(frozen=False)
class RuleResult:
    """What became of one rule's examples; `skipped` are those that no room here can turn into subjects."""

    rule: str
    examples: int = 0
    skipped: int = 0
    flaws: list[str] = field(default_factory=list)


def test_rules(folder: Path, paths: Sequence[Path] = ()) -> list[RuleResult]:
    """Run the examples of the rules at `paths`, by default of the whole catalogue. Raises ConfigError, RuleError."""
    checks = {id: profiles.check({"id": id, **entry}) for id, entry in checks_of(folder).items()}
    files = _at(paths, folder) if paths else rule_files(folder)
    return [test_rule(found, checks) for found in files]


def _at(paths: Iterable[Path], shipped: Path) -> Iterator[RuleFile]:
    known: Mapping[str, Framework] = {}
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: there is no such file")
        for file in [path] if path.is_file() else sorted(path.rglob("*.yaml")):
            if file.is_relative_to(shipped):
                yield rulefile.read(file)
            elif file.parent.name != PROFILES:
                own = read_rule(OwnFile(str(file), read_file(file.parent, file.name)))
                known = known or read_frameworks(shipped)
                check_controls(own, known)
                yield own


def test_rule(found: RuleFile, checks: Mapping[str, Check]) -> RuleResult:
    """Compile a rule and run its examples; each flaw says which example and what was expected."""
    result = RuleResult(found.id)
    fixed = 0
    try:
        source = entry(found) if found.shipped else checked_entry(found)
    except CiGuardError as error:
        result.flaws.append(str(error))
        return result
    for example in found.examples:
        name = f"{'good' if example.good else 'bad'} example {example.number}"
        if found.id in structure.RULES:
            result.examples += 1
            result.flaws += [f"{name}: {flaw}" for flaw in _structure_flaws(found.rule, example)]
            continue
        rule = Rule(found.id, found.category, source)
        subjects = None if rule.by_code else subjects_of(rule, example)
        if subjects is None:
            result.skipped += 1
            continue
        result.examples += 1
        minor = minor_version(example.version)
        check = checks.get(rule.check)
        holds = rule.holds_at(minor) and (check is None or check.since <= minor)
        chosen = {rule.id: Selected(rule, Severity.HIGH, minor)} if holds else {}
        result.flaws += [f"{name}: {flaw}" for flaw in _flaws(chosen, example, subjects)]
        mended, flaws = _fixes(chosen, rule, example, subjects) if rule.fix is not None else (0, [])
        fixed += mended
        result.flaws += [f"{name}: {flaw}" for flaw in flaws]
    if "fix" in found.text and not fixed:
        result.flaws.append("the fix mends no bad example")
    return result


def _fixes(
    chosen: Mapping[str, Selected], rule: Rule, example: Example, subjects: Sequence[Subject]
) -> tuple[int, list[str]]:
    """How many findings of an example the rule's own fix has edits for, and what is wrong with those edits."""
    judge = Judge(Selection("example", example.version, chosen), Fixer())

    def again(data: bytes) -> list[Finding]:
        renewed = subjects_of(rule, replace(example, text=data.decode())) or []
        return [finding for subject in renewed for finding in judge.judge(subject).findings]

    findings = [finding for subject in subjects for finding in judge.judge(subject).findings]
    return sum(bool(f.edits) for f in findings), list(unmended(example.text.encode(), findings, again))


def subjects_of(rule: Rule, example: Example) -> list[Subject] | None:
    """The subjects of an example file, judged as if it stood at the example's path; None if no room reads it."""
    data = example.text.encode()
    kinds = {clause.each for clause in rule.clauses(NEWEST)}
    if files.is_workflow(example.path):
        return [s for d in _documents(example, "yaml-1.2") for s in files.judged(example.path, d)]
    if parser_name(example.path) or reader_of(example.path):
        return _entries(example, data) + _settings(example, data)
    if Path(example.path).stem in kinds:
        return [_facts(Path(example.path).stem, document) for document in _documents(example, "yaml-1.2")]
    if rule.needs_repo:
        return repo_subjects(example.path, data)
    if all(KINDS[each].admission or each in {"program", "kubelet"} for each in kinds):
        return [s for r in _resources(example.path, data) for s in kubernetes_subjects(r)]
    return None


def repo_subjects(path: str, data: bytes) -> list[Subject]:
    """The subjects of one file that is taken for a whole repo: its documents know each other."""
    index = Index()
    found: list[Resource] = []
    for item in read_manifests(path, data):
        for resource in item.resources if isinstance(item, ManifestDocument) else ():
            index.add(resource, len(found), lean_facts(resource))
            found.append(resource)
    joined = Joined(Joins(index, Outside()))
    return [s for entry in index for s in joined.subjects(found[entry.document], entry)]


def _entries(example: Example, data: bytes) -> list[Subject]:
    if not parser_name(example.path):
        return []
    lock = read_lock(example.path, data)
    for broken in (lock,) if isinstance(lock, Unreadable) else lock.broken:
        raise UsageError(f"{broken.path}: {broken.reason}")
    return [] if isinstance(lock, Unreadable) else list(component_subjects(lock))


def _settings(example: Example, data: bytes) -> list[Subject]:
    if reader_of(example.path) is None:
        return []
    file = read_settings(example.path, data)
    if file.broken is not None:
        raise UsageError(f"{file.path}: {file.broken.reason}")
    return list(setting_subjects(file))


def _documents(example: Example, dialect: str) -> Iterator[Document]:
    for document in read(example.path, example.text.encode(), dialect):
        if isinstance(document, Unreadable):
            raise UsageError(f"{example.path}: {document.reason}")
        yield document


def _facts(each: str, document: Document) -> Subject:
    """A subject whose facts stand in the example itself, as `artifact.yaml` does for a rule about artifacts."""
    value = document.value
    name = str(value.get("name", each)) if isinstance(value, dict) else each
    match = {k: v for k, v in value.items() if isinstance(v, str)} if isinstance(value, dict) else {}
    variables = {KINDS[each].root: value, "subject": name}
    return Subject(each, SubjectId(each, name), (), document, variables, match=match)


def _flaws(chosen: Mapping[str, Selected], example: Example, subjects: Sequence[Subject]) -> Iterator[str]:
    judge = Judge(Selection("example", example.version, chosen))
    lines: set[int] = set()
    for subject in subjects:
        judgement = judge.judge(subject)
        lines |= {f.location.region.start_line for f in judgement.findings if f.location.region}
        yield from (f"could not be judged: {u.subject}: {u.reason}" for u in judgement.unjudged)
    if not subjects:
        yield f"the file holds nothing that the rule could look at{_taken_for(example)}"
    yield from _differences(example, lines)


def _taken_for(example: Example) -> str:
    """What an example is instead of an object: a Deployment without containers, for instance, is a patch."""
    found = (item for item in read_manifests(example.path, example.text.encode()) if isinstance(item, PatchDocument))
    return next((f" ({item.reason})" for item in found), "")


def _structure_flaws(rule: Rule, example: Example) -> Iterator[str]:
    """Like `_flaws`, for a rule about the structure of manifests, which code judges."""
    selected = Selected(rule, Severity.HIGH)
    judge = structure.StructureJudge(Selection("example", example.version, {rule.id: selected}), fixing=True)
    data = example.text.encode()
    if not any(map(judge.looked, _resources(example.path, data))):
        yield "the file holds nothing that the rule could look at"

    def findings(data: bytes) -> list[Finding]:
        return [f for r in _resources(example.path, data) for f in judge.judge(r, ())]

    found = findings(data)
    yield from _differences(example, {f.location.region.start_line for f in found if f.location.region})
    yield from unmended(data, found, findings)


def _resources(path: str, data: bytes) -> list[Resource]:
    return [r for i in read_manifests(path, data) if isinstance(i, ManifestDocument) for r in i.resources]


def _differences(example: Example, lines: set[int]) -> Iterator[str]:
    """Where the lines with a finding are not those that the example marks."""
    wanted = {n for n, line in enumerate(example.text.splitlines(), 1) if MARK in line}
    if example.good and wanted:
        yield f"a good example marks line {min(wanted)}"
    if not example.good and not wanted:
        yield f"a bad example marks the line of each finding with `{MARK}`"
    yield from (f"line {n} should have a finding" for n in sorted(wanted - lines))
    yield from (f"line {n} should have no finding" for n in sorted(lines - wanted))
