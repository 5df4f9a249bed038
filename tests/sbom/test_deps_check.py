"""`deps check` and `sbom create` as a user runs them, over folders made for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "cases"
WORKFLOW = "jobs:\n  build:\n    runs-on: ubuntu-24.04\n    steps:\n    - uses: actions/checkout@v4\n"
WORKFLOW += "      with: {persist-credentials: false}\npermissions: {}\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.25\n"


def ci_guard(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """One run in `folder`, as a process of its own."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("CI_GUARD_", "GITHUB_"))}
    environ |= {"PYTHONPATH": str(ROOT), "SOURCE_DATE_EPOCH": "1700000000"}
    command = [sys.executable, "-m", "ci_guard", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=False)


def checked(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON report of `deps check`."""
    done = ci_guard(folder, "deps", "check", "--format", "json", *arguments)
    assert done.stderr == b""
    return done.returncode, json.loads(done.stdout)


def lines(report: dict[str, Any]) -> list[tuple[str, str, int]]:
    """(rule, path, line) of the findings that count."""
    shown = [f for f in report["findings"] if not f["impliedBy"]]
    return sorted((f["rule"], f["location"]["path"], f["location"]["region"]["startLine"]) for f in shown)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/ci.yml").write_text(WORKFLOW)
    (tmp_path / "pod.yaml").write_text(POD)
    (tmp_path / "requirements.txt").write_text("-r base.txt\nflask>=3\nidna==3.10\n")
    (tmp_path / "base.txt").write_text("six==1.0 --hash=md5:" + "0" * 32 + "\n")
    return tmp_path


def test_everything_is_found_on_its_line(repo: Path) -> None:
    code, report = checked(repo)
    assert code == 0, "nothing here is high"
    assert lines(report) == [
        ("action-not-pinned", ".github/workflows/ci.yml", 5),
        ("dependency-not-pinned", "requirements.txt", 2),
        ("dependency-weak-hash", "base.txt", 1),
        ("dependency-without-hash", "requirements.txt", 3),
        ("image-without-digest", "pod.yaml", 8),
    ]
    files = report["scope"]["files"]
    assert (files["judged"], files["lock"], files["workflow"]) == (1, 2, 1)
    assert checked(repo, "--fail-on", "medium")[0] == 1


def test_a_broken_lock_closes_the_gate_and_the_others_count(repo: Path) -> None:
    (repo / "uv.lock").write_text('version = 1\n[[package]]\nname = "a\n')
    code, report = checked(repo)
    assert code == 1
    assert ("unreadable-input", "uv.lock", 3) in lines(report)
    assert ("dependency-not-pinned", "requirements.txt", 2) in lines(report)


def test_an_include_that_is_not_there_is_told_where_it_stands(repo: Path) -> None:
    (repo / "requirements.txt").write_text("idna==3.10\n-r missing.txt\n-r ../outside.txt\n")
    code, report = checked(repo)
    assert code == 1
    assert [line for rule, path, line in lines(report) if rule == "unreadable-input"] == [2, 3]


def test_the_configuration_is_followed(repo: Path) -> None:
    (repo / ".ci-guard.yaml").write_text(
        "version: 1\nexclude: [base.txt, pod.yaml]\nsuppressions:\n"
        "- {rule: dependency-not-pinned, path: requirements.txt, reason: a tool for people}\n"
    )
    _, report = checked(repo)
    assert [f["rule"] for f in report["findings"] if f.get("suppressed")] == ["dependency-not-pinned"]


def test_the_hook_needs_none_of_the_heavy_libraries(repo: Path) -> None:
    script = (
        "import sys; from ci_guard.cli import main; main(['deps', 'check', '--output', 'out.txt']);"
        "print(sorted(m for m in ('cyclonedx', 'spdx_tools', 'packageurl', 'license_expression', 'jsonschema',"
        " 'cryptography', 'sarif_om', 'requests') if m in sys.modules))"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], cwd=repo, env=environ, capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


@pytest.mark.parametrize("document_format", ["cyclonedx", "spdx"])
def test_create_writes_a_file_and_names_what_is_missing(repo: Path, document_format: str) -> None:
    (repo / "uv.lock").write_text("broken")
    done = ci_guard(repo, "sbom", "create", "--quiet", "--format", document_format, "--output", "bom.json")
    assert done.returncode == 3
    assert b"uv.lock:1:" in done.stderr
    text = (repo / "bom.json").read_text()
    assert "uv.lock: not valid TOML" in text
    assert "pkg:oci/nginx?repository_url=docker.io%2Flibrary%2Fnginx&tag=1.25" in text
    again = ci_guard(repo, "sbom", "create", "--quiet", "--format", document_format, "--output", "bom.json")
    assert again.returncode == 3
    assert (repo / "bom.json").read_text() == text


def test_create_in_an_empty_folder_says_so(tmp_path: Path) -> None:
    done = ci_guard(tmp_path, "sbom", "create", "--quiet")
    assert done.returncode == 0
    assert b"no lock and no workload" in done.stderr
    assert json.loads(done.stdout)["components"] == []
    assert ci_guard(tmp_path, "sbom", "create", "nowhere").returncode == 3
    assert ci_guard(tmp_path, "sbom").returncode == 2


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.lock"
    outside.write_bytes((CASES / "uv-project" / "uv.lock").read_bytes())
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "uv.lock").symlink_to(outside)
    done = ci_guard(repo, "sbom", "create", "--quiet")
    assert b"symbolic link" in done.stderr
    assert b"click" not in done.stdout
