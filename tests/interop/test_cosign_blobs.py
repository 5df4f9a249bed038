"""Real cosign and the loopback Sigstore: it verifies the blobs and attestations that we sign, and we what it signs.

With a key and keyless, Rekor v1 and v2. `make interop` builds the programs and names their folder: CI_GUARD_INTEROP.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestation.loopback_services import PERSON, Services
from tests.interop.peers import COSIGN, no_cosign
from tests.signing.test_cross_clients import DATA, SHAPES, TYPE, Key, by_them, by_us, ours

pytestmark = no_cosign
SIGNING = [path for path in COSIGN if "2" not in Path(path).name]
"""cosign 2 takes its services from options of their own, not from a signing config."""


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Services, Path]]:
    folder = Path(tmp_path_factory.mktemp("instance"))
    with Services() as services:
        services.write(folder)
        (folder / "app").write_bytes(DATA)
        (folder / "key.pub").write_bytes(Key.verifying_key.pem())
        (folder / "predicate.json").write_text('{"a": 1}')
        yield services, folder


def cosign(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "HOME": str(folder)}
    return subprocess.run(arguments, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("with_key", [False, True], ids=["keyless", "key"])
@pytest.mark.parametrize(("rekor", "content"), SHAPES)
@pytest.mark.parametrize("program", COSIGN, ids=lambda path: Path(path).name)
def test_cosign_verifies_what_we_sign(
    instance: tuple[Services, Path], program: str, rekor: int, content: str, with_key: bool
) -> None:
    services, folder = instance
    (folder / "bundle.json").write_bytes(ours(services, folder, with_key=with_key)(rekor, content))
    command = [program, *(["verify-blob"] if content == "blob" else ["verify-blob-attestation", "--type", TYPE])]
    command += ["--bundle", "bundle.json", "--trusted-root", "root.json"]
    command += ["--use-signed-timestamps"] if rekor == 2 else []
    command += [] if program in SIGNING else ["--new-bundle-format"]
    person = ["--certificate-oidc-issuer", services.issuer, "--certificate-identity"]
    who = ["--key", "key.pub"] if with_key else [*person, PERSON]
    done = cosign(folder, *command, *who, "app")
    assert done.returncode == 0, done.stderr[-2000:]
    assert cosign(folder, *command, *who, "predicate.json").returncode != 0, "another file"
    if not with_key:
        assert cosign(folder, *command, *person, "eve@acme.example", "app").returncode != 0, "another person"


@pytest.mark.parametrize(("rekor", "content"), SHAPES)
@pytest.mark.parametrize("program", SIGNING, ids=lambda path: Path(path).name)
def test_we_verify_what_cosign_signs(instance: tuple[Services, Path], program: str, rekor: int, content: str) -> None:
    services, folder = instance
    command = ["sign-blob"] if content == "blob" else ["attest-blob", "--predicate", "predicate.json", "--type", TYPE]
    command += ["--yes", "--bundle", "theirs.json", "--identity-token", services.token()]
    command += ["--signing-config", f"signing{rekor}.json", "--trusted-root", "root.json", "app"]
    done = cosign(folder, program, *command)
    assert done.returncode == 0, done.stderr[-2000:]
    bundle = (folder / "theirs.json").read_bytes()
    assert by_us(bundle, services, with_key=False) == ""
    if rekor == 2:  # of the first entry of version 1 the index is left out, which `sigstore` wants
        assert by_them(bundle, services, folder, content) == ""
