"""Where PyYAML was built without libyaml, its Python parser reads the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
sys.modules["yaml._yaml"] = None
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", sys.argv[1]]))
"""


def test_the_cases_hold_without_libyaml() -> None:
    cases = Path(__file__).parent / "test_cases.py"
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(cases)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
