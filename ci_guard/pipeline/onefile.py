"""One file judged by whichever stage is for it: an older version, for instance, to see what was there before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ci_guard.pipeline.lint import LintRequest, lint_bytes
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.workflows.files import is_workflow

if TYPE_CHECKING:
    from ci_guard.pipeline.dependencies.advisories import Asked
    from ci_guard.pipeline.deps import DependencyJudge


def judge_file(request: LintRequest, path: str, data: bytes, advisories: Asked | None = None) -> Linted:
    """The verdicts on one file and its suppressions: manifest, lock or workflow. Nothing is raised for any bytes."""
    if "sbom" in (request.choice.categories or ()):
        return _bill(request, path, data)
    linted = lint_bytes(request, path, data)
    if is_workflow(path):
        _judge(request, linted).workflow(path, data)
        return linted
    from ci_guard.sbom.lockfiles import parser_name
    from ci_guard.sbom.settings import reader_of

    if parser_name(path):
        _lock(request, linted, path, data, advisories)
    if reader_of(path) is not None:
        _judge(request, linted).setting_file(path, data)
    return linted


def _bill(request: LintRequest, path: str, data: bytes) -> Linted:
    """A bill of materials or a list of checksums: only the command that judges nothing else chooses their rules."""
    from ci_guard.pipeline.conclude import RulesInForce
    from ci_guard.pipeline.materials.check import check_file

    linted = Linted()
    check_file(request.root, path, data, RulesInForce(request.choice), linted)
    return linted


def is_pulled_in(path: str) -> bool:
    """Whether a file of that name says what a build pulls in, which only some commands judge."""
    from ci_guard.sbom.lockfiles import parser_name
    from ci_guard.sbom.settings import reader_of

    return is_workflow(path) or bool(parser_name(path)) or reader_of(path) is not None


def _lock(request: LintRequest, linted: Linted, path: str, data: bytes, advisories: Asked | None) -> None:
    from ci_guard.pipeline.materials.gathering import with_scopes
    from ci_guard.sbom.lockfiles import read_lock
    from ci_guard.source.document import Unreadable
    from ci_guard.source.files import read_or_none

    judge = _judge(request, linted, advisories)
    # What stands beside it today is closest to what stood there then; a lock is read the same with all and with none.
    lock = read_lock(path, data, request.registries, beside=partial(read_or_none, request.root))
    if isinstance(lock, Unreadable):
        judge.unreadable(lock)
        return
    judge.lock(with_scopes(lock, partial(read_or_none, request.root)))
    for broken in lock.broken:
        judge.unreadable(broken)


def _judge(request: LintRequest, linted: Linted, advisories: Asked | None = None) -> DependencyJudge:
    from ci_guard.pipeline.conclude import RulesInForce
    from ci_guard.pipeline.deps import DependencyJudge

    return DependencyJudge(RulesInForce(request.choice), linted, advisories, request)
