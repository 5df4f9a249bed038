"""The hooks in `.pre-commit-config.yaml`: a new file, or one entry more in the one that is there."""

from __future__ import annotations

import re
from typing import Any

from ci_guard.model.location import Edit, Region
from ci_guard.model.record import record
from ci_guard.setup.reference import Reference
from ci_guard.setup.yaml_text import flow, scalar
from ci_guard.source import edit, reader
from ci_guard.source.document import Document

_HEAD = b"# Hooks before each commit, for pre-commit and prek. Run `pre-commit install` once per clone.\n"
_PREFIX = "ci-guard"


@record
class HookEntry:
    """Our entry of `repos:`; `target` is the folder that is judged ("" = all of it)."""

    reference: Reference
    target: str = ""

    def value(self) -> dict[str, Any]:
        """The entry as data."""
        manifests: dict[str, Any] = {"id": "ci-guard"}
        dependencies: dict[str, Any] = {"id": "ci-guard-deps"}
        if self.target:
            config = f"--config={self.target}/.ci-guard.yaml"
            manifests |= {"args": [config, "--"], "files": f"^{re.escape(self.target)}/"}
            dependencies |= {"args": [config, "--", self.target]}
        return {
            "repo": f"https://github.com/{self.reference.repository}",
            "rev": self.reference.commit,
            "hooks": [manifests, dependencies, {"id": "ci-guard-config"}],
        }

    def lines(self, indent: str = "  ") -> str:
        """The entry as an item of a block list, each line behind `indent`."""
        value = self.value()
        lines = [f"- repo: {value['repo']}", f"  rev: {_text(value['rev'])}{self.reference.comment}", "  hooks:"]
        for hook in value["hooks"]:
            lines.append(f"  - id: {hook['id']}")
            lines += [f"    args: {flow(hook['args'])}"] if "args" in hook else []
            lines += [f"    files: {scalar(hook['files'])}"] if "files" in hook else []
        return "".join(f"{indent}{line}\n" for line in lines)


def _text(value: str) -> str:
    # A commit of digits alone, or of digits around one `e`, is a number to YAML.
    return value if value.startswith("<") or not value.replace("e", "").isdigit() else f'"{value}"'


def new(entry: HookEntry) -> bytes:
    """A configuration with our hooks alone."""
    return _HEAD + b"repos:\n" + entry.lines().encode()


def extended(path: str, data: bytes, entry: HookEntry) -> bytes | None:
    """`data` with our entry at the end of `repos:`, every other byte kept; None where that cannot be done safely.

    Safely means: read again, the file says what it said before, and our entry.
    """
    document = _only(path, data)
    if document is None:
        return None
    place = _end_of_repos(document)
    if place is None:
        return None
    indent, line = place
    lines, at = entry.lines(indent), Region(line + 1, 1, line + 1, 1)
    if line == document.text.line_count:
        end = len(document.text.line(line)) + 1
        lines, at = "\n" + lines.rstrip("\n"), Region(line, end, line, end)
    after = edit.apply(data, [Edit(path, at, lines)])
    wanted = {**document.value, "repos": [*document.value["repos"], entry.value()]}
    read_again = _only(path, after)
    return after if read_again is not None and read_again.value == wanted else None


def has_ours(path: str, data: bytes, entry: HookEntry) -> bool:
    """Whether the configuration has our hooks for the same folder already."""
    document = _only(path, data)
    repos = document.value.get("repos") if document is not None and isinstance(document.value, dict) else None
    hooks = [hook for repo in _listed(repos) if isinstance(repo, dict) for hook in _listed(repo.get("hooks"))]
    ours = [hook for hook in hooks if isinstance(hook, dict) and str(hook.get("id")).startswith(_PREFIX)]
    if not entry.target:
        return bool(ours)
    wanted = entry.value()["hooks"][0]["args"][0]
    return any(wanted in _listed(hook.get("args")) for hook in ours)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _only(path: str, data: bytes) -> Document | None:
    """The one document of a file, None where there is none, more than one, or something that cannot be read."""
    documents = list(reader.read(path, data, "yaml-1.2"))
    first = documents[0] if len(documents) == 1 else None
    return first if isinstance(first, Document) and not first.duplicates else None


def _end_of_repos(document: Document) -> tuple[str, int] | None:
    """Indentation and last line of the last item of a block list `repos:`; None where it is something else."""
    value = document.value
    repos = value.get("repos") if isinstance(value, dict) else None
    if not isinstance(repos, list) or not repos:
        return None
    last = document.region_of(("repos", len(repos) - 1))
    before = document.text.line(last.start_line)[: last.start_column - 1]
    if before.strip() != "-":
        return None
    return before[: before.index("-")], _last_written(document, last)


def _last_written(document: Document, region: Region) -> int:
    """The last line of a region that holds more than a comment."""
    end = region.end_line if region.end_column > 1 else region.end_line - 1
    while end > region.start_line and not document.text.line(end).split("#")[0].strip():
        end -= 1
    return end
