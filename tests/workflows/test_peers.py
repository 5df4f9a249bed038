"""The examples of our rules as zizmor judges them: what is bad for us is for it, or a difference has its reason."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ci_guard.engine import rulefile

ROOT = Path(__file__).parents[2]
AUDITS = {
    "workflow-runs-untrusted-code": "dangerous-triggers",
    "workflow-script-injection": "template-injection",
    "workflow-input-in-script": "template-injection",
    "workflow-permissions-missing": "excessive-permissions",
    "workflow-permissions-write-all": "excessive-permissions",
    "workflow-permissions-broad": "excessive-permissions",
    "workflow-secrets-inherited": "secrets-inherit",
    "workflow-exposes-all-secrets": "overprovisioned-secrets",
    "checkout-keeps-credentials": "artipacked",
    "self-hosted-runner-for-strangers": "self-hosted-runner",
    "workflow-environment-injection": "github-env",
    "release-restores-cache": "cache-poisoning",
    "workflow-commands-unsecured": "insecure-commands",
    "workflow-registry-password": "hardcoded-container-credentials",
}
DIFFERENCES = {
    "workflow-runs-untrusted-code/good-1": "the trigger alone, or only for the same repository",
    "workflow-script-injection/good-1": "a number and a choice of two words are nobody's text",
    "workflow-input-in-script/good-2": "a boolean, and an input of who may push",
    "workflow-permissions-missing/good-2": "every job says what it may, the top need not",
    "workflow-permissions-missing/good-3": "the caller of a reusable workflow decides",
    "workflow-permissions-write-all/good-1": "reading everything is another question",
    "workflow-permissions-broad/good-2": "there is one job",
    "workflow-secrets-inherited/good-1": "to a workflow of the same commit",
    "checkout-keeps-credentials/good-1": "a later step pushes",
    "self-hosted-runner-for-strangers/good-1": "who pushes is no stranger",
    "workflow-environment-injection/bad-1": "they look at dangerous triggers only; the comment is read on its own",
    "release-restores-cache/good-1": "for branches too: no release in itself",
    "release-restores-cache/good-2": "what a set-up caches by default is not known from the file",
}


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bool, bool]]:
    """Example -> whether it is a bad one of ours, whether zizmor has a finding of that audit in it."""
    zizmor = shutil.which("zizmor", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if zizmor is None:
        pytest.skip("zizmor is not installed (make test installs it)")
    folder = tmp_path_factory.mktemp("examples")
    ours: dict[str, bool] = {}
    for rule in AUDITS:
        for example in rulefile.read(ROOT / "rules/workflows" / f"{rule}.yaml").examples:
            name = f"{rule}/{'good' if example.good else 'bad'}-{example.number}"
            target = folder / name / example.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(example.text)
            ours[name] = not example.good
    command = [zizmor, "--offline", "--persona=auditor", "--collect=all", "--format=json", str(folder)]
    found: set[tuple[str, str]] = set()
    for finding in json.loads(subprocess.run(command, capture_output=True, check=False).stdout):
        path = Path(finding["locations"][0]["symbolic"]["key"]["Local"]["verbatim_path"]).relative_to(folder)
        found.add(("/".join(path.parts[:2]), finding["ident"]))
    return {name: (bad, (name, AUDITS[name.partition("/")[0]]) in found) for name, bad in ours.items()}


def test_we_agree_with_zizmor_or_say_why(audited: dict[str, tuple[bool, bool]]) -> None:
    assert len(audited) > 2 * len(AUDITS)
    assert {name for name, (ours, theirs) in audited.items() if ours != theirs} == set(DIFFERENCES)
