"""The hooks through both clients, in a repo of their own, installed as a user's client installs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

GOOD = "examples/shop/k8s/storefront/deployment.yaml"
BAD = "examples/shop/k8s/orders/deployment.yaml"


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the clients keep the environments they build: once a session, not the user's."""
    return tmp_path_factory.mktemp("homes")


@dataclass(frozen=True, slots=True)
class Hooks:
    """A client with our hooks in `repo`; its environments are built once for all tests."""

    client: str
    published: Path
    homes: Path
    repo: Path
    git: Callable[..., str]

    def __call__(
        self, hook: str, *files: str, args: Sequence[str] | None = None, environ: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run one hook over `files` (default: all that git knows): exit code and what was printed."""
        settings = {"id": hook} if args is None else {"id": hook, "args": list(args)}
        rev = self.git(self.published, "rev-parse", "HEAD").strip()
        config = {"repos": [{"repo": str(self.published), "rev": rev, "hooks": [settings]}]}
        (self.repo / ".pre-commit-config.yaml").write_text(json.dumps(config))
        self.git(self.repo, "add", "--all")
        env = {**os.environ, "PRE_COMMIT_HOME": str(self.homes / "pre-commit"), "PREK_HOME": str(self.homes / "prek")}
        which = ["--files", *files] if files else ["--all-files"]
        done = subprocess.run(
            [self.client, "run", hook, "--verbose", *which],
            cwd=self.repo, env={**env, **(environ or {})}, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        # prek indents what a hook prints
        return done.returncode, "\n".join(line.strip() for line in (done.stdout + done.stderr).splitlines())


@pytest.fixture(params=["pre-commit", "prek"])
def hooks(
    request: pytest.FixtureRequest,
    program: Callable[[str], str],
    index: None,
    published: Path,
    homes: Path,
    repo: Path,
    git: Callable[..., str],
) -> Hooks:
    return Hooks(program(request.param), published, homes, repo, git)


def put(checkout: Path, repo: Path, source: str, name: str) -> None:
    (repo / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkout / source, repo / name)


def test_good_manifests_and_what_is_none_pass(checkout: Path, repo: Path, hooks: Hooks) -> None:
    put(checkout, repo, GOOD, "k8s/good.yaml")
    put(checkout, repo, GOOD, "with spaces/übung ☸.yaml")
    (repo / "windows.yaml").write_bytes((checkout / GOOD).read_bytes().replace(b"\n", b"\r\n"))
    (repo / "values.yaml").write_text("image: {repository: shop, tag: latest}\nprivileged: true\n")
    (repo / "package.json").write_text('{"name": "shop"}\n')
    (repo / "chart/templates").mkdir(parents=True)
    (repo / "chart/Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    template = "apiVersion: v1\nkind: Pod\n{{- if .Values.x }}\nmetadata: {name: {{ .Values.name }}}\n{{- end }}\n"
    (repo / "chart/templates/pod.yaml").write_text(template)
    code, said = hooks("ci-guard")
    assert code == 0, said


def test_a_bad_manifest_fails_on_its_line_under_any_name(checkout: Path, repo: Path, hooks: Hooks) -> None:
    names = ["k8s/bad.yaml", "with spaces/übung ☸.yml", "windows.yaml", "--fail-on=never.yaml", "--ignore=x,y.yaml"]
    for name in names:
        put(checkout, repo, BAD, name)
    (repo / "windows.yaml").write_bytes((checkout / BAD).read_bytes().replace(b"\n", b"\r\n"))
    code, said = hooks("ci-guard")
    assert code == 1, said
    line = (repo / names[0]).read_text().splitlines().index("            privileged: true") + 1
    found = [text for text in said.splitlines() if text.endswith("[privileged-container]")]
    assert len(found) == len(names)
    for name in names:
        assert any(text.startswith(f"{name}:{line}:") for text in found), said
    assert "\x1b" not in "".join(found)


def test_args_are_the_users_and_never_a_strangers(checkout: Path, repo: Path, hooks: Hooks) -> None:
    put(checkout, repo, BAD, "bad.yaml")
    assert hooks("ci-guard", args=["--fail-on=never"])[0] == 0
    assert hooks("ci-guard", args=["--fail-on=never", "--"])[0] == 0
    put(checkout, repo, BAD, "--ignore=privileged-container,x.yaml")
    code, said = hooks("ci-guard", args=["--profile=pss-baseline"])
    assert code == 1, said
    assert "an option or a file?" in said


def test_the_restricted_standard(repo: Path, hooks: Hooks) -> None:
    (repo / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\n"
        "spec: {containers: [{name: c, image: registry.example/c@sha256:" + "0" * 64 + "}]}\n"
    )
    (repo / ".ci-guard.yaml").write_text("version: 1\nprofile: pss-baseline\n")
    assert hooks("ci-guard")[0] == 0
    code, said = hooks("ci-guard-restricted")
    assert code == 1, said
    assert 'high: container "c" may run as root [may-run-as-root]' in said


def test_what_rules_know_how_to_mend(repo: Path, hooks: Hooks) -> None:
    pdb = "apiVersion: policy/v1beta1 # soon gone\nkind: PodDisruptionBudget\nmetadata: {name: a, namespace: b}\n"
    (repo / "pdb.yaml").write_text(pdb + "spec: {minAvailable: 1, selector: {matchLabels: {app: a}}}\n")
    code, said = hooks("ci-guard-fix")
    assert code == 1 and "fixed pdb.yaml: 1" in said, said
    assert (repo / "pdb.yaml").read_text().startswith("apiVersion: policy/v1 # soon gone\n")
    code, said = hooks("ci-guard-fix")
    assert code == 0, said


def test_the_installed_one(checkout: Path, repo: Path, hooks: Hooks) -> None:
    put(checkout, repo, BAD, "bad.yaml")
    installed = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    code, said = hooks("ci-guard-system", environ=installed)
    assert code == 1, said
    assert "[privileged-container]" in said


def test_renamed_and_deleted_files(checkout: Path, repo: Path, hooks: Hooks, git: Callable[..., str]) -> None:
    put(checkout, repo, BAD, "old.yaml")
    put(checkout, repo, BAD, "gone.yaml")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message=base")
    (repo / "old.yaml").rename(repo / "new.yaml")
    (repo / "gone.yaml").unlink()
    code, said = hooks("ci-guard")
    assert code == 1, said
    assert "new.yaml:" in said
    assert "old.yaml" not in said and "gone.yaml" not in said


def test_two_thousand_files(checkout: Path, repo: Path, hooks: Hooks) -> None:
    for number in range(2_000):
        (repo / f"{number % 20}").mkdir(exist_ok=True)
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}, namespace: shop}}\ndata: {{a: b}}\n"
        (repo / f"{number % 20}/{number}.yaml").write_text(text)
    put(checkout, repo, BAD, "7/bad.yaml")
    code, said = hooks("ci-guard")
    assert code == 1, said
    assert {line.partition(":")[0] for line in said.splitlines() if line.endswith("]")} == {"7/bad.yaml"}


def test_the_whole_repo(checkout: Path, repo: Path, hooks: Hooks) -> None:
    put(checkout, repo, "examples/shop/k8s/base/namespace.yaml", "k8s/namespace.yaml")
    put(checkout, repo, GOOD, "k8s/good.yaml")
    code, said = hooks("ci-guard-all")
    assert code == 0, said
    put(checkout, repo, BAD, "k8s/bad.yaml")
    code, said = hooks("ci-guard-all")
    assert code == 1, said


def test_dependencies(checkout: Path, repo: Path, hooks: Hooks) -> None:
    put(checkout, repo, "examples/shop/services/reports/requirements.txt", "requirements.txt")
    code, said = hooks("ci-guard-deps")
    assert code == 0, said
    put(checkout, repo, "examples/shop/services/orders/requirements-tools.txt", "requirements-tools.txt")
    (repo / ".ci-guard.yaml").write_text("version: 1\nfail-on: medium\n")  # an unpinned requirement is medium
    code, said = hooks("ci-guard-deps")
    assert code == 1, said
    assert "requirements-tools.txt:2:" in said


def test_the_configuration(repo: Path, hooks: Hooks) -> None:
    (repo / ".ci-guard.yaml").write_text("version: 1\nrule-paths: [policy]\n")
    (repo / "policy").mkdir()
    (repo / "policy/rule.yaml").write_text("id: x\n")
    code, said = hooks("ci-guard-config")
    assert code == 1 and "policy/rule.yaml:1: " in said, said
    (repo / ".ci-guard.yaml").write_text("version: 1\nfail-on: hgih\n")
    code, said = hooks("ci-guard-config")
    assert code == 1, said
    assert ".ci-guard.yaml:2: fail-on: expected one of critical, high, medium, low, note, never, found 'hgih'" in said
    (repo / ".ci-guard.yaml").write_text("version: 1\nfail-on: high\n")
    code, said = hooks("ci-guard-config")
    assert code == 0, said


def test_workflows(checkout: Path, repo: Path, hooks: Hooks) -> None:
    put(checkout, repo, "action.yml", "action.yml")
    put(checkout, repo, BAD, "k8s/bad.yaml")  # no workflow, not looked at
    code, said = hooks("ci-guard-workflows")
    assert code == 0, said
    bad = repo / ".github/workflows/ci.yml"
    bad.parent.mkdir(parents=True)
    bad.write_text(
        "on: issues\njobs:\n  a:\n    runs-on: x\n    steps:\n    - run: echo ${{ github.event.issue.title }}\n"
    )
    code, said = hooks("ci-guard-workflows")
    assert code == 1, said
    assert ".github/workflows/ci.yml:6:17" in said
    assert "k8s/bad.yaml" not in said
