"""Own rules: from folders, from the base commit, with limits; and never a pass for what could not be judged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.cli import main
from ci_guard.engine import confined
from ci_guard.engine.catalogue import load_catalogue
from ci_guard.engine.expression import ExhaustedError, LimitError
from ci_guard.engine.ownrules import MAX_FILES, OwnFile, read_rule
from ci_guard.model.errors import ConfigError
from ci_guard.pipeline.lint import LintRequest, lint
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.report.progress import Silent
from tests.pipeline.gitrepo import Repo

PROJECT = Path(__file__).parents[2]
OWN = Path(__file__).parent / "own-rules"
RULE = (OWN / "shop/image-from-elsewhere.yaml").read_text("utf-8")
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  hostPID: true
  containers:
  - name: api
    image: registry.example/api:1.4
"""
REQUIRE = "container.?image.orValue('').startsWith(params.registry)"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GITHUB_EVENT_PATH", "GITHUB_EVENT_NAME", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "shop"
    shutil.copytree(OWN, root / "policy")
    (root / "pod.yaml").write_text(POD)
    (root / ".ci-guard.yaml").write_text("rule-paths: [policy]\n")
    monkeypatch.chdir(root)
    return root


def linted(capsys: pytest.CaptureFixture[str], *options: str, expected: int = 1) -> dict[str, Any]:
    assert main(["lint", "--format", "json", *options]) == expected, capsys.readouterr().err
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def rules_of(report: dict[str, Any]) -> set[str]:
    return {f["rule"] for f in report["findings"]}


def test_they_judge_beside_the_shipped_ones(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = linted(capsys)
    (found,) = (f for f in report["findings"] if f["rule"] == "image-from-elsewhere")
    assert (found["location"]["path"], found["location"]["region"]["startLine"]) == ("pod.yaml", 8)
    assert "host-pid" in rules_of(report)
    assert "image-from-elsewhere" in rules_of(linted(capsys, "--profile", "pss-baseline"))
    (shop / ".ci-guard.yaml").write_text("{}")
    assert "image-from-elsewhere" not in rules_of(linted(capsys))
    assert "image-from-elsewhere" in rules_of(linted(capsys, "--rules", "policy"))
    quiet = "rule-paths: [policy]\nrules: {image-from-elsewhere: {params: {registry: registry.example/}}}\n"
    (shop / ".ci-guard.yaml").write_text(quiet)
    assert "image-from-elsewhere" not in rules_of(linted(capsys))


def test_an_own_profile_chooses(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = linted(capsys, "--profile", "shop-only")
    severities = {f["rule"]: f["severity"] for f in report["findings"]}
    assert severities == {"image-from-elsewhere": "low", "host-pid": "critical"}


def test_they_are_suppressed_and_counted_like_any_other(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "pod.yaml").write_text(
        POD.replace("1.4\n", "1.4 # ci-guard: ignore[image-from-elsewhere] a mirror is late\n")
    )
    report = linted(capsys)
    (found,) = (f for f in report["findings"] if f["rule"] == "image-from-elsewhere")
    assert found["suppressed"]["reason"] == "a mirror is late"
    assert report["evaluated"]["image-from-elsewhere"] == 1


def test_the_workers_get_them(shop: Path) -> None:
    for number in range(40):
        (shop / f"pod-{number}.yaml").write_text(POD.replace("name: shop", f"name: shop-{number}"))
    own = tuple((f"policy/{p.relative_to(OWN)}", p.read_bytes()) for p in sorted(OWN.rglob("*.yaml")))
    one, many = (
        lint(
            LintRequest(shop, ("pod-0.yaml", *[f"pod-{n}.yaml" for n in range(1, 40)]), RuleChoice(own=own), jobs=jobs),
            Silent(),
        )
        for jobs in (1, 2)
    )
    assert sum(f.rule == "image-from-elsewhere" for f in one.judged.findings) == 40
    assert sorted(map(str, one.judged.findings)) == sorted(map(str, many.judged.findings))


def test_the_commands_about_rules(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "test", "--rules", "policy"]) == 0
    assert "1 rules, 2 examples judged, 0 not run, 0 rules failed" in capsys.readouterr().out
    assert main(["rules", "list", "--rules", "policy", "--profile", "shop-only"]) == 0
    assert "image-from-elsewhere  low       shop" in capsys.readouterr().out
    assert main(["rules", "show", "--rules", "policy", "image-from-elsewhere"]) == 0
    assert "Whoever controls another registry" in capsys.readouterr().out
    assert main(["rules", "docs", "--rules", "policy"]) == 2
    assert main(["rules", "docs", "--rules", "policy", "--output-dir", "pages"]) == 0
    assert (shop / "pages/shop/image-from-elsewhere.md").is_file() and (shop / "pages/README.md").is_file()
    assert main(["rules", "new", "--rules", "more", "shop/other-flaw"]) == 0
    assert main(["rules", "test", "more"]) == 0
    assert main(["rules", "new", "--rules", "more", "shop/host-pid"]) == 2


def test_controls_of_known_frameworks_exist(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = shop / "policy/shop/image-from-elsewhere.yaml"
    rule.write_text(
        RULE.replace("threat:", 'controls: {our-standard: {"A-1": direct}, soc2: {CC6.1: related}}\nthreat:')
    )
    frameworks = main(["rules", "test", "--rules", "policy"])
    rule.write_text(RULE.replace("threat:", 'controls: {cis-kubernetes: {"99.9": direct}}\nthreat:'))
    assert (frameworks, main(["rules", "test", "--rules", "policy"])) == (0, 2)
    assert "image-from-elsewhere.yaml:10: cis-kubernetes has no control '99.9'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((RULE, RULE.replace("id: image-from-elsewhere", "id: host-pid")), "differs from the file's name"),
        ((REQUIRE, "container.name +"), "image-from-elsewhere.yaml:6: "),
        ((REQUIRE, "nothing.known"), "image-from-elsewhere.yaml:6: "),
        ((REQUIRE, " || ".join(["true"] * 1000)), ":6: an expression of "),
        ((REQUIRE, "(" * 40 + "true" + ")" * 40), ":6: brackets nested deeper than 32"),
        (
            (REQUIRE, "[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))"),
            ":6: comprehensions nested deeper than 3",
        ),
        (("registry.shop.example/}", "x" * 17_000 + "}"), "parameters of more than"),
        (("implied", "implied"), ""),
        (("severity: high\n", "severity: high\nimplied-by: [no-such-rule]\n"), ":5: there is no rule 'no-such-rule'"),
        (("severity: high\n", "severity: high\nown: true\n"), "expected one of the keys"),
        (("severity: high", "severity: worst"), ":4: severity: expected one of critical"),
    ],
)
def test_a_wrong_one_is_named_with_its_line(shop: Path, change: tuple[str, str], words: str) -> None:
    text = RULE.replace(*change)
    path = "policy/shop/image-from-elsewhere.yaml"
    if not words:
        assert load_catalogue([OwnFile(path, text.encode())]).rules
        return
    with pytest.raises(ConfigError) as error:
        load_catalogue([OwnFile(path, text.encode())])
    assert words in str(error.value) and str(error.value).startswith(f"{path}:")


def test_wrong_profiles_and_folders(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = (OWN / "profiles/shop-only.yaml").read_text("utf-8")
    for change, words in (
        (("rule: host-pid", "rule: no-such"), "shop-only.yaml:7: there is no rule 'no-such'"),
        (("folder: shop", "folder: shep"), "there is no folder 'shep'"),
        (("rule: host-pid", "framework: cis-kubernetes"), "an own profile names folders"),
        (("id: shop-only", "id: default"), "differs from the file's name"),
    ):
        (shop / "policy/profiles/shop-only.yaml").write_text(profile.replace(*change))
        assert main(["lint"]) == 2
        assert words in capsys.readouterr().err
    (shop / "policy/profiles/default.yaml").write_text(profile.replace("id: shop-only", "id: default"))
    (shop / "policy/profiles/shop-only.yaml").unlink()
    assert main(["lint"]) == 2
    assert "there is a profile 'default' already" in capsys.readouterr().err
    (shop / ".ci-guard.yaml").write_text("rule-paths: [nowhere]\n")
    assert main(["lint"]) == 2
    assert "no rule files (*.yaml) in nowhere" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="the limit is 1000"):
        load_catalogue([OwnFile(f"a/{n}.yaml", b"") for n in range(MAX_FILES + 1)])


def test_aliases_do_not_multiply() -> None:
    levels = ["x0: &x0 [a, a, a, a, a, a, a, a]"]
    levels += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 8)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="aliases included"):
        read_rule(OwnFile("a/b.yaml", ("\n".join(levels) + "\n").encode()))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300) | st.integers(0, len(RULE)).map(lambda n: (RULE[:n] + RULE[n + 7 :]).encode()))
def test_any_bytes_are_a_rule_or_a_config_error(data: bytes) -> None:
    try:
        read_rule(OwnFile("shop/image-from-elsewhere.yaml", data))
    except ConfigError as error:
        assert "image-from-elsewhere.yaml" in str(error)


SLOW = "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, !TEXT.matches('(a|b|ab)*c'))))"
HUGE = "size([TEXT + TEXT + TEXT + TEXT].map(a, [a+a+a+a+a+a+a+a].map(b, b+b+b+b+b+b+b+b))) == 1"
TEXT = "container.?image.orValue('')"


@pytest.mark.parametrize(
    ("require", "words"),
    [
        (SLOW, ("took longer than 2 seconds",)),
        (HUGE, ("needed more than 1024 MB of memory", "took longer than 2 seconds")),
    ],
    ids=["slow", "huge"],
)
def test_a_hostile_rule_neither_hangs_nor_passes(
    shop: Path, require: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    rule = RULE.replace(f'"{REQUIRE}"', f'"{require.replace("TEXT", TEXT)}"').replace(
        "params: {registry: registry.shop.example/}\n", ""
    )
    (shop / "policy/shop/image-from-elsewhere.yaml").write_text(rule)
    (shop / "pod.yaml").write_text(POD.replace("api:1.4", "ab" * 1_500_000))
    report = linted(capsys, expected=3)
    paragraph = report["verdict"]["paragraph"]
    assert any(word in paragraph for word in words), paragraph  # a busy machine may be too slow to fill its memory
    assert "own rule image-from-elsewhere" in report["verdict"]["paragraph"]
    assert "host-pid" in rules_of(report), "the shipped rules have judged"
    assert "image-from-elsewhere" not in report["evaluated"]


def test_a_rule_beyond_its_limits_is_not_tried_again() -> None:
    slow = confined.ConfinedExpression(SLOW.replace("TEXT", "pod"))
    with pytest.raises(LimitError):
        slow.evaluate({"pod": "ab" * 1_500_000})
    with pytest.raises(ExhaustedError) as error:
        slow.evaluate({"pod": ""})
    assert not isinstance(error.value, LimitError)
    assert confined.ConfinedExpression("pod == 'x'").evaluate({"pod": "x"}) is True, "the next one gets a new child"


def test_on_a_pull_request_the_base_has_the_rules(tmp_path: Path) -> None:
    """The whole command, in processes of its own, as the action runs it."""
    repo = Repo(tmp_path / "repo")
    shutil.copytree(OWN, repo.root / "policy")
    base = repo.commit({".ci-guard.yaml": "rule-paths: [policy]\n", "pod.yaml": POD})
    lax = RULE.replace(f'"{REQUIRE}"', '"true"').replace("params: {registry: registry.shop.example/}\n", "")
    repo.commit(
        {"policy/shop/image-from-elsewhere.yaml": lax, "policy/shop/new-rule.yaml": "broken: [", "pod.yaml": POD}
    )
    event = repo.event(tmp_path, base)
    start = f"import sys, runpy; sys.path.append({str(PROJECT)!r}); sys.argv[0] = 'ci-guard'; "
    command = [sys.executable, "-I", "-c", start + "runpy.run_module('ci_guard', run_name='__main__')"]
    environ = {"PATH": os.environ["PATH"], **event}
    done = subprocess.run(
        [*command, "lint", "--format", "json"], cwd=repo.root, env=environ, capture_output=True, check=False
    )
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert "image-from-elsewhere" in rules_of(report)
    told = [f["message"].split(";")[0] for f in report["findings"] if f["rule"] == "policy-changed"]
    assert told == [
        "This change edits the policy file policy/shop/image-from-elsewhere.yaml",
        "This change adds the policy file policy/shop/new-rule.yaml",
    ]
