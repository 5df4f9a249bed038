"""Where a package of a JavaScript lock comes from, read from the address that the lock resolved it to."""

from __future__ import annotations

import re

from ci_guard.sbom.sources import is_git

_ARCHIVES = (
    re.compile(
        r"https://codeload\.(?P<host>github\.com)/(?P<path>[^/]+/[^/]+)/(?:legacy\.)?tar\.gz/(?P<commit>[0-9a-f]{40})"
    ),
    re.compile(
        r"https://(?P<host>gitlab\.com)/(?P<path>.+?)/(?:-/|repository/)archive\.tar\.gz\?ref=(?P<commit>[0-9a-f]{40})"
    ),
    re.compile(r"https://(?P<host>bitbucket\.org)/(?P<path>[^/]+/[^/]+)/get/(?P<commit>[0-9a-f]{40})\.tar\.gz"),
)
"""Archives that a forge makes of one commit: what npm, Yarn and pnpm take for `github:owner/repo`."""

_COMMIT_OF = re.compile(r"https?://[^#]+#(?:commit[=:])?(?P<commit>[0-9a-f]{40})\Z")
_TARBALL = re.compile(r"\.(?:tgz|tar\.gz)(?:[#?]|\Z)")
_SHORT = {"github": "github.com", "gitlab": "gitlab.com", "bitbucket": "bitbucket.org"}
_SHORT_URL = re.compile(r"(?P<forge>github|gitlab|bitbucket):(?P<path>[^#]+)(?:#(?P<commit>.*))?\Z")


def source_of(url: str, name: str) -> tuple[str, str]:
    """(`registry` | `git` | `url` | `path`, address): a commit's archive and a forge's short form become git URLs."""
    for archive in _ARCHIVES:
        found = archive.match(url)
        if found is not None:
            return "git", f"git+https://{found['host']}/{found['path']}.git#{found['commit']}"
    short = _SHORT_URL.match(url)
    if short is not None:
        commit = f"#{short['commit']}" if short["commit"] else ""
        return "git", f"git+https://{_SHORT[short['forge']]}/{short['path'].removesuffix('.git')}.git{commit}"
    if is_git(url) or url.startswith("ssh://") or (_COMMIT_OF.match(url) and not _TARBALL.search(url)):
        return "git", re.sub(r"#commit[=:]", "#", url)
    if url.startswith(("file:", "link:", "portal:")):
        return "path", url.partition(":")[2]
    if url.startswith(("http://", "https://")):
        return ("registry" if _from_registry(url, name) else "url"), url
    return "registry", url


def _from_registry(url: str, name: str) -> bool:
    """Whether a tarball's address is one that registries give: `<registry>/<name>/-/<file>`, or GitHub's own form."""
    return "/-/" in url or f"/download/{name}/" in url
