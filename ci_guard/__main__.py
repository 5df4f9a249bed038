"""`python -I -m ci_guard`: the same as the `ci-guard` command."""

import sys

from ci_guard.cli import start

sys.exit(start())
