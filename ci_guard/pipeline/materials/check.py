"""The check of bills of materials: each document against its schema, its own structure and the minimum elements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ci_guard.model.errors import InputError
from ci_guard.model.location import Location
from ci_guard.model.report import Unjudged
from ci_guard.model.subject import SubjectId
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.materials import checksums
from ci_guard.sbom.quality import elements, schema, structure
from ci_guard.sbom.quality.lack import Lack
from ci_guard.sbom.reading import LIMIT, read_bill
from ci_guard.sbom.reading.bill import Bill, Stated
from ci_guard.source.checksum_file import is_checksum_file
from ci_guard.source.document import Unreadable
from ci_guard.source.files import read_file, walk

CATEGORIES = frozenset({"sbom", "input", "policy"})
"""The folders of rules that `sbom check` and `sbom diff` judge by."""

RULES = frozenset({schema.RULE, *structure.RULES, *elements.RULES})
"""What `sbom check` judges by; the other rules of the folder compare two documents."""

_NAMES = (".cdx.json", ".spdx.json", ".spdx", "bom.json", "sbom.json", "SHA256SUMS", "SHA512SUMS")


def documents(root: Path, targets: Sequence[str]) -> Iterator[str]:
    """The files that targets name, and below folders those whose names say that they are bills of materials.

    Raises InputError for a target that is missing.
    """
    for target in targets:
        if not (root / target).is_dir():
            yield target
            continue
        # Links too: that they are not followed has to be said.
        yield from (found.path for found in walk(root, [target]) if found.path.endswith(_NAMES))


def check(root: Path, paths: Iterable[str], rules: RulesInForce, into: Linted) -> None:
    """Judge each document and list of checksums; adds to `into`. A document that cannot be read is a finding."""
    for path in paths:
        try:
            data = read_file(root, path, LIMIT)
        except InputError as error:
            into.judged.unjudged.append(Unjudged("", path, str(error), Location(path)))
        else:
            check_file(root, path, data, rules, into)


def check_file(root: Path, path: str, data: bytes, rules: RulesInForce, into: Linted) -> None:
    """Judge one of them by its bytes; adds to `into`. Nothing is raised for any bytes."""
    if is_checksum_file(data):
        try:
            checksums.check(root, path, data, rules, into)
        except InputError as error:
            into.judged.unjudged.append(Unjudged("", path, str(error), Location(path)))
        return
    read = read_bill(path, data)
    if isinstance(read, Unreadable):
        into.judged.files["unreadable"] += 1
        into.judged.unreadable(read, rules.emit)
    else:
        into.judged.files["judged"] += 1
        judge(read, rules, into)


def judge(bill: Bill, rules: RulesInForce, into: Linted) -> None:
    """Judge one document; adds to `into`."""
    wanted = RULES & rules.selection.rules.keys()
    if not schema.can_judge(bill):
        # SPDX 3 is read all the same; of a version that nobody knew here, what is read may mean something else.
        known = bill.format == "SPDX" and bill.version.startswith("3.0")
        reason = f"there is no schema of {bill.name} here to hold it against"
        into.judged.unjudged.append(Unjudged(schema.RULE if known else "", bill.path, reason, Location(bill.path)))
        wanted -= {schema.RULE}
        if not known:
            return
    into.judged.subjects += len(bill.components)
    looked = Counter({rule: len(bill.components) if "-component-" in rule else 1 for rule in wanted})
    into.judged.evaluated.update(looked)
    for subject in [_document(bill.path), *map(_subject, bill.components)] if into.entries else ():
        into.suppressions.observe(bill.path, subject, wanted)
    for lack in _lacks(bill, wanted):
        emit(lack, bill.path, rules, into)


def _lacks(bill: Bill, wanted: frozenset[str]) -> Iterator[Lack]:
    if schema.RULE in wanted:
        yield from schema.violations(bill)
    yield from structure.flaws(bill, wanted)
    yield from elements.lacking(bill, wanted)


def emit(lack: Lack, path: str, rules: RulesInForce, into: Linted) -> None:
    """What does not hold, as a finding of its rule."""
    subject = _subject(lack.stated) if lack.stated is not None else _document(path)
    finding = rules.emit(lack.rule, location=lack.place, subject=subject, key=lack.key, values=lack.values)
    if finding is not None:
        into.judged.findings.append(finding)


def _document(path: str) -> SubjectId:
    return SubjectId("sbom", path)


def _subject(stated: Stated) -> SubjectId:
    return SubjectId("component", stated.component.purl or stated.key)
