"""What a verdict rests on, byte for byte, so that anybody can derive it once more.

The digests name the inputs; options, day and commits say how they were used. Everything here comes out of one run, is
written into `verdict.json`, and is all that `gate --replay` takes from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from ci_guard.model.errors import InputError
from ci_guard.model.record import field, record
from ci_guard.pipeline.policy.boundary import Policy

SCHEMA = "ci-guard/evidence/1"


@record
class Evidence:
    """The inputs of a decision. All mappings are name -> sha256 in hex.

    `kind` is `run` or `gate`; `results` are the SARIF files that the gate read; `inputs` what was judged; `databases`
    the advisories by ecosystem; `policy` the policy files, `base` the commit that they were read from ("" = the working
    tree); `options` those of the command line that change a verdict.
    """

    kind: str
    results: Mapping[str, str]
    day: date
    inputs: Mapping[str, str] = field(default_factory=dict)
    policy: Mapping[str, str] = field(default_factory=dict)
    base: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    rules: str = ""
    databases: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As `verdict.json` holds it."""
        return {
            "schema": SCHEMA,
            "kind": self.kind,
            "day": self.day.isoformat(),
            "base": self.base,
            "options": dict(sorted(self.options.items())),
            "rules": self.rules,
            "results": dict(sorted(self.results.items())),
            "inputs": dict(sorted(self.inputs.items())),
            "policy": dict(sorted(self.policy.items())),
            "databases": dict(sorted(self.databases.items())),
        }


def read(given: Any, path: str) -> Evidence:
    """From a parsed `verdict.json`. Raises InputError when it holds no evidence of ours."""
    found = given.get("evidence") if isinstance(given, dict) else None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise InputError(f"{path}: no verdict of ci-guard with evidence to derive it from")
    try:
        return Evidence(
            kind=_one_of(found["kind"], ("run", "gate")),
            results=_digests(found["results"]),
            day=date.fromisoformat(found["day"]),
            inputs=_digests(found["inputs"]),
            policy=_digests(found["policy"]),
            base=_text(found["base"]),
            options=_options(found["options"]),
            rules=_text(found["rules"]),
            databases=_digests(found["databases"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its evidence is damaged: {error}") from None


def sha256(data: bytes) -> str:
    """The digest in hex."""
    return hashlib.sha256(data).hexdigest()


def digest_of(digests: Mapping[str, str]) -> str:
    """One digest over a set of files: of the lines `sha256sum` would print, sorted by path."""
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items()))
    return "sha256:" + hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def policy_digests(policy: Policy) -> dict[str, str]:
    """Name -> sha256 of every policy file that was read; a file that was not there has the digest ""."""
    return {name: "" if data is None else sha256(data) for name, data in policy.files.items()}


def differences(what: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[str]:
    """In words, each name whose bytes are not what they were."""
    for name in sorted(before.keys() | now.keys()):
        was, is_now = before.get(name, ""), now.get(name, "")
        if was == is_now:
            continue
        if not is_now:
            yield f"{what} {name} is gone"
        elif not was:
            yield f"{what} {name} was not there"
        else:
            yield f"{what} {name} is sha256:{is_now[:12]}…, was sha256:{was[:12]}…"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected text")
    return value


def _one_of(value: Any, words: tuple[str, ...]) -> str:
    if value not in words:
        raise ValueError(f"expected one of {', '.join(words)}")
    return str(value)


def _digests(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise TypeError("expected digests by name")
    return value


def _options(value: Any) -> dict[str, Any]:
    good = isinstance(value, dict) and all(isinstance(v, str | bool) or _is_texts(v) for v in value.values())
    if not good:
        raise TypeError("expected options by name")
    found: dict[str, Any] = value
    return found


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
