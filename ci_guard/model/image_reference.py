"""Image references, by the grammar of the container distribution project that the kubelet uses.

Docker's short forms are normalised (`nginx` is `docker.io/library/nginx`); a missing tag stays missing,
because a rule must be able to tell `nginx` from `nginx:latest`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ci_guard.model.pattern import pattern

DEFAULT_REGISTRY = "docker.io"

_COMPONENT = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_COMPONENT}(?:\.{_COMPONENT})*|\[[a-fA-F0-9:]+\])"
_REGISTRY = pattern(rf"{_HOST}(?::[0-9]+)?\Z")
_REPOSITORY = pattern(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*\Z")
_TAG = pattern(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_DIGEST = pattern(r"(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})\Z")
_IDENTIFIER = pattern(r"[a-f0-9]{64}\Z")
_NAME_LIMIT = 255


def parse_image(reference: Any) -> dict[str, Any]:
    """The facts of an image reference: `valid`, `registry`, `repository`, `tag`, `digest`, `reference`.

    Never raises. What is no valid reference (a number, a template, upper case) has `valid` false and empty parts,
    so that a rule that asks for a tag or a digest does not pass it. `reference` is the text as written.
    """
    if not isinstance(reference, str):
        return _facts("", "", "", "", "", valid=False)
    return dict(_parsed(reference))


@lru_cache(maxsize=1024)  # the same few images stand in a repo hundreds of times
def _parsed(reference: str) -> dict[str, Any]:
    """Split from the right: digest, tag, then registry; each part is checked by its own grammar."""
    name, at, digest = reference.partition("@")
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # the colon belongs to a registry's port
        head, tag = name, ""
        colon = ""
    registry, repository = _split_name(head)
    valid = (
        len(f"{registry}/{repository}") <= _NAME_LIMIT
        and not _IDENTIFIER.match(head)
        and bool(_REGISTRY.match(registry) and _REPOSITORY.match(repository))
        and (not colon or bool(_TAG.match(tag)))
        and (not at or bool(_DIGEST.match(digest)))
    )
    if not valid:
        return _facts("", "", "", "", reference, valid=False)
    return _facts(registry, repository, tag, digest, reference, valid=True)


def _split_name(name: str) -> tuple[str, str]:
    """Registry and repository of a name; only a first part that looks like a host is a registry."""
    first, slash, rest = name.partition("/")
    if not slash or not _is_host(first):
        registry, repository = DEFAULT_REGISTRY, name
    else:
        registry, repository = first, rest
    if registry == "index.docker.io":
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository


def _is_host(part: str) -> bool:
    """Docker's rule: a dot, a colon, `localhost`, or an upper-case letter make the first part a host."""
    return "." in part or ":" in part or part == "localhost" or part.lower() != part


def _facts(registry: str, repository: str, tag: str, digest: str, reference: str, *, valid: bool) -> dict[str, Any]:
    return {
        "valid": valid,
        "registry": registry,
        "repository": repository,
        "tag": tag,
        "digest": digest,
        "reference": reference,
    }
