"""`deps check`, `deps db` and `deps vex` as a user runs them: verdicts, exit codes, words; offline and by the API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ci_guard.advisories.matching import match
from ci_guard.advisories.vex.reading import read_statements
from ci_guard.model.errors import ServiceError
from ci_guard.services import osv
from ci_guard.services.http import HttpClient, Limits
from ci_guard.services.osv import OsvService, open_client
from tests.advisories.loopback_osv import Service, serving

ROOT = Path(__file__).parents[2]
DAY = "1795219200"  # 2026-11-21
LOCK = "version = 1\n\n" + "\n".join(
    [
        '[[package]]\nname = "shop"\nversion = "1.0"\nsource = { virtual = "." }',
        'dependencies = [{ name = "flask" }]\n',
        '[[package]]\nname = "flask"\nversion = "2.0"\nsource = { registry = "https://index.pypi.example/simple" }',
        'dependencies = [{ name = "jinja2" }]\n',
        '[[package]]\nname = "jinja2"\nversion = "2.4.1"\nsource = { registry = "https://i.pypi.example/simple" }\n',
    ]
)
CRITICAL = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]


def record(name: str, package: str, fixed: str = "", ecosystem: str = "PyPI", **more: Any) -> dict[str, Any]:
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    entry = {"package": {"ecosystem": ecosystem, "name": package}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    return {"id": name, "modified": "2026-11-20T00:00:00Z", "summary": f"About {package}", "affected": [entry], **more}


RECORDS = [
    record("PYSEC-1", "jinja2", "2.7", aliases=["CVE-2026-1"], severity=CRITICAL),
    record("PYSEC-2", "jinja2", severity=CRITICAL),
    record("GHSA-9", "jinja2", "2.8", aliases=["CVE-2026-1"]),
    record("PYSEC-3", "other"),
    record("K-1", "k8s.io/kubelet", "1.18.4", "Kubernetes"),
]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "uv.lock").write_text(LOCK)
    (tmp_path / "records").mkdir()
    for given in RECORDS:
        (tmp_path / "records" / f"{given['id']}.json").write_text(json.dumps(given))
    return folder


def ci_guard(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {
        k: v for k, v in os.environ.items() if not k.startswith(("CI_GUARD_", "GITHUB_")) and "proxy" not in k.lower()
    }
    environ |= {"PYTHONPATH": str(ROOT), "SOURCE_DATE_EPOCH": DAY, "CI_GUARD_CACHE": str(folder.parent / "cache")}
    command = [sys.executable, "-m", "ci_guard", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**environ, **variables}, capture_output=True, text=True, check=False
    )


def checked(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = ci_guard(folder, "deps", "check", "--format", "json", *arguments)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def advisories_of(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    """(rule, id, severity, line) of the findings by advisories."""
    found = [f for f in report["findings"] if "vulnerable" in f["rule"] or "malicious" in f["rule"]]
    line = [(f["location"]["region"] or {}).get("startLine") for f in found]
    return sorted((f["rule"], f["key"], f["severity"], n) for f, n in zip(found, line, strict=True))


WANTED = [
    ("vulnerable-dependency", "CVE-2026-1", "critical", 16),
    ("vulnerable-dependency-without-fix", "PYSEC-2", "high", 16),
]


def test_offline_by_path_and_by_what_was_taken_in(repo: Path) -> None:
    code, report = checked(repo, "--advisories", "../records")
    assert (code, advisories_of(report), report["unjudged"]) == (1, WANTED, [])
    one = next(f for f in report["findings"] if f["key"] == "CVE-2026-1")
    assert "fixed in 2.8" in one["message"]
    assert "comes with flask" in one["message"]
    assert [step["region"]["startLine"] for step in one["flows"][0]] == [10, 16]
    assert ci_guard(repo, "deps", "db", "update", "../records").returncode == 0
    assert checked(repo) == (code, report)
    status = ci_guard(repo, "deps", "db", "status")
    assert status.returncode == 0
    assert "pypi: 4 records (0 withdrawn), 2 packages, of 2026-11-20 (1 days old)" in status.stdout


def test_fixable_and_not_are_told_apart_by_the_exit(repo: Path) -> None:
    """A gate that fails on critical is closed by what can be fixed, not by what cannot."""
    assert checked(repo, "--advisories", "../records", "--fail-on", "critical")[0] == 1
    assert (
        checked(repo, "--advisories", "../records", "--fail-on", "critical", "--ignore", "vulnerable-dependency")[0]
        == 0
    )


def test_the_severity_of_the_configuration_wins(repo: Path) -> None:
    (repo / ".ci-guard.yaml").write_text("rules:\n  vulnerable-dependency: {severity: low}\n")
    found = advisories_of(checked(repo, "--advisories", "../records")[1])
    assert found[0] == ("vulnerable-dependency", "CVE-2026-1", "low", 16)


def test_kubernetes_of_the_configuration(repo: Path) -> None:
    (repo / ".ci-guard.yaml").write_text("kubernetes-version: 1.18.3\n")
    found = advisories_of(checked(repo, "--advisories", "../records")[1])
    assert ("vulnerable-kubernetes-version", "K-1", "high", None) in found
    found = advisories_of(checked(repo, "--advisories", "../records", "--kubernetes-version", "v1.18.4")[1])
    assert found == WANTED


def test_since_shows_only_what_a_change_brings_in(repo: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *words],
            cwd=repo,
            check=True,
            capture_output=True,
        )

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "one")
    assert checked(repo, "--advisories", "../records", "--since", "HEAD")[0] == 0
    (repo / "requirements.txt").write_text("other==1.0\n")
    code, report = checked(repo, "--advisories", "../records", "--since", "HEAD")
    open_ones = [f["key"] for f in report["findings"] if not f["suppressed"] and "vulnerable" in f["rule"]]
    assert (code, open_ones) == (0, ["PYSEC-3"])


@pytest.mark.parametrize(
    ("prepare", "options", "words"),
    [
        ("", ["--advisories", "../nowhere"], "there is no advisory database here"),
        ("records", ["--advisories", "../records", "--advisories-max-age", "1"], ""),
        ("old", ["--advisories", "../records"], "the data for pypi is of 2020-01-01"),
        ("zip", ["--advisories", "../all.zip"], "this is no whole zip archive"),
        ("npm", ["--advisories", "../records"], "no advisory database for npm, 1 package not judged"),
        (
            "kubernetes",
            ["--advisories", "../records", "--kubernetes-version", "1.30.0"],
            "no advisory database for Kubernetes",
        ),
        ("cache", [], "the compiled advisory database cannot be used"),
    ],
    ids=["missing", "fresh", "stale", "not-a-zip", "ecosystem-without", "kubernetes-without", "broken-cache"],
)
def test_what_cannot_be_judged_is_exit_3_in_words(repo: Path, prepare: str, options: list[str], words: str) -> None:
    records = repo.parent / "records"
    if prepare == "old":
        for file in records.iterdir():
            file.write_text(file.read_text().replace("2026-11-20", "2020-01-01"))
    elif prepare == "zip":
        (repo.parent / "all.zip").write_bytes(b"PK\x03\x04 half of it")
    elif prepare == "kubernetes":
        (records / "K-1.json").unlink()
    elif prepare == "npm":
        entry = {"version": "1.0.0", "resolved": "https://registry.npmjs.example/a/-/a-1.0.0.tgz"}
        (repo / "package-lock.json").write_text(
            json.dumps({"lockfileVersion": 3, "packages": {"": {}, "node_modules/a": entry}})
        )
    elif prepare == "cache":
        assert ci_guard(repo, "deps", "db", "update", "../records").returncode == 0
        for file in (repo.parent / "cache/advisories").glob("*.db"):
            file.write_bytes(file.read_bytes()[:-1])
            data = bytearray(file.read_bytes())
            data[60] ^= 255
            file.write_bytes(bytes(data))
        assert ci_guard(repo, "deps", "db", "status").returncode == 3
    code, report = checked(repo, *options)
    if not words:
        assert (code, report["unjudged"]) == (1, [])
        return
    assert code == 3
    assert words in json.dumps(report["unjudged"])
    assert words in report["verdict"]["paragraph"]


def test_an_accepted_gap_is_no_failure(repo: Path) -> None:
    (repo / "requirements.txt").write_text("x==1\n")
    (repo / ".ci-guard.yaml").write_text("advisories: [../npm]\nadvisories-not-judged: [PyPI]\n")
    (repo.parent / "npm").mkdir()
    (repo.parent / "npm/a.json").write_text(json.dumps(record("X-1", "a", ecosystem="npm")))
    assert checked(repo)[0] == 0


def test_without_any_database_it_is_said_and_never_passed(repo: Path) -> None:
    code, report = checked(repo)
    assert code == 0
    assert "does not count as passed: vulnerable-dependency (1)" in report["verdict"]["paragraph"]
    assert "vulnerable-dependency" not in report["evaluated"]


def test_a_database_inside_of_a_pull_request_judges_nothing(repo: Path) -> None:
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=repo, check=True, capture_output=True)
    (repo / "records").mkdir()
    (repo / "records/a.json").write_text(json.dumps(record("X-1", "a")))
    code, report = checked(repo, "--advisories", "records", "--base", "HEAD")
    assert code == 3
    assert "can be edited by the very change" in json.dumps(report["unjudged"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["update"], 2, "needs a PATH"),
        (["update", "--online"], 2, "needs --ecosystem"),
        (["update", "--ecosystem", "PyPI"], 2, "needs a PATH"),
        (["update", "../records", "--as-of", "soon"], 2, "--as-of"),
        (["update", "nowhere"], 3, "there is no advisory database here"),
        (["status"], 3, "no advisory databases"),
    ],
)
def test_db_says_what_is_wrong(repo: Path, arguments: list[str], code: int, words: str) -> None:
    done = ci_guard(repo, "deps", "db", *arguments)
    assert done.returncode == code
    assert words in done.stderr + done.stdout


def test_online_gives_the_same_findings(repo: Path) -> None:
    offline = checked(repo, "--advisories", "../records")
    with serving(Service({r["id"]: r for r in RECORDS}, page=1)) as service:
        online = checked(repo, "--online", "--osv-url", service.url)
        assert online == offline
        assert service.asked == {"/v1/querybatch": 3, "/v1": 3}, "three pages, and each record once"


def test_the_main_job_asks_the_same(repo: Path) -> None:
    with serving(Service({r["id"]: r for r in RECORDS})) as service:
        done = ci_guard(repo, "run", ".", "--format", "json", "--online", "--osv-url", service.url)
    assert done.returncode == 1, done.stderr
    assert advisories_of(json.loads(done.stdout)) == WANTED


def test_online_database(repo: Path) -> None:
    from tests.advisories.test_databases import zipped
    from tests.services.faulty import answer
    from tests.services.faulty import serving as serving_bytes

    data = zipped({f"{r['id']}.json": json.dumps(r).encode() for r in RECORDS})
    with serving_bytes(lambda call, peer: peer.sendall(answer(200, data))) as server:
        done = ci_guard(repo, "deps", "db", "update", "--online", "--ecosystem", "PyPI", "--url", server.url(""))
        assert done.returncode == 0, done.stderr
        assert [call.target for call in server.calls] == ["/PyPI/all.zip"]
    assert checked(repo, "--advisories-max-age", "36500")[0] in {1, 3}
    with serving_bytes(lambda call, peer: peer.sendall(answer(200, data[:-50]))) as server:
        done = ci_guard(repo, "deps", "db", "update", "--online", "--ecosystem", "PyPI", "--url", server.url(""))
    assert done.returncode == 3
    assert "no whole zip archive" in done.stderr


FAULTS: dict[str, tuple[dict[str, list[tuple[int, bytes]]], str]] = {
    "429-for-ever": ({"/v1/querybatch": [(429, b"{}")] * 9}, "answered 429"),
    "500-for-ever": ({"/v1/querybatch": [(500, b"{}")] * 9}, "answered 500"),
    "500-for-a-record": ({"/v1/vulns/": [(500, b"{}")] * 9}, "answered 500"),
    "half-a-page": ({"/v1/querybatch": [(200, b'{"results": []}')]}, "this is not the whole page"),
    "no-json": ({"/v1/querybatch": [(200, b"<html>")]}, "not JSON"),
    "no-id": ({"/v1/querybatch": [(200, b'{"results": [{"vulns": [{}]}]}')]}, "without `id`"),
    "record-of-nothing": ({"/v1/vulns/": [(200, b"[]")]}, "no OSV record"),
    "record-gone": ({"/v1/vulns/": [(404, b'{"message": "Bug not found."}')]}, "answered 404"),
}
QUICK = Limits(connect=2, read=0.5, total=3, waits=(0.01, 0.01))


def client_of(service: Service, limits: Limits = QUICK) -> HttpClient:
    return open_client(service.url, named=True, limits=limits)


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_service_are_errors_in_words(name: str) -> None:
    faults, words = FAULTS[name]
    with serving(Service({r["id"]: r for r in RECORDS}, faults=faults)) as service, client_of(service) as client:
        with pytest.raises(ServiceError, match="OSV") as error:
            match(OsvService(client, service.url), "PyPI", "jinja2", "2.4.1")
        assert words in str(error.value)


def test_passing_faults_are_tried_again() -> None:
    faults = {"/v1/querybatch": [(500, b""), (429, b"")], "/v1/vulns/": [(503, b"")]}
    with serving(Service({r["id"]: r for r in RECORDS}, faults=faults)) as service, client_of(service) as client:
        found = match(OsvService(client, service.url), "PyPI", "jinja2", "2.4.1").matches
        assert [m.id for m in found] == ["CVE-2026-1", "PYSEC-2"]


def test_records_are_fetched_at_the_same_time_and_once() -> None:
    known = {r["id"]: r for r in RECORDS}
    with serving(Service(known, together=threading.Barrier(3))) as service, client_of(service) as client:
        source = OsvService(client, service.url)
        for _ in range(2):
            found = match(source, "PyPI", "jinja2", "2.4.1").matches
        assert [m.id for m in found] == ["CVE-2026-1", "PYSEC-2"]
        assert service.asked == {"/v1/querybatch": 1, "/v1": 3}


def test_a_slow_service_is_not_waited_for() -> None:
    quick = Limits(read=0.2, total=1, waits=())
    words = r"said nothing for 0\.2 s|took longer"
    with (
        serving(Service({}, delay=1.5)) as service,
        client_of(service, quick) as client,
        pytest.raises(ServiceError, match=words),
    ):
        match(OsvService(client, service.url), "PyPI", "jinja2", "2.4.1")


def test_a_service_that_never_ends_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osv, "MAX_PAGES", 5)  # the bound, not the code
    endless = Service({})
    endless.batch = lambda queries: {"results": [{"next_page_token": "more"} for _ in queries]}  # type: ignore[method-assign]
    with (
        serving(endless) as service,
        client_of(service, Limits(total=30)) as client,
        pytest.raises(ServiceError, match="more than 5 pages"),
    ):
        match(OsvService(client, service.url), "PyPI", "jinja2", "2.4.1")


def test_a_failing_service_is_exit_3(repo: Path) -> None:
    with serving(Service({}, faults={"/v1/querybatch": [(400, b'{"message": "no"}')]})) as service:
        code, report = checked(repo, "--online", "--osv-url", service.url)
    assert code == 3
    assert "answered 400 (no)" in report["verdict"]["paragraph"]
    assert advisories_of(report) == []


def test_vex_suppresses_and_says_where(repo: Path) -> None:
    statement = {"vulnerability": {"name": "GHSA-9"}, "products": [{"@id": "pkg:pypi/jinja2@2.4.1"}]}
    statement |= {"status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}
    head = {"@context": "https://openvex.dev/ns/v0.2.0", "author": "us", "timestamp": "2026-11-01T00:00:00Z"}
    (repo / "vex.json").write_text(json.dumps({**head, "statements": [statement]}))
    (repo / ".ci-guard.yaml").write_text("vex: [vex.json]\n")
    code, report = checked(repo, "--advisories", "../records", "--fail-on", "critical")
    suppressed = {f["key"]: f["suppressed"] for f in report["findings"] if f["suppressed"]}
    assert (code, list(suppressed)) == (0, ["CVE-2026-1"])
    assert (suppressed["CVE-2026-1"]["origin"], suppressed["CVE-2026-1"]["location"]["path"]) == ("vex", "vex.json")
    (repo / "vex.json").write_text("{")
    done = ci_guard(repo, "deps", "check", "--advisories", "../records")
    assert done.returncode == 2
    assert "vex.json" in done.stderr


def test_a_change_cannot_accept_for_itself(repo: Path) -> None:
    """On a pull request the VEX document of the base counts, and what the change does to it is a finding."""
    head = {"@context": "https://openvex.dev/ns/v0.2.0", "author": "us", "timestamp": "2026-11-01T00:00:00Z"}
    (repo / "vex.json").write_text(json.dumps({**head, "statements": []}))
    (repo / ".ci-guard.yaml").write_text("vex: [vex.json]\n")
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=repo, check=True, capture_output=True)
    statement = {"vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": "pkg:pypi/jinja2"}], "status": "fixed"}
    (repo / "vex.json").write_text(json.dumps({**head, "statements": [statement]}))
    code, report = checked(repo, "--advisories", "../records", "--base", "HEAD")
    assert (code, advisories_of(report)) == (1, WANTED)
    assert not [f for f in report["findings"] if f["suppressed"]]
    assert [f["location"]["path"] for f in report["findings"] if f["rule"] == "policy-changed"] == ["vex.json"]
    assert [f["key"] for f in checked(repo, "--advisories", "../records")[1]["findings"] if f["suppressed"]] == [
        "CVE-2026-1"
    ]


@pytest.mark.parametrize("kind", ["openvex", "cyclonedx"])
def test_drafts_accept_nothing_and_can_be_read_back(repo: Path, kind: str) -> None:
    arguments = ["deps", "vex", "init", "--advisories", "../records", "--format", kind, "--author", "us"]
    done = ci_guard(repo, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert ci_guard(repo, *arguments).stdout == done.stdout, "the same every time"
    statements = read_statements("draft.json", done.stdout.encode())
    assert sorted(min(s.ids) for s in statements) == ["CVE-2026-1", "PYSEC-2"]
    assert {s.status for s in statements} == {"under_investigation"}
    (repo / "draft.json").write_text(done.stdout)
    assert advisories_of(checked(repo, "--advisories", "../records", "--vex", "draft.json")[1]) == WANTED


def test_drafts_point_into_the_sbom(repo: Path) -> None:
    from tests.sbom.test_documents import schema

    assert ci_guard(repo, "sbom", "create", "--output", "sbom.json").returncode == 0
    sbom = json.loads((repo / "sbom.json").read_text())
    done = ci_guard(
        repo, "deps", "vex", "init", "--advisories", "../records", "--format", "cyclonedx", "--sbom", "sbom.json"
    )
    draft = json.loads(done.stdout)
    serial = sbom["serialNumber"].removeprefix("urn:uuid:")
    refs = {a["ref"] for v in draft["vulnerabilities"] for a in v["affects"]}
    assert len(refs) == 1
    assert refs.pop().startswith(f"urn:cdx:{serial}/1#")
    assert [error.message for error in schema("1.6").iter_errors(draft)] == []


def test_no_draft_of_half_an_audit(repo: Path) -> None:
    done = ci_guard(repo, "deps", "vex", "init")
    assert done.returncode == 3
    assert "no draft, since not everything could be judged" in done.stderr
