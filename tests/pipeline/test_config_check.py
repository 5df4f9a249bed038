"""`ci-guard config check`: the configuration, and everything that it names, as a run would read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ci_guard.cli import main

ROOT = Path(__file__).resolve().parent.parent.parent
OWN_RULE = """\
id: image-from-elsewhere
title: Image comes from elsewhere
since: 0.1.0
severity: high
each: container
require: "image.registry == 'registry.shop.example'"
at: image
message: '{image.registry} is not ours'
threat:
  stride: [tampering]
  dread: {damage: 5, reproducibility: 5, exploitability: 5, affected-users: 5, discoverability: 5}
why: We build our images.
remedy: Take ours.
references: [https://shop.example/images]
examples:
  bad: [BAD]
  good: [GOOD]
"""
POD = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: IMAGE}]}}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith(("CI_GUARD_", "GITHUB_")) and n != "CI_GUARD_SHARED"]:
        monkeypatch.delenv(name)
    return tmp_path


def write(**texts: str) -> None:
    names = {"config": ".ci-guard.yaml", "nested": "apps/.ci-guard.yaml", "baseline": "b.json", "ratchet": "r.json"}
    for key, text in texts.items():
        path = Path(names.get(key, f"policy/{key}.yaml"))
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def own_rule(bad: str, good: str) -> str:
    texts = {"BAD": POD.replace("IMAGE", bad) + " # finding", "GOOD": POD.replace("IMAGE", good)}
    text = OWN_RULE
    for name, example in texts.items():
        text = text.replace(f"[{name}]", f"[{example!r}]")
    return text


@pytest.mark.parametrize(
    ("texts", "code", "says"),
    [
        ({}, 0, "no .ci-guard.yaml here: the defaults hold"),
        ({"config": "profile: pss-restricted\n"}, 0, ".ci-guard.yaml: good"),
        ({"config": "a: 1\n", "nested": "b: 2\n"}, 2, "apps/.ci-guard.yaml:1: b: unknown key"),
        ({"config": "exclude: [apps]\n", "nested": "b: 2\n"}, 0, ".ci-guard.yaml: good"),
        ({"config": "profile: pss-strict\n"}, 2, "pss-strict"),
        ({"config": "rules: {host-pids: {enabled: false}}\n"}, 2, "host-pids"),
        ({"config": "suppressions: [{rule: host-pids, reason: x}]\n"}, 2, "did you mean host-pid?"),
        ({"config": "suppressions: [{rule: trivy/KSV-0001, reason: x}]\n"}, 0, ": good"),
        ({"config": "suppressions: [{rule: host-pid}]\n"}, 0, ".ci-guard.yaml:1: the suppression of host-pid has no"),
        ({"config": "suppressions: [{rule: host-pid, reason: x, expires: 2020-01-01}]\n"}, 0, "held until 2020-01-01"),
        ({"config": "baseline: b.json\n"}, 2, "b.json: no such baseline"),
        (
            {"config": "baseline: b.json\n", "baseline": '[{"schema": "ci-guard/baseline/1"}\n,{"rule": 1}\n]'},
            2,
            "b.json:2:",
        ),
        ({"config": "ratchet: r.json\n", "ratchet": "{}"}, 2, "r.json: is no ratchet"),
        ({"config": "vex: [v.json]\n"}, 2, "names v.json, which is not there"),
        (
            {"config": "images: [{match: [r.example/*], signed-by: [{key: k.pub}]}]\n"},
            2,
            "names k.pub, which is not there",
        ),
        ({"config": "rule-paths: [policy]\n", "rule": "id: a\n"}, 2, "policy/rule.yaml:1:"),
        (
            {"config": "rule-paths: [policy]\n", "image-from-elsewhere": own_rule("x.example/a", "y.example/a")},
            2,
            "image-from-elsewhere:",
        ),
        (
            {
                "config": "rule-paths: [policy]\n",
                "image-from-elsewhere": own_rule("x.example/a", "registry.shop.example/a"),
            },
            0,
            ".ci-guard.yaml: good, with policy/image-from-elsewhere.yaml",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict | int) else value[:40],
)
def test_what_is_said(texts: dict[str, str], code: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(**texts)
    assert main(["config", "check"]) == code
    assert says in capsys.readouterr().out


def test_a_named_file_alone(capsys: pytest.CaptureFixture[str]) -> None:
    write(config="a: 1\n", nested="profile: default\n")
    assert main(["config", "check", "apps/.ci-guard.yaml"]) == 0
    assert main(["config", "check", "missing.yaml"]) == 3


def test_what_a_good_configuration_brings_is_judged_by(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is called good is accepted by a run, and the other way round."""
    Path("pod.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b}}\n")
    for text in ("fail-on: high\n", "profile: nobody\n", "fail-on: hgih\n", "ratchet: r.json\n", "- a\n"):
        write(config=text)
        assert main(["config", "check"]) == main(["lint"]), text
    capsys.readouterr()
