"""What a `uses:` names, and whether it can change under our feet.

GitHub resolves tags and branches on every run; only a full commit id names the same code tomorrow. Images are
pinned by digest; what is in the same repository needs no pin, it comes with the commit.
"""

from __future__ import annotations

import re
from typing import Any

_COMMIT = re.compile(r"(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})\Z")  # 64: repositories with SHA-256 object names
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_REUSABLE = re.compile(r"\.github/workflows/[^/]+\.ya?ml\Z")
_VERSION = re.compile(r"\bv?\d+(?:\.\d+)*(?:[-+.][0-9A-Za-z.-]+)?")
_LOCAL = ("./", "../", "$/")


def parse_uses(value: Any, comment: str = "", *, image: bool = False) -> dict[str, Any]:
    """The facts of a `uses:` value, or of an image's name (`image`); never raises.

    `kind` is `action`, `reusable` (a workflow), `docker`, `local`, or `invalid` (never pinned). `owner`, `repo`,
    `path` and `ref` are "" where they do not apply. `pinned`: a full commit id, an image digest, or local.
    `comment` is the comment behind it without `#`; `version` the version that it names ("" if none). `moving` is said
    of hooks only (see `hooks`).
    """
    text = value if isinstance(value, str) else ""
    facts: dict[str, Any] = dict.fromkeys(("owner", "repo", "path", "ref"), "")
    facts |= {
        "uses": text,
        "kind": "invalid",
        "pinned": False,
        "moving": False,
        "comment": comment,
        "version": version_in(comment),
    }
    if image:
        facts |= _docker(text.removeprefix("docker://"))
    elif text.startswith(_LOCAL):
        facts |= {"kind": "local", "path": text, "pinned": True}
    elif text.startswith("docker://"):
        facts |= _docker(text.removeprefix("docker://"))
    else:
        facts |= _remote(text)
    return facts


def _docker(image: str) -> dict[str, Any]:
    name, at, digest = image.partition("@")
    if at:
        return {"kind": "docker", "path": name, "ref": digest, "pinned": bool(_DIGEST.match(digest))}
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        head, tag = name, ""
    return {"kind": "docker", "path": head, "ref": tag, "pinned": False}


def _remote(text: str) -> dict[str, Any]:
    name, _, ref = text.partition("@")
    owner, _, rest = name.partition("/")
    repo, _, path = rest.partition("/")
    if not (owner and repo) or "${{" in text:
        return {}
    kind = "reusable" if _REUSABLE.search(path) else "action"
    return {
        "kind": kind,
        "owner": owner,
        "repo": repo,
        "path": path,
        "ref": ref,
        "pinned": is_commit(ref),
    }


def is_commit(ref: str) -> bool:
    """Whether `ref` is a full commit id."""
    return _COMMIT.match(ref) is not None


def version_in(comment: str) -> str:
    """The first version that a comment (or a tag) names, "" if none."""
    found = _VERSION.search(comment)
    return found[0] if found else ""
