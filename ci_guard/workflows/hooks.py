"""pre-commit configurations -> subjects: one for each repository of hooks, with the revision that it is taken at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ci_guard.model.subject import Subject, SubjectId
from ci_guard.workflows.steps import WorkflowDocument, comments_by_line
from ci_guard.workflows.uses import is_commit, version_in

_CONFIG = re.compile(r"(?:\A|/)\.pre-commit-config\.ya?ml\Z")
_BUILT_IN = frozenset({"local", "meta", "builtin"})
_HEX = re.compile(r"[0-9a-fA-F]+\Z")
_VERSION_LIKE = re.compile(r"v?[0-9]")


def is_hook_config(path: str) -> bool:
    """Whether `path` is the configuration of pre-commit (or prek)."""
    return _CONFIG.search(path) is not None


def subjects(document: WorkflowDocument) -> Iterator[Subject]:
    """One `workflow-step` subject of kind `hook` for each entry of `repos:`. Never raises on any value."""
    value = document.value
    repos = value.get("repos") if isinstance(value, dict) else value  # old configurations are the bare list
    base: tuple[str | int, ...] = ("repos",) if isinstance(value, dict) else ()
    comments: dict[int, str] | None = None
    for index, entry in enumerate(repos if isinstance(repos, list) else ()):
        repo = entry.get("repo") if isinstance(entry, dict) else None
        if not isinstance(repo, str) or repo in _BUILT_IN:
            continue
        comments = comments_by_line(document) if comments is None else comments
        path = (*base, index)
        region = document.locate((*path, "rev")).region
        facts = _facts(repo, entry.get("rev"), comments.get(region.end_line, "") if region else "")
        yield Subject(
            "workflow-step",
            SubjectId("workflow-step", facts["uses"]),
            path,
            document,
            {"step": facts, "subject": facts["uses"]},
            match={"kind": "hook"},
        )


def _facts(repo: str, revision: Any, comment: str) -> dict[str, Any]:
    """What `uses.parse_uses` says of a step, of a repository of hooks; `moving`: a branch, or nothing at all.

    pre-commit itself warns of a revision without a dot that is not hexadecimal.
    """
    ref = revision if isinstance(revision, str) else "" if revision is None else str(revision)
    version_like = "." in ref or bool(_HEX.match(ref) or _VERSION_LIKE.match(ref))
    return {
        "uses": f"{repo}@{ref}" if ref else repo,
        "kind": "hook",
        "owner": "",
        "repo": repo,
        "path": "",
        "ref": ref,
        "pinned": is_commit(ref),
        "moving": not version_like,
        "comment": comment,
        "version": version_in(comment),
        "job": "",
    }
