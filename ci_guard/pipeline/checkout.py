"""Of which repository, commit and ref the working tree is a checkout: by the CI's environment, else by git.

A pull request is named by its ref on GitHub (`refs/pull/N/merge` or `/head`), which is where its alerts are shown.
Sources: the pages on predefined variables of each CI.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from ci_guard.model.errors import RevisionError
from ci_guard.model.record import record

Environ = Mapping[str, str]
_REMOTE = re.compile(r"(?:https?://(?:[^@/]*@)?|ssh://(?:[^@/]*@)?|[^@/:]+@)([^/:]+)(?::\d+)?[:/]+(.+?)(?:\.git)?/?")


@record
class Checkout:
    """OWNER/NAME, commit id and full ref; each is "" where nothing says it. `host` is the one of a git remote."""

    repository: str = ""
    commit: str = ""
    ref: str = ""
    host: str = ""


def find_checkout(root: Path, environ: Environ) -> Checkout:
    """What the CI says, completed by git."""
    told = next((found for known, ask in _SYSTEMS if environ.get(known) and (found := ask(environ))), Checkout())
    if told.repository and told.commit and told.ref:
        return told
    git = _by_git(root)
    named = told if told.repository else git
    return Checkout(
        named.repository,
        told.commit or git.commit,
        told.ref or (git.ref if told.commit in {"", git.commit} else ""),
        named.host,
    )


def host_and_name(url: str) -> tuple[str, str]:
    """Host and OWNER/NAME of a git remote's URL, ("", "") where it is none of a server."""
    found = _REMOTE.fullmatch(url)
    return (found[1].lower(), found[2]) if found else ("", "")


def _of(url: str, commit: str, ref: str) -> Checkout:
    host, name = host_and_name(url)
    return Checkout(name, commit, ref, host)


def _by_git(root: Path) -> Checkout:
    from ci_guard.source.revision import GitRepository

    try:
        repository = GitRepository.discover(root)
    except RevisionError:
        return Checkout()
    if repository is None:
        return Checkout()
    return _of(repository.remote(), repository.head() or "", repository.branch())


def _github(environ: Environ) -> Checkout:
    return Checkout(*(environ.get(name, "") for name in ("GITHUB_REPOSITORY", "GITHUB_SHA", "GITHUB_REF")))


def _gitlab(environ: Environ) -> Checkout:
    """Of a repository that is mirrored from GitHub; its pull requests there are external ones here."""
    ref = _ref(environ, "CI_COMMIT_TAG", "CI_COMMIT_BRANCH")
    commit = environ.get("CI_COMMIT_SHA", "")
    if number := environ.get("CI_EXTERNAL_PULL_REQUEST_IID"):
        ref = f"refs/pull/{number}/head"
        commit = environ.get("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA") or commit
    return Checkout("", commit, ref)


def _jenkins(environ: Environ) -> Checkout:
    ref = _ref(environ, "TAG_NAME", "BRANCH_NAME")
    if number := environ.get("CHANGE_ID"):
        ref = f"refs/pull/{number}/head"
    elif not ref and (branch := environ.get("GIT_BRANCH")):
        ref = f"refs/heads/{branch.removeprefix('refs/heads/').removeprefix('origin/')}"
    return _of(environ.get("GIT_URL", ""), environ.get("GIT_COMMIT", ""), ref)


def _azure(environ: Environ) -> Checkout:
    at_github = environ.get("BUILD_REPOSITORY_PROVIDER", "").startswith("GitHub")
    name = environ.get("BUILD_REPOSITORY_NAME", "") if at_github else ""
    return Checkout(name, environ.get("BUILD_SOURCEVERSION", ""), environ.get("BUILD_SOURCEBRANCH", ""))


def _buildkite(environ: Environ) -> Checkout:
    number = environ.get("BUILDKITE_PULL_REQUEST", "false")
    ref = f"refs/pull/{number}/head" if number.isdigit() else _ref(environ, "BUILDKITE_TAG", "BUILDKITE_BRANCH")
    commit = environ.get("BUILDKITE_COMMIT", "")
    return _of(environ.get("BUILDKITE_REPO", ""), "" if commit == "HEAD" else commit, ref)


def _circleci(environ: Environ) -> Checkout:
    number = environ.get("CIRCLE_PULL_REQUEST", "").rpartition("/")[2]
    ref = f"refs/pull/{number}/head" if number.isdigit() else _ref(environ, "CIRCLE_TAG", "CIRCLE_BRANCH")
    return _of(environ.get("CIRCLE_REPOSITORY_URL", ""), environ.get("CIRCLE_SHA1", ""), ref)


def _ref(environ: Environ, tag: str, branch: str) -> str:
    if environ.get(tag):
        return f"refs/tags/{environ[tag]}"
    return f"refs/heads/{environ[branch]}" if environ.get(branch) else ""


_SYSTEMS: tuple[tuple[str, Callable[[Environ], Checkout]], ...] = (
    ("GITHUB_ACTIONS", _github),
    ("GITLAB_CI", _gitlab),
    ("TF_BUILD", _azure),
    ("BUILDKITE", _buildkite),
    ("CIRCLECI", _circleci),
    ("JENKINS_URL", _jenkins),
)
"""A variable that only this CI sets, and how to ask it."""
