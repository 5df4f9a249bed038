"""A real git repository for tests: written, committed, cloned with the git that is installed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@shop.example",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@shop.example",
}


class Repo:
    """A working tree below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        if not (root / ".git").exists():
            self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always", *arguments]
        done = subprocess.run(command, cwd=self.root, env=ENVIRONMENT, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def write(self, path: str, content: str | bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: dict[str, str | bytes] | None = None) -> str:
        for path, content in (files or {}).items():
            self.write(path, content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def event(self, folder: Path, sha: str, name: str = "pull_request") -> dict[str, str]:
        """The environment of a GitHub pull request event."""
        path = folder / "event.json"
        path.write_text(json.dumps({"pull_request": {"base": {"sha": sha}}, "merge_group": {"base_sha": sha}}))
        return {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path)}
