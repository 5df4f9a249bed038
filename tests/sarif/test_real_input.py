"""The whole way on real manifests: judged, written as SARIF, valid, read back without loss, line hashes right."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from ci_guard.cli import main
from ci_guard.report.sarif import frameworks
from ci_guard.sarif.reader import read
from ci_guard.sarif.writer import write
from tests.sarif.multitool import flaws

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = Path(__file__).parent / "schema" / "sarif-2.1.0.json"
CORPORA = ("kops-static-pods", "kube-prometheus", "kubernetes-examples", "kubernetes-goat", "microservices-demo")


@pytest.fixture(params=["shop", *CORPORA])
def tree(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder to judge, made the current one."""
    folder = ROOT / "examples" / "shop"
    if request.param != "shop":
        shared = os.environ.get("CI_GUARD_SHARED")
        if not shared:
            pytest.skip("CI_GUARD_SHARED names no folder: the corpora were not judged")
        folder = Path(shared) / "data" / "corpora" / request.param
    for name in ("GITHUB_EVENT_PATH", "GITHUB_ACTIONS", "PRE_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(folder)
    return folder


def linted(tree: Path, tmp_path: Path) -> Path:
    out = tmp_path / "lint.sarif"
    assert main(["lint", ".", "--format", "sarif", "--output", str(out)]) in {0, 1}
    return out


@pytest.mark.slow
def test_real_manifests_make_valid_sarif_that_reads_back(tree: Path, tmp_path: Path) -> None:
    data = linted(tree, tmp_path).read_bytes()
    log: dict[str, Any] = json.loads(data)
    jsonschema_rs.validator_for(json.loads(SCHEMA.read_text("utf-8"))).validate(log)
    found = [r for run in log["runs"] for r in run["results"]]
    assert found
    assert all("primaryLocationLineHash" in r["partialFingerprints"] for r in found)
    standard = next(t for t in log["runs"][0]["taxonomies"] if t["name"] == "pod-security-standards")
    assert (standard["version"], len(standard["taxa"])) == ("v1.37", 19)
    back = read(data, "lint.sarif")
    assert len(back.findings) == len(found)
    assert write(back, lambda path: (tree / path).read_bytes(), taxonomies=frameworks()) == data


@pytest.mark.slow
def test_the_multitool_finds_no_flaw_in_real_output(tree: Path, tmp_path: Path) -> None:
    assert not flaws(linted(tree, tmp_path))
