"""Write docs/locks.md: how many cases of other projects' parser tests each parser reads as they expect, and why not.

Run from the root of the repository with CI_GUARD_SHARED set: the cases are not part of it. With `--check` nothing is
written and the exit code is 1 if the page is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.sbom.test_public_locks import PAGE, Case, cases, difference, explained  # noqa: E402 - its path is set above

HEAD = """# How locks are read, against other projects' cases

Two projects test their lockfile parsers on files with the packages that they expect. The same files are read here, and
names and versions compared. A case counts as equal only if both sets are; every difference is listed with its reason
beside the test (`tests/sbom/public/`), and a new one, or one that is gone, fails. Made by `python tools/locks.py`.

| parser | equal | of |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    every: dict[str, list[Case]] = {}
    for case in cases():
        every.setdefault(case.module, []).append(case)
    equal = {module: sum(not any(difference(c)) for c in own) for module, own in every.items()}
    rows = [f"| `{module}` | {equal[module]} | {len(own)} |" for module, own in sorted(every.items())]
    rows.append(f"| all | {sum(equal.values())} | {sum(map(len, every.values()))} |")
    differences = [line for _, own in sorted(every.items()) for case in own for line in _difference(case)]
    table = "\n\n## The differences\n\n| parser | case | only they | only we | why |\n|---|---|---|---|---|\n"
    return HEAD + "\n".join(rows) + table + "\n".join(differences) + "\n"


def _difference(case: Case) -> Iterator[str]:
    lacking, more = difference(case)
    if lacking or more:
        why = explained(case)["why"].replace("|", "\\|")
        name = f"{case.project}: {case.name}".replace("|", "\\|")
        yield f"| `{case.module}` | {name} | {_named(lacking)} | {_named(more)} | {why} |"


def _named(packages: set[tuple[str, str]]) -> str:
    shown = [f"{name} {version}".strip() for name, version in sorted(packages)]
    return ", ".join(f"`{text}`" for text in shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


if __name__ == "__main__":
    text = page()
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.is_file() and PAGE.read_text("utf-8") == text else 1)
    PAGE.write_text(text, "utf-8")
