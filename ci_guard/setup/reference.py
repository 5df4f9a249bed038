"""How the written files name ci-guard: a repository at a commit, or a placeholder that somebody must fill in."""

from __future__ import annotations

import re

from ci_guard import HOME_URL
from ci_guard.model.errors import UsageError
from ci_guard.model.record import record

_REFERENCE = re.compile(
    r"(?P<repository>[\w.-]+/[\w.-]+)@(?P<commit>[0-9a-f]{40})(?:\s*#\s*(?P<version>\S[\w.+-]*))?\Z"
)


@record
class Reference:
    """`repository` is OWNER/NAME on GitHub, `version` what the comment behind the commit says ("" for nothing)."""

    repository: str = "OWNER/ci-guard"
    commit: str = "<commit>"
    version: str = ""

    @property
    def filled(self) -> bool:
        """Whether it names a real commit."""
        return self != Reference()

    @property
    def comment(self) -> str:
        """The version as a comment behind the commit, with the space in front; "" for none."""
        return f" # {self.version}" if self.version else ""

    @property
    def schema(self) -> str:
        """Where editors find the schema of the configuration."""
        if not self.filled:
            return f"{HOME_URL}/schemas/config.schema.json"
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/docs/schemas/config.schema.json"


def parse(text: str) -> Reference:
    """What stands behind `uses:`, as OWNER/ci-guard@COMMIT # v1.2.3. Raises UsageError for a tag or a branch."""
    found = _REFERENCE.match(text.strip())
    if found is None:
        raise UsageError(
            f"--action: expected OWNER/ci-guard@COMMIT with all 40 digits (a tag can be moved), found {text[:80]!r}"
        )
    return Reference(found["repository"], found["commit"], found["version"] or "")
