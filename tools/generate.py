"""Write what is generated outside of rules/: blocks in pages, the picture of the terminal, other tools' checks.

    python tools/generate.py            write
    python tools/generate.py --check    write nothing; exit 1 and name what is out of date

A block stands between `<!-- generated: NAME -->` and `<!-- end -->` and is replaced as a whole.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peer_checks
import yaml
from terminal_picture import picture

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "docs/action.md", "docs/hooks.md"]
PICTURE = "docs/terminal.svg"
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(arguments: list[str]) -> int:
    """Write or check; returns 0, or 1 when `--check` found something out of date."""
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 2
    wanted = {page: filled((ROOT / page).read_text("utf-8")) for page in PAGES}
    wanted[PICTURE] = picture(ROOT)
    wanted[peer_checks.TABLE] = peer_checks.table()
    stale = [name for name, text in wanted.items() if current(name) != text]
    for name in stale:
        if arguments:
            print(f"{name} is out of date: run `make docs`")
        else:
            (ROOT / name).write_text(wanted[name], "utf-8")
            print(f"wrote {name}")
    return int(bool(stale) and bool(arguments))


def current(name: str) -> str:
    """The file as it is, empty when it is not there."""
    path = ROOT / name
    return path.read_text("utf-8") if path.exists() else ""


def filled(page: str) -> str:
    """`page` with every block written anew. Raises KeyError for a block that nobody generates."""
    return _BLOCK.sub(lambda match: match[1] + GENERATORS[match["name"]]() + match[3], page)


def overview() -> str:
    """What `ci-guard --help` prints (not argparse's, whose layout changes between Python versions)."""
    command = [sys.executable, "-m", "ci_guard", "--help"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return f"```text\n{printed.rstrip()}\n```\n"


def hooks() -> str:
    """A table of the hooks, from their manifest."""
    rows = [(f"`{hook['id']}`", hook["description"]) for hook in load(".pre-commit-hooks.yaml")]
    return table(["hook", "does"], rows)


def inputs() -> str:
    """A table of the action's inputs."""
    declared = load("action.yml")["inputs"].items()
    return table(["input", "what", "default"], [(f"`{n}`", v["description"], shown(v["default"])) for n, v in declared])


def outputs() -> str:
    """A table of the action's outputs."""
    rows = [(f"`{name}`", value["description"]) for name, value in load("action.yml")["outputs"].items()]
    return table(["output", "what"], rows)


def shown(default: str) -> str:
    """A default as a table cell; none for "not given"."""
    return f"`{default}`" if default else ""


def load(name: str) -> Any:
    """A YAML file of the checkout."""
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def table(head: list[str], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


GENERATORS: dict[str, Callable[[], str]] = {
    "help": overview,
    "hooks": hooks,
    "action inputs": inputs,
    "action outputs": outputs,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
