"""Whose words a context holds: what anybody can write who opens an issue or a pull request, or pushes to a fork.

Source: docs.github.com, "Script injections" and "Contexts"; securitylab.github.com, "Untrusted input".
"""

from __future__ import annotations

import re

_EVENT = r"github\.event\."
_AUTHOR = r"(?:author|committer)\.(?:name|email|username)"
_TEXTS = re.compile(
    rf"""
    github\.head_ref
    | {_EVENT}(?:issue|pull_request|discussion|comment|review|review_comment)\.(?:title|body)
    | {_EVENT}pull_request\.head\.(?:ref|label)
    | {_EVENT}pull_request\.head\.repo\.(?:default_branch|description|homepage)
    | {_EVENT}(?:commits\.\*|head_commit)\.(?:message|{_AUTHOR})
    | {_EVENT}workflow_run\.(?:head_branch|display_title|head_commit\.(?:message|{_AUTHOR}))
    | {_EVENT}workflow_run\.head_repository\.(?:description|homepage)
    | {_EVENT}workflow_run\.pull_requests\.\*\.head\.ref
    | {_EVENT}(?:check_suite|check_run\.check_suite)\.head_branch
    | {_EVENT}pages\.\*\.page_name
    | {_EVENT}changes\.(?:title|body)\.from
    """,
    re.VERBOSE,
)
_WHOLES = re.compile(
    rf"github|github\.event|{_EVENT}(?:issue|pull_request|pull_request\.head|discussion|comment|review|head_commit"
    r"|commits(?:\.\*)?|workflow_run|workflow_run\.head_commit|changes|pages(?:\.\*)?)"
)
_SEVERAL_LINES = re.compile(r".*\.(?:body|message|from)|github|github\.event|.*\.(?:comment|issue|pull_request)")
_HEADS = re.compile(
    r"github\.head_ref|github\.event\.pull_request\.(?:head\.(?:sha|ref|label|repo\..*)|merge_commit_sha|number)"
    r"|github\.event\.workflow_run\.(?:head_(?:sha|branch|commit\..*|repository\..*)|pull_requests\..*)"
    r"|github\.event\.(?:number|issue\.number|client_payload\.pull_request\..*)"
    r"|github\.event\.check_suite\.head_(?:sha|branch)"
)
_BRANCHES = re.compile(r"github\.head_ref|github\.event\..*\.(?:head\.(?:ref|label)|head_branch)")


def is_untrusted(context: str) -> bool:
    """Whether a context (small, with dots) holds text that a stranger wrote."""
    return bool(_TEXTS.fullmatch(context) or _WHOLES.fullmatch(context))


def may_have_lines(context: str) -> bool:
    """Whether that text can be longer than a line: a title cannot, a comment can."""
    return _SEVERAL_LINES.fullmatch(context) is not None


def is_head(context: str) -> bool:
    """Whether a context names the code of a pull request."""
    return _HEADS.fullmatch(context) is not None


def is_branch(context: str) -> bool:
    """Whether a context names a branch of the repository that a pull request comes from."""
    return _BRANCHES.fullmatch(context) is not None
