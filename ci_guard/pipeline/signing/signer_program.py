"""Keys that somebody else keeps (a key service, a smart card, an HSM), through a program of the user's.

Only `--signer-program` enables it: what a repo configures never runs. The program is started once for each request,
without a shell, with one line of JSON on its standard input, and answers with one JSON object on its standard output:

    {"version": 1, "do": "public-key", "key": "awskms:///alias/release"}
    -> {"publicKey": "-----BEGIN PUBLIC KEY-----…"}
    {"version": 1, "do": "sign", "key": "awskms:///alias/release", "hash": "sha256", "digest": "BASE64"}
    -> {"signature": "BASE64"}

`digest` is what is signed, already hashed: ECDSA signatures in ASN.1 (DER), RSA as PKCS#1 v1.5. Every signature is
verified with the public key before it is used.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

from ci_guard.attestation import protojson
from ci_guard.attestation.keys import MAX_KEY_BYTES, VerifyingKey, read_public_key
from ci_guard.model.errors import InputError, SigningError, VerificationError

_SECONDS = 120  # somebody may have to touch a token
_LONGEST_WORDS = 300


class ProgramSigner:
    """A `signatory.SigningKey` whose private key only the program can use."""

    def __init__(self, program: str, key: str) -> None:
        self._program = program
        self._key = key
        pem = self._text(self._ask({"do": "public-key"}), "publicKey")
        try:
            self.verifying_key: VerifyingKey = read_public_key(pem.encode("utf-8", "replace"), f"the key of {program}")
        except InputError as problem:
            raise SigningError(str(problem)) from None
        self.name = self.verifying_key.name
        self.hash_name = self.verifying_key.hash_names[0]

    def sign_digest(self, digest: bytes) -> bytes:
        """The program's signature. Raises SigningError, also for one that does not hold."""
        asked = {"do": "sign", "hash": self.hash_name, "digest": protojson.encode(digest)}
        text = self._text(self._ask(asked), "signature")
        try:
            signature = protojson.decode(text, what=f"the signature of {self._program}")
        except VerificationError as problem:
            raise SigningError(str(problem)) from None
        if not self.verifying_key.verifies(signature, digest, self.hash_name):
            raise SigningError(f"{self._program} gave a signature that is not one of its own key: nothing was signed")
        return signature

    def _ask(self, request: Mapping[str, str]) -> Any:
        line = protojson.write({"version": 1, **request, "key": self._key}) + b"\n"
        try:
            done = subprocess.run([self._program], input=line, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            raise SigningError(f"{self._program} did not answer within {_SECONDS} s") from None
        except (OSError, ValueError) as problem:
            raise SigningError(
                f"{self._program} cannot be run: {getattr(problem, 'strerror', '') or problem}"
            ) from None
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip()[:_LONGEST_WORDS]
            raise SigningError(f"{self._program} ended with {done.returncode}: {words or 'it said nothing'}")
        what = f"answer of {self._program}"
        return protojson.parse(done.stdout, what=what, limit=MAX_KEY_BYTES, depth=4, error=SigningError)

    def _text(self, answer: Any, name: str) -> str:
        found = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(found, str) or not found:
            raise SigningError(f"the answer of {self._program} has no {name}")
        return found
