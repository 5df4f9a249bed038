"""Bytes of `.ci-guard.yaml` -> `Config`. The typed readers here and `docs/schemas/config.schema.json` agree by test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ci_guard.config import values
from ci_guard.config.licenses import LicensedPackage, LicensePolicy
from ci_guard.config.settings import in_force
from ci_guard.config.trust import ImageTrust, Services, TrustedSigner
from ci_guard.config.types import POLICY_FILES, Config, RuleSetting, SuppressionEntry
from ci_guard.config.values import Parse
from ci_guard.model.errors import ConfigError
from ci_guard.model.location import NodePath
from ci_guard.model.record import record, replace
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.reader import read

T = TypeVar("T")

MAX_BYTES = 1_000_000  # policy is written by people; more than this is an attack or a mistake


def load(data: bytes | None, path: str, environ: Mapping[str, str], options: Mapping[str, Any]) -> Config:
    """The policy in force: the file's content (None = no file: defaults) under environment and options.

    Raises ConfigError that names `path` and line, or the option or variable that is wrong.
    """
    return in_force(Config() if data is None else read_config(data, path), options, environ)


def read_config(data: bytes, path: str) -> Config:
    """What the file alone says. Raises ConfigError."""
    document = only_document(data, path)
    return Config(source=path) if document is None else _config(Node(document, (), document.value), path)


def only_document(data: bytes, path: str) -> Document | None:
    """The one document of a configuration file, None when it is empty. Raises ConfigError."""
    if len(data) > MAX_BYTES:
        raise ConfigError(f"is larger than {MAX_BYTES:,} bytes", path=path)
    found: Document | None = None
    for document in read(path, data, "yaml-1.2"):
        if isinstance(document, Unreadable):
            region = document.location.region
            raise ConfigError(document.reason, path=path, line=region.start_line if region else 0)
        for repeated, place in document.duplicates:
            key = document.field_path(repeated)
            raise ConfigError(f"{key} is there twice", path=path, line=place.region.start_line if place.region else 0)
        if found is not None:
            raise Node(document, (), None).error("expected one document, found another")
        found = document
    return None if found is None or found.value is None else found


@record
class Node:
    """A value of the file that knows its place."""

    document: Document
    path: NodePath
    value: Any

    def error(self, message: str, *, key: bool = False) -> ConfigError:
        """The error at this node (at its key)."""
        region = self.document.locate(self.path, key=key).region
        where = self.document.field_path(self.path)
        line = region.start_line if region else 0
        return ConfigError(f"{where}: {message}" if where else message, path=self.document.path, line=line)

    def parse(self, parse: Parse[T]) -> T:
        """The typed value. Raises ConfigError."""
        try:
            return parse(self.value)
        except ValueError as error:
            raise self.error(str(error)) from None

    def fields(self, allowed: Mapping[str, Any]) -> dict[str, Node]:
        """The members of a mapping that knows only the `allowed` keys. Raises ConfigError."""
        members = self.members()
        for key, node in members.items():
            if key not in allowed:
                near = values.nearest(key, allowed)
                raise node.error(f"unknown key; allowed are {', '.join(allowed)}{near}", key=True)
        return members

    def members(self) -> dict[str, Node]:
        """The members of a mapping with any keys of text. Raises ConfigError."""
        if not isinstance(self.value, dict):
            raise self.error(f"expected a mapping, found {values.kind_of(self.value)}")
        for key in self.value:
            if not isinstance(key, str):
                raise self.error(f"expected keys of text, found {values.kind_of(key)}")
        return {key: Node(self.document, (*self.path, key), value) for key, value in self.value.items()}

    def items(self) -> Iterator[Node]:
        """The items of a list; a key with nothing after it is an empty list. Raises ConfigError."""
        if self.value is not None and not isinstance(self.value, list):
            raise self.error(f"expected a list, found {values.kind_of(self.value)}")
        for index, value in enumerate(self.value or ()):
            yield Node(self.document, (*self.path, index), value)


def _all(parse: Parse[T]) -> Callable[[Node], tuple[T, ...]]:
    return lambda node: tuple(item.parse(parse) for item in node.items())


def _one(parse: Parse[T]) -> Callable[[Node], T]:
    return lambda node: node.parse(parse)


def _version(node: Node) -> int:
    if isinstance(node.value, bool) or node.value != 1:
        raise node.error(f"expected 1, the only version of this format, found {values.shown(node.value)}")
    return 1


def _days(node: Node) -> int:
    if isinstance(node.value, str):
        raise node.error("expected a number of days, found text")
    return node.parse(values.days)


def _params(node: Node) -> Mapping[str, Any]:
    return {key: member.value for key, member in node.members().items()}


def _rule(node: Node) -> RuleSetting:
    region = node.document.locate(node.path, key=True).region
    place = f"{node.document.path}:{region.start_line}" if region else node.document.path
    said = {key: RULE_KEYS[key](member) for key, member in node.fields(RULE_KEYS).items()}
    return RuleSetting(**said, place=place)


def _rules(node: Node) -> Mapping[str, RuleSetting]:
    if node.value is None:
        return {}
    for key, member in node.members().items():
        try:
            values.rule_id(key)
        except ValueError as error:
            raise member.error(str(error), key=True) from None
    return {key: _rule(member) for key, member in node.members().items()}


def _suppression(node: Node) -> SuppressionEntry:
    members = node.fields(SUPPRESSION_KEYS)
    if "rule" not in members:
        raise node.error("a suppression names its rule: add `rule:`")
    read_values = {key: SUPPRESSION_KEYS[key](member) for key, member in members.items()}
    return SuppressionEntry(**read_values, location=node.document.locate(members["rule"].path))


def _suppressions(node: Node) -> tuple[SuppressionEntry, ...]:
    return tuple(_suppression(item) for item in node.items())


def _services(node: Node) -> Services:
    return Services(**{key: SERVICE_KEYS[key](member) for key, member in node.fields(SERVICE_KEYS).items()})


def _licenses(node: Node) -> LicensePolicy:
    read_values = {key: LICENSE_KEYS[key](member) for key, member in node.fields(LICENSE_KEYS).items()}
    return LicensePolicy(**read_values, location=node.document.locate(node.path, key=True))


def _licensed(node: Node) -> tuple[LicensedPackage, ...]:
    return tuple(_licensed_package(item) for item in node.items())


def _licensed_package(node: Node) -> LicensedPackage:
    members = node.fields(LICENSED_KEYS)
    if "package" not in members:
        raise node.error("an entry names its package: add `package:`")
    read_values = {key: LICENSED_KEYS[key](member) for key, member in members.items()}
    return LicensedPackage(**read_values, location=node.document.locate(members["package"].path))


def _images(node: Node) -> tuple[ImageTrust, ...]:
    return tuple(_image_trust(item) for item in node.items())


def _image_trust(node: Node) -> ImageTrust:
    members = node.fields(IMAGE_KEYS)
    read_values = {key.replace("-", "_"): IMAGE_KEYS[key](member) for key, member in members.items()}
    for key, words in (("match", "which images"), ("signed_by", "whose signature counts for them")):
        if not read_values.get(key):
            raise node.error(f"an entry says {words}: add `{key.replace('_', '-')}:`")
    return ImageTrust(**read_values, location=node.document.locate(node.path))


def _signers(node: Node) -> tuple[TrustedSigner, ...]:
    return tuple(_signer(item) for item in node.items())


def _signer(node: Node) -> TrustedSigner:
    members = node.fields(SIGNER_KEYS)
    signer = TrustedSigner(**{key.replace("-", "_"): SIGNER_KEYS[key](member) for key, member in members.items()})
    if sum(map(bool, (signer.key, signer.identity, signer.identity_regexp, signer.notation))) != 1:
        raise node.error("a signer is one of `key:`, `identity:`, `identity-regexp:` and `notation:`")
    if bool(signer.issuer) == bool(signer.key or signer.notation):
        raise node.error("an identity is only as good as who vouches for it: `issuer:` goes with it, not with a key")
    if bool(signer.subject) != bool(signer.notation):
        raise node.error("`notation:` names authorities, `subject:` whom of theirs: both, or neither")
    return signer


def _placed(entry: ImageTrust, folder: str) -> ImageTrust:
    """Keys and roots, which are named from the folder of the file, as paths from the root."""
    signers = (
        replace(
            signer,
            key=signer.key and f"{folder}/{signer.key}",
            trusted_root=signer.trusted_root and f"{folder}/{signer.trusted_root}",
            notation=signer.notation and f"{folder}/{signer.notation}",
        )
        for signer in entry.signed_by
    )
    return replace(entry, signed_by=tuple(signers))


def _config(node: Node, path: str) -> Config:
    members = node.fields(CONFIG_KEYS)
    read_values = {key.replace("-", "_"): CONFIG_KEYS[key](member) for key, member in members.items()}
    config = replace(Config(source=path), **read_values)
    folder = path.rpartition("/")[0]
    if not folder:
        return config
    placed: dict[str, Any] = {name: f"{folder}/{value}" for name in POLICY_FILES if (value := getattr(config, name))}
    placed["images"] = tuple(_placed(entry, folder) for entry in config.images)
    placed["vex"] = tuple(f"{folder}/{document}" for document in config.vex)
    return replace(config, **placed, rule_paths=tuple(f"{folder}/{place}" for place in config.rule_paths))


RULE_KEYS: Mapping[str, Callable[[Node], Any]] = {
    "severity": _one(values.severity),
    "params": _params,
    "enabled": _one(values.boolean),
}
SUPPRESSION_KEYS: Mapping[str, Callable[[Node], Any]] = {
    "rule": _one(values.any_rule),
    "path": _one(values.relative_path),
    "kind": _one(values.named),
    "namespace": _one(values.named),
    "name": _one(values.named),
    "reason": _one(values.text),
    "expires": _one(values.day),
    "approver": _one(values.text),
}
LICENSE_KEYS: Mapping[str, Callable[[Node], Any]] = {
    "allow": _all(values.named),
    "deny": _all(values.named),
    "packages": _licensed,
}
LICENSED_KEYS: Mapping[str, Callable[[Node], Any]] = {
    "package": _one(values.named),
    "license": _one(values.named),
    "reason": _one(values.text),
    "expires": _one(values.day),
}
SERVICE_KEYS: Mapping[str, Callable[[Node], Any]] = {
    "hosts": _all(values.host_pattern),
    "private": _all(values.private),
}
IMAGE_KEYS: Mapping[str, Callable[[Node], Any]] = {
    "match": _all(values.image_pattern),
    "signed-by": _signers,
    "attested": _all(values.named),
}
SIGNER_KEYS: Mapping[str, Callable[[Node], Any]] = {
    "key": _one(values.relative_path),
    "identity": _one(values.named),
    "identity-regexp": _one(values.named),
    "issuer": _one(values.named),
    "trusted-root": _one(values.relative_path),
    "notation": _one(values.relative_path),
    "subject": _one(values.named),
}
CONFIG_KEYS: Mapping[str, Callable[[Node], Any]] = {
    "version": _version,
    "profile": _one(values.profile),
    "pod-security-version": _one(values.pod_security_version),
    "fail-on": _one(values.fail_on),
    "paths": _all(values.relative_path),
    "exclude": _all(values.relative_path),
    "baseline": _one(values.relative_path),
    "ratchet": _one(values.relative_path),
    "extends": _one(values.relative_path),
    "repo-may": _all(values.grant),
    "rule-paths": _all(values.relative_path),
    "registries": _all(values.registry),
    "advisories": _all(values.named),
    "advisories-max-age": _days,
    "advisories-not-judged": _all(values.named),
    "kubernetes-version": _one(values.kubernetes_version),
    "vex": _all(values.relative_path),
    "vex-products": _all(values.named),
    "suppressions": _suppressions,
    "rules": _rules,
    "services": _services,
    "images": _images,
    "licenses": _licenses,
}
