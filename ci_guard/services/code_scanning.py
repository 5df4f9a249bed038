"""GitHub code scanning's documented API: hand in a SARIF file, and hear what became of it.

Source: docs.github.com, REST API, "Upload an analysis as SARIF data" and "Get information about a SARIF upload".
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from ci_guard.model.errors import ServiceError, UsageError
from ci_guard.model.printable import visible
from ci_guard.model.record import record
from ci_guard.services.github import SERVICE, Instance, client, headers, repository_url
from ci_guard.services.http import HttpClient, Request

_REF: Final = re.compile(r"refs/(heads|tags)/[^\s~^:?*\[\\\x00-\x1f\x7f]+|refs/pull/[0-9]+/(merge|head)")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_ERRORS: Final = 20

_NOT_ENABLED: Final = (
    "code scanning is not enabled for this repository: an administrator can enable it under Settings, Code security "
    "(on private repositories it is part of GitHub Advanced Security)"
)
_REFUSALS: Final[tuple[tuple[int, str, str], ...]] = (
    (400, "", "the file is no SARIF that code scanning takes"),
    (401, "", "the token is wrong, revoked or expired"),
    (403, "archived", "the repository is archived: nothing can be uploaded"),
    (403, "rate limit", "too many calls of this token: try again later"),
    (403, "resource not accessible by personal access token", "the token lacks `Code scanning alerts: write`"),
    (403, "resource not accessible", "the token lacks `security-events: write`, as those of forks always do"),
    (403, "enabled", _NOT_ENABLED),
    (403, "advanced security", _NOT_ENABLED),
    (403, "", "the token may not upload here: it needs `security-events: write`"),
    (404, "", "there is no such repository, or the token does not see it, or the commit was not pushed to it"),
    (413, "", "the file is too large: more than 10 MB, compressed"),
    (422, "", "commit or ref do not fit the repository: the commit must be pushed, and the ref exist"),
    (429, "", "too many calls: try again later"),
    (503, "", "code scanning does not work at the moment: try again later"),
)  # fmt: skip
"""Status, what its message says (lower case), and that in plain words; the first that fits."""

_REJECTIONS: Final = (
    ("an invalid uri was provided", "a result names its file by something that is no URI"),
    ("expected artifact location", "a result has no file in its first location"),
    ("did not match the checkout uri scheme", "results name files by URLs that are not below the checkout"),
    ("too many logical alerts", "the repository has more alerts than code scanning keeps: close or filter some"),
    ("multiple runs with the same category", "one run a tool and category is taken: give each its own --category"),
    ("invalid security severity", "a rule's `security-severity` is no number"),
    ("rejecting sarif", "the file is beyond a limit of code scanning"),
)
"""What an error of the processing says (lower case), and that in plain words."""


@record
class Analysis:
    """What was analysed: a commit, the full ref that it stands for, since when, and the URI of the checkout."""

    commit: str
    ref: str
    started: str = ""
    checkout: str = ""


@record
class Patience:
    """Seconds to wait for the verdict in all, and between questions; the last pause is repeated."""

    total: float = 300
    pauses: tuple[float, ...] = (1, 2, 3, 5, 8, 13, 20, 30)


def check(analysis: Analysis) -> None:
    """Raises UsageError for a commit or ref that code scanning would not understand."""
    if not _COMMIT.fullmatch(analysis.commit):
        raise UsageError(f"{visible(analysis.commit[:80])!r} is no commit: expected all digits of its id")
    if not _REF.fullmatch(analysis.ref):
        raise UsageError(
            f"{visible(analysis.ref[:200])!r} is no ref: expected refs/heads/BRANCH, refs/tags/TAG, "
            "refs/pull/N/merge or refs/pull/N/head"
        )


class CodeScanning:
    """The code scanning of one repository; use `with`. `sleep` and `clock` wait for the verdict."""

    def __init__(
        self,
        instance: Instance,
        repository: str,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not instance.token:
            raise UsageError("code scanning takes results with a token only: set GH_TOKEN or GITHUB_TOKEN")
        self._url = f"{repository_url(instance, repository)}/code-scanning/sarifs"
        self._headers = headers(instance)
        self._http: HttpClient = client(instance)
        self._sleep, self._clock = sleep, clock

    def __enter__(self) -> CodeScanning:
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.close()

    def send(self, packed: bytes, tool: str, analysis: Analysis) -> str:
        """Hand in a compressed SARIF file; returns the upload's id. Raises UsageError, ServiceError in plain words."""
        check(analysis)
        given = {"commit_sha": analysis.commit, "ref": analysis.ref, "sarif": base64.b64encode(packed).decode()}
        given |= {"checkout_uri": analysis.checkout, "started_at": analysis.started, "tool_name": tool}
        body = json.dumps({name: value for name, value in given.items() if value}).encode()
        # The same file again replaces itself, so a repeat after a lost answer does no harm.
        sent = {**self._headers, "Content-Type": "application/json"}
        answer = self._ask(Request("POST", self._url, body, sent, frozenset({202}), idempotent=True))
        number = answer.get("id")
        if not isinstance(number, str) or not number:
            raise ServiceError(SERVICE, "took the file and gave no id for it")
        return number

    def errors(self, number: str, patience: Patience) -> tuple[str, ...]:
        """Wait until the upload is processed: the errors in words, none when all is well.

        Raises ServiceError, also when GitHub does not come to an end.
        """
        end = self._clock() + patience.total
        asked = 0
        while True:
            status = self._status(number)
            if status.get("processing_status") == "complete":
                return ()
            if status.get("processing_status") == "failed":
                return _rejections(status)
            pause = patience.pauses[min(asked, len(patience.pauses) - 1)]
            asked += 1
            if self._clock() + pause > end:
                raise ServiceError(
                    SERVICE,
                    f"has the file (upload {visible(number)}) and is not done with it after {patience.total:g} s",
                )
            self._sleep(pause)

    def _status(self, number: str) -> Mapping[str, object]:
        url = f"{self._url}/{quote(number[:100], safe='')}"
        # Just after the upload its page may not be there yet.
        return self._ask(Request("GET", url, headers=self._headers, expect=frozenset({200, 404})))

    def _ask(self, request: Request) -> Mapping[str, object]:
        try:
            value = self._http.send(request).json()
        except ServiceError as error:
            raise _in_words(error) from None
        if not isinstance(value, dict):
            raise ServiceError(SERVICE, "answered something that is no object")
        return value


def _in_words(error: ServiceError) -> ServiceError:
    """A refusal with what it means, and GitHub's own words behind."""
    said = str(error)
    for status, part, words in _REFUSALS:
        if error.status == status and part in said.lower():
            return ServiceError(SERVICE, f"{words}. ({said})", status=status)
    return error


def _rejections(status: Mapping[str, object]) -> tuple[str, ...]:
    given = status.get("errors")
    listed = [visible(text)[:1000] for text in given if isinstance(text, str)] if isinstance(given, list) else []
    return tuple(_rejection(text) for text in listed[:_MAX_ERRORS]) or ("GitHub names no reason",)


def _rejection(text: str) -> str:
    words = next((words for part, words in _REJECTIONS if part in text.lower()), "")
    return f"{words}. ({text})" if words else text
