"""Code scanning's API on loopback: what it is given, every refusal it is known for, and what can go wrong."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ci_guard import cli
from ci_guard.model.errors import ServiceError, UsageError
from ci_guard.pipeline.checkout import find_checkout, host_and_name
from ci_guard.pipeline.upload import api_of
from ci_guard.services.code_scanning import Analysis, CodeScanning, Patience
from ci_guard.services.github import Instance
from ci_guard.services.http import Limits
from tests.pipeline.gitrepo import Repo
from tests.services.faulty import Call, Server, answer, serving

TOOLS = Path(__file__).parents[1] / "gate" / "tools"
QUICK = Limits(connect=1, read=1, total=3, waits=(0.01, 0.01))
TOKEN = "a-secret-token"
ANALYSIS = Analysis("0" * 40, "refs/heads/main", "2026-01-01T00:00:00Z", "file:///checkout/")
CI = ("CI_", "GITHUB_", "GH_", "BUILD", "JENKINS", "GIT_", "TF_", "CIRCLE", "TAG_NAME", "BRANCH_NAME", "CHANGE_ID")


@dataclass
class GitHub:
    """Code scanning as its documentation describes it; `statuses` are the pages of an upload, the last repeated."""

    statuses: list[dict[str, Any]] = field(default_factory=lambda: [{"processing_status": "complete"}])
    refuse: list[bytes] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, call: Call, peer: socket.socket) -> None:
        assert call.headers["authorization"] == f"Bearer {TOKEN}"
        assert call.target.startswith("/api/v3/repos/acme/app/code-scanning/sarifs")
        if self.refuse:
            peer.sendall(self.refuse.pop(0))
        elif call.method == "POST":
            body = json.loads(call.body)
            body["sarif"] = json.loads(gzip.decompress(base64.b64decode(body["sarif"], validate=True)))
            self.posted.append(body)
            number = f"{len(self.posted):08x}-47"
            peer.sendall(answer(202, json.dumps({"id": number, "url": "https://elsewhere.example/"}).encode()))
        else:
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            peer.sendall(answer(404 if not status else 200, json.dumps(status).encode()))


def instance(server: Server) -> Instance:
    return Instance(f"http://127.0.0.1:{server.port}/api/v3", TOKEN, (), QUICK)


def refused(*given: bytes) -> str:
    """What is said when the upload is answered so, to the end."""
    with serving(GitHub(refuse=[*given] * 3)) as server, CodeScanning(instance(server), "acme/app") as scanning:
        with pytest.raises(ServiceError) as caught:
            scanning.send(b"x", "T", ANALYSIS)
        assert "a-secret" not in str(caught.value)
        return str(caught.value)


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (400, "Invalid SARIF: could not parse", "no SARIF that code scanning takes"),
        (401, "Bad credentials", "the token is wrong, revoked or expired"),
        (403, "Repository was archived so is read-only.", "the repository is archived"),
        (403, "Advanced Security must be enabled for this repository to use code scanning.", "is not enabled"),
        (403, "Code scanning is not enabled for this repository.", "Settings, Code security"),
        (403, "Resource not accessible by integration", "as those of forks always do"),
        (403, "Resource not accessible by personal access token", "`Code scanning alerts: write`"),
        (403, f"You have exceeded a secondary rate limit {TOKEN}", "try again later"),
        (403, "Something new", "it needs `security-events: write`"),
        (404, "Not Found", "or the token does not see it"),
        (413, "Payload Too Large", "more than 10 MB"),
        (422, "commit not found", "the commit must be pushed"),
        (429, "slow down", "too many calls: try again later"),
        (503, "Service unavailable", "does not work at the moment"),
        (500, "oops", "answered 500 (oops)"),
        (418, "teapot", "answered 418 (teapot)"),
    ],
)
def test_every_known_refusal_is_put_in_words(status: int, message: str, words: str) -> None:
    said = refused(answer(status, json.dumps({"message": message}).encode()))
    assert words in said
    assert str(status) in said


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (answer(202, b"[]"), "no object"),
        (answer(202, b'{"id": 7}'), "no id"),
        (answer(202, b"<html>"), "not JSON"),
        (answer(202, b'{"id": "x"}')[:-4], "broke off"),
        (b"", "broke off"),
        (answer(302, b"", "Location: https://evil.example/"), "redirects a POST"),
    ],
)
def test_what_else_may_be_answered(given: bytes, words: str) -> None:
    assert words in refused(given)


def test_a_stumbling_service_is_asked_again() -> None:
    github = GitHub(refuse=[answer(429, b"{}", "Retry-After: 0"), answer(503, b"{}")])
    with serving(github) as server, CodeScanning(instance(server), "acme/app") as scanning:
        assert scanning.send(gzip.compress(b"{}"), "T", ANALYSIS) == "00000001-47"
    assert len(server.calls) == 3


def test_it_is_waited_for_with_growing_pauses() -> None:
    pauses: list[float] = []
    pending = {"processing_status": "pending"}
    github = GitHub(statuses=[{}, pending, pending, {"processing_status": "complete"}])
    with (
        serving(github) as server,
        CodeScanning(instance(server), "acme/app", sleep=pauses.append, clock=lambda: sum(pauses)) as scanning,
    ):
        assert scanning.errors("1", Patience()) == ()
        assert pauses == [1, 2, 3]
        github.statuses = [pending]
        with pytest.raises(ServiceError, match="not done with it after 300 s"):
            scanning.errors("1", Patience())
        assert 200 < sum(pauses) <= 306


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("an invalid URI was provided as a SARIF location", "something that is no URI"),
        ("locationFromSarifResult: expected artifact location", "no file in its first location"),
        ("SARIF URI scheme https did not match the checkout URI scheme file", "not below the checkout"),
        ("rejecting delivery as the repository has too many logical alerts", "more alerts than code scanning keeps"),
        ("A delivery cannot contain multiple runs with the same category", "its own --category"),
        ("could not convert rules: invalid security severity value, is not a number", "is no number"),
        ("rejecting SARIF, as there are more runs than allowed (21 > 20)", "beyond a limit"),
        ("something else\x1b[2J", "something else\\u{1b}[2J"),
    ],
)
def test_every_known_rejection_is_put_in_words(said: str, words: str) -> None:
    github = GitHub(statuses=[{"processing_status": "failed", "errors": [said, 7]}])
    with serving(github) as server, CodeScanning(instance(server), "acme/app") as scanning:
        (error,) = scanning.errors("1", Patience())
    assert words in error


def test_it_needs_a_token_a_repository_a_commit_and_a_ref() -> None:
    with pytest.raises(UsageError, match="GH_TOKEN or GITHUB_TOKEN"):
        CodeScanning(Instance("https://api.github.com", ""), "acme/app")
    with pytest.raises(UsageError, match="OWNER/NAME"):
        CodeScanning(Instance("https://api.github.com", TOKEN), "acme/../app")
    with CodeScanning(Instance("https://api.github.com", TOKEN), "acme/app") as scanning:
        for wrong in (Analysis("0" * 7, "refs/heads/main"), Analysis("0" * 40, "main"), Analysis("0" * 40, "refs/x/y")):
            with pytest.raises(UsageError, match="expected"):
                scanning.send(b"", "T", wrong)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A checkout of acme/app with four tools' results."""
    import os

    for name in [n for n in os.environ if n.startswith(CI)]:
        monkeypatch.delenv(name)
    repo = Repo(tmp_path / "repo")
    for file in TOOLS.glob("*.sarif"):
        shutil.copy(file, repo.root)
    repo.commit()
    repo.git("remote", "add", "origin", "git@github.com:acme/app.git")
    monkeypatch.chdir(repo.root)
    return repo


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    found = GitHub()
    with serving(found) as server:
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.port}/api/v3")
        monkeypatch.setenv("GH_TOKEN", TOKEN)
        yield found


Captured = pytest.CaptureFixture[str]


def test_results_of_several_tools_are_uploaded(repo: Repo, github: GitHub, capsys: Captured) -> None:
    assert cli.main(["upload", "checkov.sarif", "zizmor.sarif", "--category", "ci"]) == 0
    out = capsys.readouterr()
    assert "GitHub has processed all of it." in out.out
    assert TOKEN not in out.out + out.err
    for posted, tool in zip(github.posted, ("checkov", "zizmor"), strict=True):
        assert posted["tool_name"].lower() == tool
        assert (posted["commit_sha"], posted["ref"]) == (repo.git("rev-parse", "HEAD"), "refs/heads/main")
        assert posted["checkout_uri"] == repo.root.as_uri() + "/"
        assert posted["started_at"].endswith("Z")
        assert posted["sarif"]["runs"][0]["automationDetails"]["id"] == "ci/"


def test_a_rejected_file_is_exit_3(repo: Repo, github: GitHub, capsys: Captured) -> None:
    github.statuses = [{"processing_status": "failed", "errors": ["rejecting SARIF, as there are too many"]}]
    assert cli.main(["upload", "bandit.sarif"]) == 3
    assert "GitHub rejected Bandit" in capsys.readouterr().out


@pytest.mark.parametrize("refusal", [403, 413])
def test_a_refused_upload_is_exit_3(repo: Repo, github: GitHub, capsys: Captured, refusal: int) -> None:
    github.refuse = [answer(refusal, b'{"message": "Resource not accessible by integration"}')] * 9
    assert cli.main(["upload", "bandit.sarif"]) == 3
    assert "GitHub: " in capsys.readouterr().err


def test_not_waiting_asks_nothing_more(repo: Repo, github: GitHub, capsys: Captured) -> None:
    github.statuses = []
    assert cli.main(["upload", "bandit.sarif", "--wait", "0"]) == 0
    assert "was not waited for" in capsys.readouterr().out


def test_a_dry_run_asks_nobody(repo: Repo, github: GitHub, capsys: Captured) -> None:
    assert cli.main(["upload", "bandit.sarif", "--dry-run", "--ref", "refs/pull/3/head"]) == 0
    assert "acme/app at " in capsys.readouterr().out
    assert github.posted == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "required"),
        (("none.sarif",), 3, "none.sarif"),
        (("bandit.sarif", "--ref", "main"), 2, "is no ref"),
        (("bandit.sarif", "--commit", "main"), 2, "is no commit"),
        (("bandit.sarif", "--repository", "acme"), 2, "OWNER/NAME"),
        (("bandit.sarif", "--github-url", "ftp://x"), 2, "not http"),
        (("bandit.sarif", "--wait", "-1"), 2, "--wait"),
        (("bandit.sarif", "bandit.sarif"), 2, "no category"),
    ],
)
def test_wrong_usage(
    repo: Repo, github: GitHub, capsys: Captured, arguments: tuple[str, ...], code: int, words: str
) -> None:
    if arguments == ("bandit.sarif", "bandit.sarif"):
        shutil.copy("bandit.sarif", "again.sarif")
        arguments, code = ("bandit.sarif", "again.sarif"), 3
    assert cli.main(["upload", *arguments]) == code
    assert words in capsys.readouterr().err
    assert github.posted == []


def test_a_token_does_not_go_to_a_server_that_nobody_named(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    repo.git("remote", "set-url", "origin", "https://x:y@git.corp.example/acme/app")
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    assert cli.main(["upload", "bandit.sarif"]) == 2
    assert "`origin` is on git.corp.example: say --repository" in capsys.readouterr().err


def test_without_git_and_ci_it_must_be_said(
    tmp_path: Path, repo: Repo, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert cli.main(["upload", str(repo.root / "bandit.sarif")]) == 2
    assert "say --repository" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com", "https://api.github.com"),
        ("https://api.github.com/", "https://api.github.com"),
        ("https://ghe.example", "https://ghe.example/api/v3"),
        ("https://ghe.example:8443/api/v3/", "https://ghe.example:8443/api/v3"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
    ],
)
def test_the_api_of_any_url(url: str, api: str) -> None:
    assert api_of(url)[0] == api


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("git@github.com:acme/app.git", ("github.com", "acme/app")),
        ("https://github.com/acme/app", ("github.com", "acme/app")),
        ("https://user:pass@GHE.example:8443/acme/app.git/", ("ghe.example", "acme/app")),
        ("ssh://git@ghe.example:22/acme/app.git", ("ghe.example", "acme/app")),
        ("/srv/git/app", ("", "")),
        ("", ("", "")),
    ],
)
def test_remotes(url: str, found: tuple[str, str]) -> None:
    assert host_and_name(url) == found


SHA = "1" * 40


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_SHA": SHA,
                "GITHUB_REF": "refs/pull/3/merge",
                "GITHUB_REPOSITORY": "o/r",
            },
            ("o/r", SHA, "refs/pull/3/merge"),
        ),
        ({"GITLAB_CI": "true", "CI_COMMIT_SHA": SHA, "CI_COMMIT_BRANCH": "x/y"}, ("acme/app", SHA, "refs/heads/x/y")),
        ({"GITLAB_CI": "true", "CI_COMMIT_SHA": SHA, "CI_COMMIT_TAG": "v1"}, ("acme/app", SHA, "refs/tags/v1")),
        (
            {
                "GITLAB_CI": "true",
                "CI_COMMIT_SHA": "2" * 40,
                "CI_EXTERNAL_PULL_REQUEST_IID": "3",
                "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA": SHA,
            },
            ("acme/app", SHA, "refs/pull/3/head"),
        ),
        (
            {
                "JENKINS_URL": "x",
                "GIT_COMMIT": SHA,
                "GIT_BRANCH": "origin/main",
                "GIT_URL": "https://github.com/o/r.git",
            },
            ("o/r", SHA, "refs/heads/main"),
        ),
        ({"JENKINS_URL": "x", "GIT_COMMIT": SHA, "CHANGE_ID": "3"}, ("acme/app", SHA, "refs/pull/3/head")),
        ({"JENKINS_URL": "x", "GIT_COMMIT": SHA, "BRANCH_NAME": "a"}, ("acme/app", SHA, "refs/heads/a")),
        (
            {
                "TF_BUILD": "True",
                "BUILD_SOURCEVERSION": SHA,
                "BUILD_SOURCEBRANCH": "refs/pull/3/merge",
                "BUILD_REPOSITORY_NAME": "o/r",
                "BUILD_REPOSITORY_PROVIDER": "GitHub",
            },
            ("o/r", SHA, "refs/pull/3/merge"),
        ),
        (
            {"BUILDKITE": "true", "BUILDKITE_COMMIT": SHA, "BUILDKITE_PULL_REQUEST": "3", "BUILDKITE_BRANCH": "x"},
            ("acme/app", SHA, "refs/pull/3/head"),
        ),
        (
            {"BUILDKITE": "true", "BUILDKITE_COMMIT": SHA, "BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_BRANCH": "x"},
            ("acme/app", SHA, "refs/heads/x"),
        ),
        ({"CIRCLECI": "true", "CIRCLE_SHA1": SHA, "CIRCLE_TAG": "v2"}, ("acme/app", SHA, "refs/tags/v2")),
        ({"GITLAB_CI": "true", "CI_COMMIT_SHA": SHA}, ("acme/app", SHA, "")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_each_ci_says(repo: Repo, environ: dict[str, str], found: tuple[str, str, str]) -> None:
    told = find_checkout(repo.root, environ)
    assert (told.repository, told.commit, told.ref) == found


def test_what_git_says(repo: Repo) -> None:
    head = repo.git("rev-parse", "HEAD")
    told = find_checkout(repo.root, {})
    assert (told.repository, told.commit, told.ref, told.host) == ("acme/app", head, "refs/heads/main", "github.com")
    repo.git("checkout", "-q", "--detach")
    assert find_checkout(repo.root, {}).ref == ""
