"""All that stands in the files of a repository, judged at once: manifests, locks and workflows."""

from __future__ import annotations

from ci_guard.pipeline.deps import judge_dependencies
from ci_guard.pipeline.lint import lint
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.manifests.joined import judge_joins
from ci_guard.pipeline.manifests.namespaces import judge_namespaces
from ci_guard.pipeline.policy.boundary import lock_in_force
from ci_guard.pipeline.session import Session
from ci_guard.report.progress import Silent


def judge_everything(session: Session) -> Linted:
    """What `run` judges and a baseline can hold. Raises InputError, ConfigError."""
    request = session.lint_request()
    linted = lint(request, Silent())
    judge_namespaces(session, linted)
    judge_joins(session, linted)
    judge_dependencies(request, session.rules, session.config.registries, linted, digests=lock_in_force(session.policy))
    return linted
