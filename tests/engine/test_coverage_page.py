"""The page that says which rule judges which check is up to date."""

from __future__ import annotations

import subprocess
import sys

from ci_guard.engine.catalogue import rules_folder

ROOT = rules_folder().parent


def test_the_page_is_up_to_date() -> None:
    run = subprocess.run([sys.executable, "tools/coverage.py", "--check"], cwd=ROOT, check=False)
    assert run.returncode == 0, "run: python tools/coverage.py"
