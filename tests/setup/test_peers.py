"""What other tools were told: a case is a small repository, named after the tool; beside it what comes of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.cli import main
from ci_guard.pipeline.setup.init import InitRequest, plan
from ci_guard.setup.configuration import Acceptance, Draft
from ci_guard.setup.peers.collecting import PEERS, collect
from ci_guard.setup.peers.table import control_named, rules_of
from tests.pipeline.gitrepo import Repo

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CASES = sorted(path for path in (HERE / "peers").iterdir() if path.is_dir())
SCHEMA = json.loads((ROOT / "docs/schemas/config.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path, tmp_path: Path) -> None:
    shutil.copytree(case, tmp_path / "repo")
    tools = (case.name,) if case.name in PEERS else tuple(PEERS)
    planned = plan(InitRequest(tmp_path / "repo", tools=tools), {})
    taken = planned.takeover
    config = yaml.safe_load(planned.changes[0].after)
    jsonschema_rs.validator_for(SCHEMA).validate(json.loads(json.dumps(config, default=str)))
    found = {
        "configuration": {key: config[key] for key in ("fail-on", "exclude", "rules", "suppressions") if key in config},
        "needless": [f"{origin}: {check}" for origin, check in taken.needless],
        "leftovers": [f"{left.origin}: {left.words}" for left in taken.leftovers],
    }
    written = json.loads(json.dumps(found, default=str))
    expected = case.with_suffix(".json")
    assert written == json.loads(expected.read_text("utf-8")), json.dumps(written, indent=1)
    assert {str(rule) for rule in config.get("rules", {})} <= known_rules()


def known_rules() -> set[str]:
    catalog: dict[str, Any] = json.loads((ROOT / "rules/catalog.json").read_text("utf-8"))
    return set(catalog["rules"])


def test_reasons_make_it_green_and_placeholders_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(HERE / "peers/kube-linter", tmp_path / "repo")
    monkeypatch.chdir(tmp_path / "repo")
    assert main(["init", "--dry-run"]) == 0
    hint = "kube-linter is configured here (.kube-linter.yaml): `ci-guard init --from kube-linter`"
    assert hint in capsys.readouterr().err
    assert main(["init", "--from=kube-linter"]) == 0
    assert "1 suppression has no reason and no effect yet" in capsys.readouterr().out
    assert main(["lint", "--format=json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [f["rule"] for f in report["findings"] if f["rule"].startswith("suppression-")] == [
        "suppression-without-reason"
    ], "every other entry is used"


def test_a_folder_of_a_larger_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = Repo(tmp_path / "repo")
    shutil.copytree(HERE / "peers/checkov", repo.root / "apps/one")
    shutil.copytree(HERE / "peers/checkov/deploy", repo.root / "apps/two")
    monkeypatch.chdir(repo.root)
    assert main(["init", "apps/one", "--from=checkov"]) == 0
    said = capsys.readouterr().out
    assert "it stays open whatever is found (fail-on: never)" in said, "as soft-fail said"
    assert "  deploy/api.yaml:11: checkov CKV_K8S_9999: is no check that we know" in said
    config = yaml.safe_load((repo.root / "apps/one/.ci-guard.yaml").read_text())
    assert {entry["path"] for entry in config["suppressions"]} == {"deploy/api.yaml", "deploy/comment.yaml"}
    assert len(config["suppressions"]) == 5
    assert main(["config", "check"]) == 0


def test_a_configuration_that_is_there_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".ci-guard.yaml").write_text("version: 1\n")
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--from=trivy"]) == 2
    assert main(["init", "--from=nobody"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == [".ci-guard.yaml"]


def test_ids_are_found_in_each_of_their_forms() -> None:
    assert rules_of("checkov", "ckv_k8s_16") == rules_of("trivy", "AVD-KSV-0017") == ("privileged-container",)
    assert rules_of("trivy", "KSV017") == rules_of("kubescape", control_named("Privileged container"))
    assert rules_of("checkov", "CKV_AWS_1") is None


@pytest.mark.parametrize("tool", ["checkov", "kube-linter", "kubescape", "trivy"])
def test_every_rule_of_the_table_exists(tool: str) -> None:
    table = json.loads((ROOT / "ci_guard/setup/peers/table.json").read_text("utf-8"))
    named = {rule for rules in table[tool].values() for rule in rules}
    assert named <= known_rules()
    assert sum(bool(rules) for rules in table[tool].values()) > 60


FILES = [".checkov.yaml", ".checkov.baseline", ".kube-linter.yaml", "x.json", ".trivyignore", ".trivyignore.yaml"]
KEYS = [
    "skip-check",
    "check",
    "skip-path",
    "soft-fail",
    "checks",
    "include",
    "exclude",
    "ignorePaths",
    "customChecks",
    "name",
    "template",
    "resources",
    "attributes",
    "posturePolicies",
    "controlID",
    "controlName",
    "policyType",
    "postureExceptionPolicy",
    "misconfigurations",
    "id",
    "paths",
    "statement",
    "expired_at",
    "severity",
    "scan",
    "skip-dirs",
    "kind",
    "CKV_K8S_8",
    "KSV-0017",
    "C-0057",
    "insecureCapabilities",
    "reason",
]
WORDS = st.sampled_from(KEYS) | st.text(max_size=5)
VALUE = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
)


@given(
    st.sampled_from([*FILES, "trivy.yaml"]),
    st.binary(max_size=80) | VALUE.map(lambda value: json.dumps([value, "postureExceptionPolicy"]).encode())
    | VALUE.map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
def test_any_bytes_are_wishes_or_left_over(name: str, data: bytes) -> None:
    wishes = collect([name], list(PEERS), lambda _path: data)
    assert all(skip.origin and skip.check is not None for skip in wishes.skips)


TEXT = st.text(max_size=12) | st.sampled_from(
    ["yes", "null", "1", "a: b", "# x", "'", '"', "\\", "\x85", "\u2028", "\ufeff"]
)


@given(TEXT, TEXT, TEXT, TEXT)
def test_what_is_written_is_what_is_read(kind: str, name: str, reason: str, note: str) -> None:
    entry = Acceptance("privileged-container", "a b/*.yaml", kind, "", name, reason, None, note)
    draft = Draft("https://schema.example", exclude=[("a#b/**", note)], acceptances=[entry])
    read = yaml.safe_load(draft.text())
    wanted = {"rule": entry.rule, "path": entry.path, "kind": kind, "name": name, "reason": reason}
    assert read["exclude"] == ["a#b/**"]
    assert read["suppressions"] == [{key: value for key, value in wanted.items() if value or key == "reason"}]
