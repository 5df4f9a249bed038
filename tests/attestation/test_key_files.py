"""cosign's key format, taken apart by an implementation that shares no code with ours; plain keys by openssl."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
import shutil
import subprocess
from pathlib import Path

import nacl.bindings
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519

from ci_guard.attestation import keyfile, keys
from ci_guard.attestation.keys import KeySigner
from ci_guard.model.errors import InputError, SigningError, UsageError

PASSWORD = b"correct horse battery staple"


def never() -> bytes:
    raise AssertionError("a plain key asks for no password")


def pem_of(key: object, form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def body_of(pem: bytes) -> dict[str, object]:
    lines = pem.decode().splitlines()
    return json.loads(base64.b64decode("".join(lines[1:-1])))


def sealed(
    change: dict[str, object] | None = None, kind: str = "ENCRYPTED SIGSTORE PRIVATE KEY", **top: object
) -> bytes:
    document = body_of(SEALED)
    document["kdf"].update(change or {})
    document.update(top)
    text = base64.b64encode(json.dumps(document).encode()).decode()
    return f"-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n".encode()


SIGNER = keyfile.generate()
SEALED = keyfile.seal(SIGNER, PASSWORD)


def test_an_independent_reader_opens_our_key() -> None:
    """hashlib's scrypt and libsodium's raw secretbox: neither is what we use."""
    assert SEALED.startswith(b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    assert max(len(line) for line in SEALED.splitlines()[1:-1]) == 64
    document = body_of(SEALED)
    assert list(document) == ["kdf", "cipher", "ciphertext"]
    assert document["kdf"]["params"] == {"N": 65536, "r": 8, "p": 1}
    salt, nonce = base64.b64decode(document["kdf"]["salt"]), base64.b64decode(document["cipher"]["nonce"])
    assert (len(salt), len(nonce)) == (32, 24)
    key = hashlib.scrypt(PASSWORD, salt=salt, n=65536, r=8, p=1, dklen=32, maxmem=2**28)
    der = nacl.bindings.crypto_secretbox_open(base64.b64decode(document["ciphertext"]), nonce, key)
    private = serialization.load_der_private_key(der, None)
    assert isinstance(private.curve, ec.SECP256R1)
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert base64.b64encode(hashlib.sha256(public).digest()).decode() == SIGNER.verifying_key.hint


@pytest.mark.parametrize("n", [32768, 65536, 131072])
@pytest.mark.parametrize("kind", ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"])
def test_we_open_a_key_that_an_independent_writer_sealed(n: int, kind: str) -> None:
    der = serialization.load_pem_private_key(pem_of(SIGNER._key), None).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt, nonce = bytes(range(32)), bytes(range(24))
    key = hashlib.scrypt(b"", salt=salt, n=n, r=8, p=1, dklen=32, maxmem=2**29)
    ciphertext = nacl.bindings.crypto_secretbox(der, nonce, key)
    b64 = [base64.b64encode(x).decode() for x in (salt, nonce, ciphertext)]
    kdf = {"name": "scrypt", "params": {"N": n, "r": 8, "p": 1}, "salt": b64[0]}
    document = {"kdf": kdf, "cipher": {"name": "nacl/secretbox", "nonce": b64[1]}, "ciphertext": b64[2]}
    text = base64.b64encode(json.dumps(document).encode()).decode()
    pem = f"-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n".encode()
    assert keyfile.read_signer(pem, lambda: b"").verifying_key.hint == SIGNER.verifying_key.hint


@pytest.mark.parametrize(
    "params",
    [
        {"N": 2**30, "r": 8, "p": 1},
        {"N": 65536, "r": 2**20, "p": 1},
        {"N": 65536, "r": 8, "p": 2**20},
        {"N": 2, "r": 8, "p": 1},
        {"N": 65536.0, "r": 8, "p": 1},
        {"N": 65536, "r": 8, "p": True},
        {"N": "65536", "r": 8, "p": 1},
        {},
    ],
    ids=str,
)
def test_hostile_scrypt_parameters_are_refused_before_they_cost_anything(params: dict[str, object]) -> None:
    with pytest.raises(SigningError, match="scrypt parameters that cosign never writes"):
        keyfile.read_signer(sealed({"params": params}), lambda: PASSWORD)


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        (sealed({"name": "argon2"}), "not sealed with scrypt"),
        (sealed({"salt": ""}), "wrong length"),
        (sealed({"salt": "%"}), "salt is not base64"),
        (sealed(kdf=None), "kdf is missing"),
        (sealed(ciphertext=""), "wrong length"),
        (sealed(ciphertext=base64.b64encode(b"x" * 99).decode()), "wrong password, or a damaged"),
        (sealed(kind="CERTIFICATE"), "is no private key"),
        (sealed(kind="ENCRYPTED PRIVATE KEY"), "encrypted PKCS#8"),
        (sealed(kind="OPENSSH PRIVATE KEY"), "OpenSSH"),
        (b"no key at all", "holds no PEM block"),
        (b"x" * 100_000, "too many"),
        (SEALED.replace(b"\n", b"\n!", 1), "not base64"),
        (pem_of(ed25519.Ed25519PrivateKey.generate()), "Ed25519 keys are not supported"),
        (pem_of(x25519.X25519PrivateKey.generate()), "not supported"),
        (pem_of(ec.generate_private_key(ec.SECP256K1())), "not supported"),
        (pem_of(dsa.generate_private_key(1024)), "not supported"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_broken_and_foreign_keys_are_refused_in_words(pem: bytes, words: str) -> None:
    with pytest.raises(SigningError, match=words):
        keyfile.read_signer(pem, lambda: PASSWORD)


def test_a_wrong_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(SigningError, match="wrong password") as raised:
        keyfile.read_signer(SEALED, lambda: b"hunter2-secret")
    assert "hunter2" not in str(raised.value)


def test_nothing_prints_the_key() -> None:
    der = SIGNER.private_der()
    number = SIGNER._key.private_numbers().private_value
    for text in (repr(SIGNER), str(SIGNER), f"{SIGNER}", repr([SIGNER]), str(SIGNER.verification_material())):
        assert base64.b64encode(der).decode()[40:60] not in text
        assert str(number) not in text
        assert f"{number:x}" not in text
    with pytest.raises(TypeError):
        pickle.dumps(SIGNER)


CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


@pytest.mark.parametrize("name", CURVES)
def test_plain_ec_keys(name: str) -> None:
    private = ec.generate_private_key(CURVES[name])
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        signer = keyfile.read_signer(pem_of(private, form), never)
        assert signer.name == f"ECDSA {name}"
        digest = hashlib.new(signer.hash_name, b"data").digest()
        assert signer.verifying_key.verifies(signer.sign(b"data"), digest, signer.hash_name)


def test_plain_rsa_keys() -> None:
    private = rsa.generate_private_key(65537, 2048)
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        signer = keyfile.read_signer(pem_of(private, form), never)
        assert signer.name == "RSA 2048"
        assert signer.verifying_key.verifies(signer.sign(b"data"), hashlib.sha256(b"data").digest(), "sha256")


def test_a_small_rsa_key_is_refused() -> None:
    with pytest.raises(SigningError, match="not supported"):
        KeySigner(rsa.generate_private_key(65537, 1024))


def test_public_keys_name_what_is_wrong() -> None:
    assert keys.read_public_key(SIGNER.verifying_key.pem(), "k").hint == SIGNER.verifying_key.hint
    with pytest.raises(UsageError, match=r"k is a private key: verifying takes the public one"):
        keys.read_public_key(SEALED, "k")
    for data in (b"", b"x" * 100_000, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(InputError, match=r"^k"):
            keys.read_public_key(data, "k")
    foreign = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = foreign.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InputError, match="Ed25519 keys are not supported"):
        keys.read_public_key(pem, "k")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_a_key_that_openssl_made(tmp_path: Path) -> None:
    """`ecparam -genkey` writes the curve in a block of its own before the key."""
    path = tmp_path / "key.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", path], check=True)
    assert b"EC PARAMETERS" in path.read_bytes()
    assert keyfile.read_signer(path.read_bytes(), never).name == "ECDSA P-256"
