"""What tags stand for: the committed lock of digests and commits, and the maps that `deps pin` is given.

A lock is JSON (`docs/schemas/digests.schema.json`). A map is a lock, or lines of a name, a version and a digest or
commit, separated by white space, as tables of pins are kept: `actions/checkout v7.0.1 3d3c42e5…`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.errors import ConfigError
from ci_guard.model.image_reference import parse_image
from ci_guard.model.pattern import pattern
from ci_guard.model.record import field, record

NAME = ".ci-guard.digests.json"
"""Where the lock of a repository is, from its root."""

SCHEMA = "ci-guard/digests/1"
MAX_BYTES = 4_000_000
GITHUB = "github.com"
_DIGEST = pattern(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_COMMIT = pattern(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SCHEME = pattern(r"(?:https?|ssh|git)://(?:[^/@]*@)?|git@")
_SSH_HOST = pattern(r"([^/:]+):(?![0-9]+/)")


@record
class DigestLock:
    """`images`: `registry/repository:tag` -> digest. `commits`: `host/owner/name@ref` -> commit id."""

    images: Mapping[str, str] = field(default_factory=dict)
    commits: Mapping[str, str] = field(default_factory=dict)

    def with_those_of(self, other: DigestLock) -> DigestLock:
        """Both; of what both name, `other` counts."""
        return DigestLock({**self.images, **other.images}, {**self.commits, **other.commits})


NO_LOCK = DigestLock()
"""What there is where nobody wrote one."""


def image_key(facts: Mapping[str, Any]) -> str:
    """The name of an image in a lock: `parse_image`'s facts, written out, a missing tag as what it means."""
    return f"{facts['registry']}/{facts['repository']}:{facts['tag'] or 'latest'}"


def repository_key(name: str) -> str:
    """The name of a git repository in a lock: `actions/checkout` and a URL alike as `host/path`.

    GitHub does not tell capitals apart, so its names are written small.
    """
    plain = name.strip().rstrip("/").removesuffix(".git")
    if _SCHEME.match(plain):
        plain = _SSH_HOST.sub(r"\1/", _SCHEME.sub("", plain, count=1), count=1)
    elif plain.count("/") == 1:
        plain = f"{GITHUB}/{plain}"
    host, _, path = plain.partition("/")
    host = host.lower()
    return f"{host}/{path.lower() if host == GITHUB else path}"


def load(data: bytes, path: str) -> DigestLock:
    """The lock in `data`. Raises ConfigError."""
    given = _json(_bounded(data, path), path)
    flaw = _flaw(given)
    if flaw:
        raise ConfigError(f"is no lock of digests: {flaw}", path=path)
    images = {image_key(parse_image(name)): digest for name, digest in given.get("images", {}).items()}
    commits = dict(_commit_entries(given.get("commits", {})))
    return DigestLock(images, commits)


def load_map(data: bytes, path: str) -> DigestLock:
    """A lock, or a table of pins. Raises ConfigError that names the line."""
    text = _bounded(data, path)
    if text.lstrip()[:1] == "{":
        return load(data, path)
    images, commits = {}, {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 3 or not (_DIGEST.fullmatch(words[2]) or _COMMIT.fullmatch(words[2])):
            if number == 1:
                continue  # names of the columns
            raise ConfigError("expected a name, a version, and a digest or a full commit", path=path, line=number)
        name, version, pin = words[:3]
        if _COMMIT.fullmatch(pin):
            commits[f"{repository_key(name)}@{version}"] = pin
            continue
        facts = parse_image(f"{name}:{version}")
        if not facts["valid"]:
            raise ConfigError(f"{name}:{version} is no image", path=path, line=number)
        images[image_key(facts)] = pin
    return DigestLock(images, commits)


def write(lock: DigestLock) -> bytes:
    """The lock's bytes, sorted, one entry a line: the same for the same lock."""
    import json

    value = {
        "schema": SCHEMA,
        "images": dict(sorted(lock.images.items())),
        "commits": dict(sorted(lock.commits.items())),
    }
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _commit_entries(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, commit in given.items():
        repository, _, ref = name.partition("@")
        yield f"{repository_key(repository)}@{ref}", commit


def _bounded(data: bytes, path: str) -> str:
    if len(data) > MAX_BYTES:
        raise ConfigError(f"is larger than {MAX_BYTES:,} bytes", path=path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8", path=path) from None


def _json(text: str, path: str) -> Any:
    import json

    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"is no lock of digests: {error.msg}", path=path, line=error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is no lock of digests: {type(error).__name__}", path=path) from None


def _flaw(given: Any) -> str:
    """What is wrong, in words; "" when nothing is."""
    if (
        not isinstance(given, dict)
        or given.get("schema") != SCHEMA
        or not set(given) <= {"schema", "images", "commits"}
    ):
        return f'expected an object with "schema": "{SCHEMA}", "images" and "commits"'
    images, commits = given.get("images", {}), given.get("commits", {})
    if not isinstance(images, dict) or not isinstance(commits, dict):
        return "`images` and `commits` are objects"
    for name, digest in images.items():
        facts = parse_image(name)
        if not facts["valid"] or facts["digest"] or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            return f"{name[:100]!r}: expected registry/repository:tag and its sha256 digest"
    for name, commit in commits.items():
        repository, at, ref = name.partition("@")
        if not (repository.count("/") and at and ref) or not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            return f"{name[:100]!r}: expected host/owner/name@ref and its full commit"
    return ""
