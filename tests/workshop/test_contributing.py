"""The ten minutes of CONTRIBUTING.md work as written: start a rule, edit it, test it, see a finding."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
RULE = "rules/reliability/single-replica.yaml"


def blocks(language: str) -> list[str]:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", page, re.DOTALL | re.MULTILINE)
    return ["".join(line[len(indent) :] + "\n" for line in body.splitlines()) for indent, body in found]


def said(command: str, where: Path) -> str:
    """What one command printed; it must end with 0."""
    assert command.startswith("ci-guard ")
    done = subprocess.run(
        [sys.executable, "-m", "ci_guard", *command.split()[1:]],
        cwd=where, env={**os.environ, "PYTHONPATH": str(where)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_a_rule_in_ten_minutes(published: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "ci-guard"
    shutil.copytree(published, checkout)
    start, finish = blocks("sh")
    (rule,) = blocks("yaml")
    (checkout / RULE).unlink(missing_ok=True)
    said(start.strip(), checkout)
    assert (checkout / RULE).is_file()
    (checkout / RULE).write_text(rule)
    printed = [said(command, checkout) for command in finish.splitlines()]
    assert "1 rules, 2 examples judged, 0 not run, 0 rules failed" in printed[0]
    assert re.search(r"examples/shop/k8s/storefront/canary\.yaml:\d+:\d+ +low +single-replica", printed[-1])
    assert (checkout / "docs/rules/reliability/single-replica.md").is_file()
