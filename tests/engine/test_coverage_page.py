"""The page that says which rule judges which check is up to date."""

from __future__ import annotations

import subprocess
import sys

from ci_guard.engine.catalogue import load_catalogue, rules_folder
from ci_guard.engine.frameworks import choose, read_all

ROOT = rules_folder().parent


def test_the_page_is_up_to_date() -> None:
    run = subprocess.run([sys.executable, "tools/coverage.py", "--check"], cwd=ROOT, check=False)
    assert run.returncode == 0, "run: python tools/coverage.py"


def test_every_check_has_a_rule() -> None:
    """Of each kind of check all have one: what is core, what concerns the control plane, what is a matter of taste."""
    page = (ROOT / "docs" / "coverage.md").read_text("utf-8")
    assert "## core: 209 of 209\n" in page
    assert "## control-plane: 66 of 66\n" in page
    assert "none yet" not in page


def test_every_control_of_the_benchmark_that_files_show_has_a_direct_rule() -> None:
    catalogue = load_catalogue()
    direct = {
        control
        for rule in catalogue.rule_ids
        for control, relation in catalogue.meta(rule).controls.get("cis-kubernetes", {}).items()
        if relation == "direct"
    }
    controls = choose(read_all(catalogue.folder), "cis-kubernetes").controls
    assert {c.id for c in controls if c.assessable in {"static", "partial"}} == direct
