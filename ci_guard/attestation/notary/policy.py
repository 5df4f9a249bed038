"""A trust policy of the Notary Project: for which images, how strictly, by which authorities, and by whom.

Source: notaryproject/specifications, `trust-store-trust-policy.md`, version 1.0 of the document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import Any, NoReturn

from ci_guard.attestation import protojson
from ci_guard.attestation.notary.names import Attributes, parse_name
from ci_guard.attestation.protojson import quoted
from ci_guard.model.errors import ConfigError, InputError
from ci_guard.model.record import record

MAX_BYTES = 1_000_000
ANY = "*"
SUBJECT = "x509.subject:"
AUTHORITY, SIGNING_AUTHORITY, TIMESTAMPING = "ca", "signingAuthority", "tsa"
_STORE = re.compile(rf"({AUTHORITY}|{SIGNING_AUTHORITY}|{TIMESTAMPING}):([A-Za-z0-9_-][A-Za-z0-9_.-]*)\Z")
_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+\Z")


class Action(StrEnum):
    """What becomes of a check that does not hold."""

    ENFORCE = "enforce"
    LOG = "log"
    SKIP = "skip"


class Check(StrEnum):
    """What a level says something of. Integrity is always enforced."""

    AUTHENTICITY = "authenticity"
    TIMESTAMP = "authenticTimestamp"
    EXPIRY = "expiry"
    REVOCATION = "revocation"


_LEVELS: Mapping[str, Mapping[Check, Action]] = {
    "strict": dict.fromkeys(Check, Action.ENFORCE),
    "permissive": {**dict.fromkeys(Check, Action.LOG), Check.AUTHENTICITY: Action.ENFORCE},
    "audit": dict.fromkeys(Check, Action.LOG),
    "skip": dict.fromkeys(Check, Action.SKIP),
}


@record
class Statement:
    """What holds for the images in `scopes`. `identities` are subjects, any of them; () is everybody in `stores`."""

    name: str
    scopes: tuple[str, ...]
    level: str
    actions: Mapping[Check, Action]
    stores: tuple[tuple[str, str], ...] = ()
    identities: tuple[Attributes, ...] = ()
    only_when_expired: bool = False

    def stores_of(self, kind: str) -> tuple[tuple[str, str], ...]:
        """The stores of one kind."""
        return tuple(store for store in self.stores if store[0] == kind)


def read_policy(data: bytes, name: str) -> tuple[Statement, ...]:
    """The statements of a trust policy. Raises ConfigError."""
    error = partial(ConfigError, path=name)
    value = protojson.parse(data, what="trust policy", limit=MAX_BYTES, depth=10, error=ConfigError)
    document = _Reader(value, error, "the trust policy")
    if document.text("version") != "1.0":
        document.fail("version is not 1.0")
    statements = tuple(_statement(_Reader(item, error, "a statement")) for item in document.items("trustPolicies"))
    document.done()
    names = [statement.name for statement in statements]
    scopes = [scope for statement in statements for scope in statement.scopes]
    if len(set(names)) != len(names) or len(set(scopes)) != len(scopes):
        document.fail("two statements have one name, or one scope: which of them counts would be open")
    return statements


def applicable(statements: tuple[Statement, ...], scope: str) -> Statement:
    """The statement for an image by its HOST/REPOSITORY; the exact one first. Raises InputError when there is none."""
    for wanted in (scope, ANY):
        for statement in statements:
            if wanted in statement.scopes:
                return statement
    raise InputError(f"the trust policy says nothing of {scope}: no statement has it among its registryScopes")


class _Reader:
    """One object of the document; what nobody asked for is refused, because it could mean something."""

    def __init__(self, value: Any, error: partial[ConfigError], what: str) -> None:
        self._error, self.what = error, what
        if not isinstance(value, dict):
            self.fail("is not an object")
        self._value: Mapping[str, Any] = value
        self._seen: set[str] = set()

    def fail(self, problem: str) -> NoReturn:
        raise self._error(f"{self.what}: {problem}")

    def get(self, name: str) -> Any:
        self._seen.add(name)
        return self._value.get(name)

    def text(self, name: str, default: str = "") -> str:
        value = self.get(name)
        if value is None and default:
            return default
        if not isinstance(value, str) or not value:
            self.fail(f"{name} is not a text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.fail(f"{name} is not a list of texts")
        return tuple(value)

    def items(self, name: str) -> list[Any]:
        value = self.get(name)
        if not isinstance(value, list) or not value:
            self.fail(f"{name} is not a list with something in it")
        return value

    def inner(self, name: str) -> _Reader:
        return _Reader(self.get(name), self._error, f"{self.what}, {name}")

    def done(self) -> None:
        for name in sorted(self._value.keys() - self._seen):
            self.fail(f"the field {quoted(name)} is unknown")


def _statement(reader: _Reader) -> Statement:
    name = reader.text("name")
    reader.what = f"statement {quoted(name)}"
    verification = reader.inner("signatureVerification")
    level = verification.text("level")
    actions = _actions(verification, level)
    when = verification.text("verifyTimestamp", "always")
    if when not in {"always", "afterCertExpiry"}:
        verification.fail("verifyTimestamp is neither always nor afterCertExpiry")
    verification.done()
    statement = Statement(
        name, _scopes(reader), level, actions, _stores(reader), _identities(reader), when == "afterCertExpiry"
    )
    _check_complete(statement, reader)
    reader.done()
    return statement


def _check_complete(statement: Statement, reader: _Reader) -> None:
    named = bool(statement.stores), bool(reader.texts("trustedIdentities"))
    if statement.level == "skip" and any(named):
        reader.fail("level skip, and trust stores or identities beside it")
    if statement.level != "skip" and not all(named):
        reader.fail("trustStores and trustedIdentities must both name somebody")


def _actions(reader: _Reader, level: str) -> Mapping[Check, Action]:
    if level not in _LEVELS:
        reader.fail(f"level {quoted(level)} is none of {', '.join(_LEVELS)}")
    value = reader.get("override") or {}
    if not isinstance(value, dict) or (value and level == "skip"):
        reader.fail("override is not an object, or nothing of level skip can be overridden")
    changed: dict[Check, Action] = {}
    for check, action in value.items():
        if check not in set(Check) or not isinstance(action, str) or action not in set(Action):
            reader.fail(f"override has {quoted(str(check))}: {quoted(str(action))}")
        if action == Action.SKIP and check != Check.REVOCATION:
            reader.fail(f"{check} cannot be skipped")
        changed[Check(check)] = Action(action)
    return {**_LEVELS[level], **changed}


def _scopes(reader: _Reader) -> tuple[str, ...]:
    scopes = reader.texts("registryScopes")
    if not scopes or (ANY in scopes and len(scopes) > 1):
        reader.fail("registryScopes names nothing, or everything and something beside it")
    for scope in scopes:
        if scope != ANY and not _SCOPE.match(scope):
            reader.fail(f"the scope {quoted(scope)} is not HOST/REPOSITORY")
    return scopes


def _stores(reader: _Reader) -> tuple[tuple[str, str], ...]:
    found = []
    for store in reader.texts("trustStores"):
        match = _STORE.match(store)
        if not match:
            reader.fail(f"the trust store {quoted(store)} is not ca:NAME, signingAuthority:NAME or tsa:NAME")
        found.append((match.group(1), match.group(2)))
    return tuple(found)


def _identities(reader: _Reader) -> tuple[Attributes, ...]:
    texts = reader.texts("trustedIdentities")
    if ANY in texts:
        if len(texts) > 1:
            reader.fail("trustedIdentities names everybody and somebody beside")
        return ()
    found: list[Attributes] = []
    for text in texts:
        if not text.startswith(SUBJECT):
            reader.fail(f"the identity {quoted(text)} does not begin with {SUBJECT}")
        try:
            found.append(parse_name(text.removeprefix(SUBJECT)))
        except ValueError as problem:
            reader.fail(f"the identity {quoted(text)}: {problem}")
    return tuple(found)
