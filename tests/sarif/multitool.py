"""Microsoft's SARIF multitool as a judge of what we write."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest


def flaws(file: Path) -> set[tuple[str, str]]:
    """Rule and level of all that the multitool's rules for SARIF and GitHub find, notes left out.

    Skips the test, saying so, when CI_GUARD_SARIF_MULTITOOL names no executable.
    """
    executable = os.environ.get("CI_GUARD_SARIF_MULTITOOL")
    if not executable:
        pytest.skip("CI_GUARD_SARIF_MULTITOOL names no executable: the SARIF multitool did not validate")
    out = file.with_suffix(".judged")
    command = [executable, "validate", str(file), "--rule-kind", "Sarif;Gh", "--level", "Error;Warning;Note"]
    command += ["-o", str(out), "--log", "ForceOverwrite", "--max-file-size-in-kb", "100000"]
    subprocess.run(command, check=True, capture_output=True)
    # It ends with 0 whatever it finds: its own SARIF is the answer.
    found = json.loads(out.read_text("utf-8-sig"))["runs"][0].get("results", [])
    assert found, "the multitool judged nothing"
    return {(r["ruleId"], r.get("level", "warning")) for r in found if r.get("level", "warning") != "note"}
