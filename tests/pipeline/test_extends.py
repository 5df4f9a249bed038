"""A shared policy: what a repo may tighten, what it may not loosen, and that both files and lines are named."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.cli import main
from ci_guard.config import values
from ci_guard.config.types import Config
from ci_guard.model.errors import ConfigError
from ci_guard.pipeline.policy.boundary import load_policy
from ci_guard.pipeline.policy.extending import Layer, extended
from tests.pipeline.gitrepo import Repo
from tests.pipeline.test_own_rules import OWN, POD

SHARED = "fail-on: medium\nrules:\n  host-pid: {severity: high}\n  unsafe-sysctls: {params: {allowed: [a]}}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [n for n in os.environ if n.startswith(("CI_GUARD_", "GITHUB_")) and n != "CI_GUARD_SHARED"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def policy(here: Path, shared: str, own: str) -> Config:
    (here / "shared.yaml").write_text(shared)
    (here / ".ci-guard.yaml").write_text("extends: shared.yaml\n" + own)
    return load_policy(here, {}, {}).config


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("", {"fail_on": "medium"}),
        ("fail-on: low\n", {"fail_on": "low"}),
        ("rules: {host-pid: {severity: critical}}\n", {}),
        ("rules: {host-ipc: {severity: critical}, secret-in-env: {enabled: true}}\n", {}),
        ("profile: all\n", {"profile": "all"}),
        ("rules: {unsafe-sysctls: {severity: critical, params: {allowed: [a]}}}\n", {}),
    ],
)
def test_tightening(here: Path, own: str, expected: dict[str, str]) -> None:
    own = own.replace("secret-in-env", "host-network")
    config = policy(here, SHARED, own)
    assert {name: getattr(config, name) for name in expected} == expected
    assert config.rules["unsafe-sysctls"].params == {"allowed": ["a"]}


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("fail-on: high\n", ":2: fail-on: high is looser than medium (shared.yaml:1)"),
        ("fail-on: never\n", ":2: fail-on: never is looser than medium"),
        ("rules:\n  host-pid: {severity: low}\n", ":3: rules.host-pid.severity: rule host-pid is high in the shared"),
        ("rules:\n  host-pid: {enabled: false}\n", ":3: rules.host-pid.enabled: rule host-pid no longer judges"),
        ("rules:\n  host-network: {severity: note}\n", ":3: rules.host-network.severity: "),
        ("rules:\n  unsafe-sysctls: {params: {allowed: [b]}}\n", ":3: rules.unsafe-sysctls.params: "),
        ("profile: pss-baseline\n", ":2: profile.enabled: rule "),
        ("pod-security-version: v1.20\n", ":2: pod-security-version."),
        ("paths: [deploy]\n", ":2: paths: the shared policy does not grant `paths` to the repo"),
        ("exclude: [deploy]\n", ":2: exclude: the shared policy does not grant"),
        ("baseline: b.json\n", ":2: baseline: the shared policy does not grant"),
        ("ratchet: r.json\n", ":2: ratchet: "),
        ("registries: [registry.example]\n", ":2: registries: "),
        ("suppressions: [{rule: host-pid, reason: x}]\n", ":2: suppressions: "),
        ("vex: [vex.json]\n", ":2: vex: "),
        ("repo-may: [paths]\n", ":2: only the shared policy grants"),
    ],
)
def test_loosening_is_refused_and_names_both_lines(
    here: Path, own: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        policy(here, SHARED, own)
    assert str(error.value).startswith(".ci-guard.yaml:") and words in str(error.value)
    assert main(["lint"]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("key", [g for g in values.GRANTS if g not in {"services", "images"}])
def test_every_grant_grants_its_key_and_no_other(here: Path, key: str) -> None:
    loosening = {
        "profile": "profile: pss-baseline\n",
        "pod-security-version": "pod-security-version: v1.20\n",
        "fail-on": "fail-on: never\n",
        "licenses": "licenses: {deny: [MIT]}\n",
        "rules": "rules: {host-pid: {enabled: false}}\n",
        "params": "rules: {unsafe-sysctls: {params: {allowed: [b]}}}\n",
        "suppressions": "suppressions: [{rule: host-pid, reason: x}]\n",
        "baseline": "baseline: b.json\n",
        "ratchet": "ratchet: r.json\n",
        "advisories-max-age": "advisories-max-age: 900\n",
        "kubernetes-version": "kubernetes-version: 1.30.2\n",
    }
    (here / "b.json").write_text('[{"schema": "ci-guard/baseline/1"}\n]\n')
    (here / "r.json").write_text('{"schema": "ci-guard/ratchet/1", "counts": {}}')
    own = loosening.get(key, f"{key}: [something.example]\n")
    assert policy(here, f"{SHARED}repo-may: [{key}]\n", own)
    others = [g for g in values.GRANTS if g not in {key, "rules" if key in {"params"} else key}]
    with pytest.raises(ConfigError):
        policy(here, f"{SHARED}repo-may: [{', '.join(others)}]\n", own)


def test_the_shared_policy_itself(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"shared.yaml:1: a shared policy extends no other"):
        policy(here, "extends: other.yaml\n", "")
    with pytest.raises(ConfigError, match=r"shared.yaml:1: fail-on: expected one of"):
        policy(here, "fail-on: sometimes\n", "")
    (here / "shared.yaml").unlink()
    assert main(["lint"]) == 2
    assert ".ci-guard.yaml:1: there is no shared policy shared.yaml" in capsys.readouterr().err
    assert main(["lint", "--extends", "nowhere.yaml"]) == 2


def test_one_from_elsewhere_is_named_by_the_job(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = here / "organisation.yaml"
    elsewhere.write_text("fail-on: low\nrule-paths: [own]\n")
    shutil.copytree(OWN, here / "own")  # below the policy's folder, not the repo's
    repo = here / "repo"
    repo.mkdir()
    (repo / "pod.yaml").write_text(POD)
    os.chdir(repo)
    assert main(["lint", "--format", "json", "--extends", str(elsewhere)]) in {1, 3}
    (repo / ".ci-guard.yaml").write_text("fail-on: never\n")
    capsys.readouterr()
    assert main(["lint", "--extends", str(elsewhere)]) == 2
    assert "never is looser than low" in capsys.readouterr().err


def test_without_a_grant_comments_accept_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pod.yaml").write_text("# ci-guard: ignore-file[host-pid] we need it\n" + POD)
    (here / ".ci-guard.yaml").write_text("extends: shared.yaml\n")

    def suppressed(shared: str) -> bool:
        (here / "shared.yaml").write_text(shared)
        main(["lint", "--format", "json"])
        report = json.loads(capsys.readouterr().out)
        (found,) = (f for f in report["findings"] if f["rule"] == "host-pid")
        assert any("grants no suppressions" in n["message"] for n in report["notices"]) is (found["suppressed"] is None)
        return found["suppressed"] is not None

    assert not suppressed("fail-on: high\n")
    assert suppressed("repo-may: [suppressions]\n")


def test_on_a_pull_request_both_are_the_bases(here: Path) -> None:
    repo = Repo(here / "repo")
    base = repo.commit({".ci-guard.yaml": "extends: policy/shared.yaml\n", "policy/shared.yaml": "fail-on: low\n"})
    repo.commit({".ci-guard.yaml": "fail-on: never\n", "policy/shared.yaml": "fail-on: never\n"})
    found = load_policy(repo.root, repo.event(here, base), {})
    assert found.config.fail_on == "low"
    told = [(c.location.path, c.key) for c in found.changes]
    assert told == [(".ci-guard.yaml", "fail-on"), (".ci-guard.yaml", "extends"), ("policy/shared.yaml", "fail-on")]


FAIL_ON = st.sampled_from([*values.FAIL_ON])


@given(FAIL_ON, FAIL_ON)
def test_what_fails_under_the_shared_policy_fails_under_both(shared: str, own: str) -> None:
    data = {"shared": f"fail-on: {shared}\n".encode(), "own": f"fail-on: {own}\n".encode()}
    layers = [Layer(Config(fail_on=word), name, data[name]) for name, word in (("shared", shared), ("own", own))]

    def select(config: Config) -> object:
        raise AssertionError("no rule differs")

    order = list(values.FAIL_ON)
    try:
        merged = extended(layers[0], layers[1], select)  # type: ignore[arg-type]
    except ConfigError:
        assert order.index("note" if own == "never" else own) <= order.index(shared) or own == "never"
        return

    def closed(word: str) -> set[str]:
        return set() if word == "never" else set(order[: order.index(word) + 1])

    assert closed(merged.fail_on) >= closed(shared)
