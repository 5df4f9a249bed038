"""The lint command on real files: outcomes, exits, suppressions, standard input, two processes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_guard.cli import main
from ci_guard.pipeline.lint import LintRequest, lint
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.report.progress import Silent

FLAWED = """\
apiVersion: v1
kind: Pod
metadata:
  name: api
spec:
  containers:
  - name: api
    image: registry.example/api:1.0@sha256:0000000000000000000000000000000000000000000000000000000000000000
    securityContext:
      privileged: true
"""


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith(("CI_GUARD_", "GITHUB_")) and n != "CI_GUARD_SHARED"]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("PRE_COMMIT", raising=False)
    return tmp_path


def findings_of(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, list[dict[str, object]]]:
    code = main(["lint", *argv, "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    return code, [f for f in report["findings"] if not f.get("suppressed") and not f.get("impliedBy")]


def rules(found: list[dict[str, object]]) -> set[object]:
    return {f["rule"] for f in found}


def test_a_flaw_closes_the_gate_on_its_line(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repo / "pod.yaml").write_text(FLAWED)
    assert main(["lint"]) == 1
    out = capsys.readouterr().out
    assert "pod.yaml:10:19  critical  privileged-container" in out
    assert "privileged: true" in out


def test_nothing_to_judge_is_open(repo: Path) -> None:
    (repo / "values.yaml").write_text("a: 1\n")
    assert main(["lint"]) == 0


def test_a_missing_target_is_exit_3(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "nowhere.yaml"]) == 3
    assert "nowhere.yaml" in capsys.readouterr().err


def test_an_unknown_profile_is_exit_2(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repo / "pod.yaml").write_text(FLAWED)
    assert main(["lint", "--profile", "nonsense"]) == 2
    assert "pss-restricted" in capsys.readouterr().err


def test_a_broken_document_loses_neither_the_others_nor_the_other_files(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo / "a.yaml").write_text(FLAWED + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: [}\n---\n" + FLAWED)
    (repo / "b.yaml").write_text(FLAWED)
    code, found = findings_of(capsys)
    assert code == 1
    by_file = {
        (f["location"]["path"], f["rule"], f["location"]["region"]["startLine"])  # type: ignore[index]
        for f in found
        if f["rule"] in {"privileged-container", "unreadable-input"}
    }
    assert ("b.yaml", "privileged-container", 10) in by_file
    assert ("a.yaml", "privileged-container", 10) in by_file
    assert any(rule == "unreadable-input" for _, rule, _ in by_file)


def test_a_comment_with_a_reason_suppresses_and_one_without_does_not(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "      privileged: true"
    (repo / "a.yaml").write_text(
        FLAWED.replace(line, line + "  # ci-guard: ignore[privileged-container] the node agent loads modules")
    )
    (repo / "b.yaml").write_text(FLAWED.replace(line, line + "  # ci-guard: ignore[privileged-container]"))
    code, found = findings_of(capsys)
    assert code == 1
    shown = {(f["location"]["path"], f["rule"]) for f in found}  # type: ignore[index]
    assert ("a.yaml", "privileged-container") not in shown
    assert {("b.yaml", "privileged-container"), ("b.yaml", "suppression-without-reason")} <= shown


def test_standard_input_is_judged_under_its_name(
    repo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FLAWED.encode())))
    code, found = findings_of(capsys, "-", "--stdin-filename", "x/pod.yaml")
    assert code == 1
    assert {f["location"]["path"] for f in found} == {"x/pod.yaml"}  # type: ignore[index]


def test_wrong_types_are_findings_and_not_passes(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repo / "a.yaml").write_text(FLAWED.replace("privileged: true", 'privileged: "true"'))
    (repo / "b.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: nonsense}\n")
    code, found = findings_of(capsys)
    assert code == 1
    assert {f["location"]["path"] for f in found if f["rule"] == "wrong-type"} == {"a.yaml", "b.yaml"}  # type: ignore[index]


def test_namespace_labels_judge_their_pods_at_the_pinned_version(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo / "ns.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n"
        "    pod-security.kubernetes.io/enforce: restricted\n"
        "    pod-security.kubernetes.io/enforce-version: v1.22\n"
    )
    (repo / "pod.yaml").write_text(FLAWED.replace("  name: api\nspec", "  name: api\n  namespace: shop\nspec"))
    _, alone = findings_of(capsys)
    assert "violates-namespace-pod-security" not in rules(alone)
    code, found = findings_of(capsys, "--all")
    assert code == 1
    broken = {f["key"] for f in found if f["rule"] == "violates-namespace-pod-security"}
    assert {"privileged", "runAsNonRoot", "seccompProfile_restricted", "capabilities_restricted"} <= broken
    assert "runAsUser" not in broken  # exists since v1.23


def test_since_shows_only_what_is_new(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main"]
    (repo / "old.yaml").write_text(FLAWED)
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "old"]):
        subprocess.run([*git, *command], check=True, cwd=repo)
    subprocess.run([*git, "mv", "old.yaml", "renamed.yaml"], check=True, cwd=repo)
    (repo / "renamed.yaml").write_text("# moved down\n" + FLAWED)
    assert main(["lint", "--since", "HEAD"]) == 0
    (repo / "new.yaml").write_text(FLAWED)
    capsys.readouterr()
    code, found = findings_of(capsys, "--since", "HEAD")
    assert code == 1
    assert {f["location"]["path"] for f in found} == {"new.yaml"}  # type: ignore[index]
    assert main(["lint", "--since", "no-such-revision"]) == 3


def request(root: Path, jobs: int) -> LintRequest:
    return LintRequest(root, (".",), RuleChoice(), jobs=jobs)


def test_two_processes_find_what_one_finds(repo: Path) -> None:
    for number in range(40):
        (repo / f"{number}.yaml").write_text(FLAWED + "---\n" + FLAWED.replace("name: api", f"name: api{number}"))
    one, two = lint(request(repo, 1), Silent()), lint(request(repo, 2), Silent())
    assert one.judged.findings == two.judged.findings
    assert one.judged.evaluated == two.judged.evaluated
    assert len(one.judged.findings) > 40


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), prefix=st.sampled_from([b"", FLAWED.encode(), b"apiVersion: v1\nkind: Pod\n"]))
def test_any_bytes_are_judged_or_a_finding(tmp_path: Path, data: bytes, prefix: bytes) -> None:
    folder = tmp_path / "any"
    folder.mkdir(exist_ok=True)
    (folder / "x.yaml").write_bytes(prefix + data)
    linted = lint(LintRequest(folder, (".",), RuleChoice()), Silent())
    assert sum(linted.judged.files.values()) == 1
    lines = len((prefix + data).decode("utf-8", "replace").splitlines()) + 1
    for finding in linted.judged.findings:
        region = finding.location.region
        assert region is None or 1 <= region.start_line <= lines + 1


def test_file_order_does_not_change_the_report(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "abc":
        (repo / f"{name}.yaml").write_text(FLAWED)
    _, forward = findings_of(capsys, "a.yaml", "b.yaml", "c.yaml")
    _, backward = findings_of(capsys, "c.yaml", "b.yaml", "a.yaml")
    assert forward == backward


def test_standard_input_may_have_an_absolute_name(
    repo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FLAWED.encode())))
    code, found = findings_of(capsys, "-", "--stdin-filename", str(repo / "templates" / "pod.yaml"))
    assert code == 1
    assert "privileged-container" in rules(found)


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("no-such-rule: {enabled: false}", ".ci-guard.yaml:3: rules: no rule 'no-such-rule'"),
        ("unsafe-sysctls: {params: {x: 1}}", ".ci-guard.yaml:3: rule unsafe-sysctls has no parameter 'x'"),
        (
            "unsafe-sysctls: {params: {allowed: 1}}",
            ".ci-guard.yaml:3: rule unsafe-sysctls, parameter allowed: expected",
        ),
    ],
)
def test_what_the_configuration_says_of_rules_must_fit(
    repo: Path, capsys: pytest.CaptureFixture[str], setting: str, complaint: str
) -> None:
    (repo / ".ci-guard.yaml").write_text(f"version: 1\nrules:\n  {setting}\n")
    (repo / "a.yaml").write_text(FLAWED)
    assert main(["lint", "."]) == 2
    assert complaint in capsys.readouterr().err


def test_a_container_without_a_name_is_called_by_its_number(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repo / "a.yaml").write_text(
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n"
        "      containers: [{image: 'registry.example/a:1', securityContext: {privileged: true}}]\n"
    )
    _, found = findings_of(capsys, "a.yaml", "--select", "privileged-container")
    assert 'container "#1" runs privileged' in {f["message"] for f in found}
