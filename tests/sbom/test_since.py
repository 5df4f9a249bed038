"""`--since`: what a change adds, what it fixes, and what was there, in every format."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from tests.pipeline.gitrepo import Repo
from tests.sbom.test_deps_check import POD, ROOT, checked, ci_guard

SCHEMA = json.loads((ROOT / "docs/schemas/report.schema.json").read_text("utf-8"))


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    made = Repo(tmp_path)
    made.write("requirements.txt", "idna==3.10\nsix==1.16\nflask>=3\n")
    made.write(".npmrc", "strict-ssl=false\n")
    made.write("old/requirements.txt", "wheel\n")
    made.write("pod.yaml", POD)
    made.commit()
    made.write("requirements.txt", "# moved by a line\nidna==3.10\nsix==1.17\nflask==3.0.3\n")
    made.git("rm", "-q", ".npmrc")
    made.git("mv", "old", "new")
    return tmp_path


def test_new_fixed_and_unchanged(repo: Path) -> None:
    code, report = checked(repo, "--since", "HEAD")
    jsonschema_rs.validate(SCHEMA, report)
    assert code == 0
    against = report["comparison"]
    assert sorted((f["rule"], f["location"]["path"]) for f in against.pop("fixed")) == [
        ("dependency-not-pinned", "requirements.txt"),
        ("dependency-without-hash", "requirements.txt"),
        ("package-source-without-tls", ".npmrc"),
    ]
    # idna, the pod's image, and the wheel of the renamed folder were there before.
    assert against == {"since": "HEAD", "new": 2, "unchanged": 3}
    shown = [f["message"] for f in report["findings"] if not f["suppressed"] and not f["impliedBy"]]
    assert [message.split()[0] for message in shown] == ["six", "flask"]


def test_without_it_nothing_is_compared(repo: Path) -> None:
    assert checked(repo)[1]["comparison"] is None


def test_people_are_told(repo: Path) -> None:
    text = ci_guard(repo, "deps", "check", "--since", "HEAD", "--no-color").stdout.decode()
    assert "Since HEAD: 2 new findings, 3 fixed, 3 unchanged." in text
    assert "fixed: .npmrc:1:1: package-source-without-tls" in text
    page = ci_guard(repo, "deps", "check", "--since", "HEAD", "--format", "markdown").stdout.decode()
    assert "**Since HEAD: 2 new findings, 3 fixed, 3 unchanged.**" in page


def test_lint_says_nothing_of_locks_that_it_does_not_judge(repo: Path) -> None:
    done = ci_guard(repo, "lint", "--since", "HEAD", "--format", "json")
    against = json.loads(done.stdout)["comparison"]
    assert (against["new"], against["fixed"]) == (0, [])


def test_a_revision_that_is_not_there_is_no_pass(repo: Path) -> None:
    done = ci_guard(repo, "deps", "check", "--since", "nowhere")
    assert done.returncode == 3
