"""Signatures of the Notary Project on an image in a registry, each examined by the user's trust policy and stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from ci_guard.attestation.certificate import MALFORMED
from ci_guard.attestation.notary.envelope import COSE, JWS, MAX_BYTES, Target
from ci_guard.attestation.notary.names import parse_name
from ci_guard.attestation.notary.policy import ANY, AUTHORITY, Action, Check, Statement, applicable, read_policy
from ci_guard.attestation.notary.policy import MAX_BYTES as MAX_POLICY_BYTES
from ci_guard.attestation.notary.verification import Stores, Trust, examine
from ci_guard.attestation.verdict import Verdict
from ci_guard.model.errors import InputError, UsageError
from ci_guard.model.record import record
from ci_guard.pipeline.verification.artifact import read_named
from ci_guard.pipeline.verification.bundles import Examined
from ci_guard.pipeline.verification.image import Piece
from ci_guard.services.registry import Descriptor, Repository

ARTIFACT_TYPE = "application/vnd.cncf.notary.signature"
_MAX_SIGNATURES = 100  # what notation looks at by default
_MAX_CERTIFICATES = 1_000
_MAX_FILES = 1_000
_X509 = "x509"
_SAYS_NOTHING = frozenset({"", "application/vnd.oci.empty.v1+json", "application/vnd.oci.image.config.v1+json"})


@record
class NotaryTrust:
    """A trust policy and the folder of its stores (`x509/ca/NAME/…`, as notation keeps them)."""

    policy: tuple[Statement, ...]
    folder: Path

    @classmethod
    def of(cls, policy: Path, folder: Path) -> NotaryTrust:
        """From the files that the user named. Raises InputError, ConfigError."""
        statements = read_policy(read_named(policy, MAX_POLICY_BYTES), str(policy))
        if not (folder / _X509).is_dir():
            raise InputError(f"{folder}: no trust store: there is no folder {_X509} in it")
        return cls(statements, folder)

    def trust(self, scope: str) -> Trust:
        """What holds for the images of HOST/REPOSITORY. Raises InputError."""
        statement = applicable(self.policy, scope)
        if statement.level == "skip":
            raise InputError(f"the trust policy skips {scope} (statement {statement.name!r}): nothing was judged")
        return Trust(statement, self._stores(statement), datetime.now(UTC))

    def _stores(self, statement: Statement) -> Stores:
        return {
            (kind, name): tuple(_certificates(self.folder / _X509 / kind / name)) for kind, name in statement.stores
        }


def trust_in(authorities: bytes, file: str, subject_name: str) -> Trust:
    """Who counts by `images:`: signers of that subject, by these authorities (PEM). Raises InputError, UsageError.

    Expiry and validity are enforced, as by level strict; revocation is not asked for.
    """
    try:
        identity = parse_name(subject_name)
    except ValueError as problem:
        raise UsageError(f"subject {subject_name!r}: {problem}") from None
    store = (AUTHORITY, file)
    actions = {**dict.fromkeys(Check, Action.ENFORCE), Check.REVOCATION: Action.LOG}
    statement = Statement(file, (ANY,), "of images:", actions, (store,), (identity,))
    return Trust(statement, {store: tuple(_authorities(authorities, Path(file)))}, datetime.now(UTC))


def pieces(repository: Repository, image: Descriptor, trusted: Sequence[Trust]) -> tuple[Piece, ...]:
    """Every signature on `image`, by whichever of `trusted` it holds. Raises ServiceError, InputError."""
    found: dict[str, Verdict] = {}
    for trust in trusted:
        for name, verdict in evidence(repository, image, trust).verdicts.items():
            if verdict.verified or name not in found:
                found[name] = verdict
    return tuple(Piece(name, verdict) for name, verdict in found.items())


def evidence(repository: Repository, image: Descriptor, trust: Trust) -> Examined:
    """Every signature on `image`; one that is good is needed. Raises ServiceError, InputError."""
    target = Target(image.media_type, image.digest, image.size)
    verdicts: dict[str, Verdict] = {}
    unjudged: list[str] = []
    for name, layer in _signatures(repository, image.digest):
        try:
            verdicts[name] = _examined(repository, layer, target, trust)
        except InputError as problem:
            unjudged.append(f"{name}: {problem}")
    if any(verdict.verified for verdict in verdicts.values()):
        return Examined(verdicts, "")
    if unjudged:
        raise InputError("; ".join(unjudged))
    refused = [f"{name}: {verdict.reason}" for name, verdict in verdicts.items()]
    return Examined(verdicts, "; ".join(["no good signature", *refused] if refused else ["there is no signature"]))


def _examined(repository: Repository, layer: Descriptor, target: Target, trust: Trust) -> Verdict:
    if layer.media_type == COSE:
        raise InputError("a signature in COSE: only JWS is read (`notation sign --signature-format jws`)")
    return examine(repository.blob(layer.digest, MAX_BYTES), target, trust)


def _signatures(repository: Repository, digest: str) -> Iterator[tuple[str, Descriptor]]:
    found = 0
    for referrer in repository.referrers(digest):
        if referrer.artifact_type != ARTIFACT_TYPE and referrer.artifact_type not in _SAYS_NOTHING:
            continue
        manifest = repository.manifest(referrer.digest)
        if referrer.artifact_type != ARTIFACT_TYPE and not _is_signature(manifest.value):
            continue
        found += 1
        if found > _MAX_SIGNATURES:
            raise InputError(f"{repository.name}@{digest} has more than {_MAX_SIGNATURES} signatures")
        for layer in manifest.descriptors("layers"):
            if layer.media_type in {JWS, COSE}:
                yield f"referrer {referrer.digest}", layer


def _is_signature(manifest: object) -> bool:
    """Where a registry lists no type: the manifest has it, or its config."""
    if not isinstance(manifest, dict):
        return False
    config = manifest.get("config")
    kind = config.get("mediaType") if isinstance(config, dict) else ""
    return ARTIFACT_TYPE in {manifest.get("artifactType"), kind}


def _certificates(folder: Path) -> Iterator[x509.Certificate]:
    """The authorities in a store: files of PEM or DER. Raises InputError, also for a certificate that is none."""
    if not folder.is_dir() or folder.is_symlink():
        raise InputError(f"{folder}: the trust policy names this store, and there is no such folder")
    files = sorted(folder.iterdir())
    if not files or len(files) > _MAX_FILES:
        raise InputError(f"{folder}: a store of {len(files)} files")
    for file in files:
        if file.is_symlink():
            raise InputError(f"{file}: a link, and links are not followed")
        yield from _authorities(read_named(file, MAX_BYTES), file)


def _authorities(data: bytes, file: Path) -> Sequence[x509.Certificate]:
    try:
        if b"-----BEGIN" in data:
            found = x509.load_pem_x509_certificates(data)
        else:
            found = [x509.load_der_x509_certificate(data)]
        for certificate in found:
            if not _is_authority(certificate):
                raise InputError(f"{file}: {certificate.subject.rfc4514_string()!r} is neither authority nor root")
    except MALFORMED:
        raise InputError(f"{file}: holds no certificate in PEM or DER") from None
    if len(found) > _MAX_CERTIFICATES:
        raise InputError(f"{file}: more than {_MAX_CERTIFICATES:,} certificates")
    return found


def _is_authority(certificate: x509.Certificate) -> bool:
    if certificate.subject == certificate.issuer:
        return True
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
