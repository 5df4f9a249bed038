"""A signer that fails or lies never gets a bundle out; nothing is left half-written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ci_guard.attestation import statement
from ci_guard.attestation.keys import KeySigner
from ci_guard.attestation.signing import sign_artifact, sign_statement
from ci_guard.model.errors import InputError, SigningError
from ci_guard.pipeline.signing import sign


class WrongSignature(KeySigner):
    """A faulty device: it signs something else."""

    def sign_digest(self, digest: bytes) -> bytes:
        return super().sign_digest(hashlib.sha256(digest).digest())


class FailsAtTheSecond(KeySigner):
    """A key service that goes away in the middle."""

    calls = 0

    def sign_digest(self, digest: bytes) -> bytes:
        self.calls += 1
        if self.calls > 1:
            raise SigningError("the key service went away")
        return super().sign_digest(digest)


@dataclass(frozen=True)
class Bytes:
    data: bytes
    name: str = "artifact"

    def digest(self, algorithm: str) -> bytes | None:
        return hashlib.new(algorithm, self.data).digest()


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def test_a_wrong_signature_never_leaves_the_house() -> None:
    with pytest.raises(SigningError, match="does not verify, nothing was written"):
        sign_artifact(Bytes(b"x"), WrongSignature(key()))
    about = statement.subjects([("x", hashlib.sha256(b"x").hexdigest())])
    with pytest.raises(SigningError, match="does not verify, nothing was written"):
        sign_statement(statement.Statement(about, "https://example.com/p", {}), WrongSignature(key()))


def test_an_artifact_that_changes_while_it_is_signed() -> None:
    class Changing(Bytes):
        asked: ClassVar[list[str]] = []

        def digest(self, algorithm: str) -> bytes | None:
            self.asked.append(algorithm)
            return hashlib.sha256(b"%d" % len(self.asked)).digest()

    with pytest.raises(SigningError, match="does not verify"):
        sign_artifact(Changing(b""), KeySigner(key()))


def test_a_failure_in_the_middle_writes_nothing(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("a", "b")]
    for name in names:
        Path(name).write_bytes(name.encode())
    with pytest.raises(SigningError, match="went away"):
        sign.sign_all(sign.targets(names, None), FailsAtTheSecond(key()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "file").write_bytes(b"no folder")
    with pytest.raises(InputError, match="file"):
        sign.sign_all(sign.targets([str(tmp_path / "a")], tmp_path / "file"), KeySigner(key()))


def test_statements_need_subjects_and_predicates_that_json_can_carry() -> None:
    signer = KeySigner(key())
    about = statement.subjects([("x", "0" * 64)])
    for made, words in (
        (statement.Statement((), "https://example.com/p", {}), "at least one subject"),
        (statement.Statement(about, "https://example.com/p", {"x": float("inf")}), "cannot be written as JSON"),
        (statement.Statement(about, "https://example.com/p", {"x": "\ud800"}), "cannot be written as JSON"),
    ):
        with pytest.raises(SigningError, match=words):
            sign_statement(made, signer)
    with pytest.raises(SigningError, match="is not a sha256"):
        statement.subjects([("x", "0" * 63)])
    with pytest.raises(SigningError, match="is not a sha256"):
        statement.subjects([("x", "A" * 64)])


def test_larger_curves_cannot_sign_a_bare_sha256() -> None:
    from ci_guard.attestation.artifact import DigestArtifact

    with pytest.raises(SigningError, match="sha384 digests: give the file"):
        sign_artifact(DigestArtifact("0" * 64, "x"), KeySigner(ec.generate_private_key(ec.SECP384R1())))


def test_input_beyond_the_limits_is_refused_before_it_is_parsed() -> None:
    from ci_guard.attestation import bundle, predicates
    from ci_guard.model.errors import VerificationError

    with pytest.raises(VerificationError, match="the limit is"):
        bundle.read(b" " * (bundle.MAX_BYTES + 1))
    with pytest.raises(VerificationError, match="the limit is"):
        statement.read(b" " * (statement.MAX_BYTES + 1))
    for kind in ("cyclonedx", "custom"):
        with pytest.raises(SigningError, match="the limit is"):
            predicates.read(kind, b" " * (predicates.MAX_BYTES + 1), timestamp="")
