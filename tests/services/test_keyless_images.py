"""Images signed with an identity, by services of our own on loopback; with real cosign as second opinion, if there."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ci_guard import cli
from ci_guard.services.registry import referrers_tag
from tests.attestation.loopback_services import PERSON, Services
from tests.interop.peers import COSIGN, no_cosign
from tests.services.loopback_registry import own_registry
from tests.services.test_images import Place, user  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def running() -> Iterator[Services]:
    with Services() as services:
        yield services


@pytest.fixture
def place(running: Services, user: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Place]:  # noqa: F811
    running.write(user)
    (user / "sbom.json").write_text('{"bomFormat": "CycloneDX"}')
    with own_registry() as registry:
        place = Place(registry.host, user, capsys)
        with place.images.http:
            yield place


def sign(place: Place, version: int, *arguments: str) -> int:
    services = ("--trust-config", f"trust{version}.json", "--identity-token", "token")
    return cli.main([*(arguments or ("sign",)), place.at(), *services])


def verify(place: Place, services: Services, *arguments: str, identity: str = PERSON) -> tuple[int, str]:
    who = ("--cert-identity", identity, "--cert-oidc-issuer", services.issuer, "--trusted-root", "root.json")
    return place.run("verify", place.at(), *who, *arguments)


@pytest.mark.parametrize("version", [1, 2])
def test_signed_and_attested_by_a_person(place: Place, running: Services, version: int) -> None:
    assert sign(place, version) == 0
    attest = ("attest", "--predicate", "sbom.json", "--type", "cyclonedx")
    assert sign(place, version, *attest) == 0
    code, told = verify(place, running, "--quiet")
    assert code == 0
    # A log of version 2 gives no promise, which is all that cosign's tags can carry: then there is only the bundle.
    assert told.count("verified: oci") == 0, told
    assert told.count("signed by") == (4 if version == 1 else 2) + 2, told
    assert verify(place, running, "--type", "cyclonedx")[0] == 0
    assert verify(place, running, identity="eve@acme.example")[0] == 1


def test_an_identity_in_the_policy(place: Place, running: Services) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: b, image: %s}]}\n"
    (place.home / "pod.yaml").write_text(pod % place.at().removeprefix("oci://"))
    signer = f"{{identity: {PERSON}, issuer: '{running.issuer}', trusted-root: root.json}}"
    text = f"images: [{{match: ['{place.host}/**'], signed-by: [{signer}]}}]\n"
    (place.home / ".ci-guard.yaml").write_text(text)
    check = ("verify", "--images", "pod.yaml", "--online")
    assert place.run(*check)[0] == 1
    assert sign(place, 1) == 0
    assert place.run(*check)[0] == 0
    (place.home / ".ci-guard.yaml").write_text(text.replace(PERSON, "eve@acme.example"))
    code, told = place.run(*check)
    assert code == 1
    assert "image-signature-invalid" in told


@no_cosign
@pytest.mark.parametrize("program", COSIGN, ids=lambda path: Path(path).name)
@pytest.mark.parametrize("attach", ["bundle", "tag"])
def test_cosign_verifies_an_identity(place: Place, running: Services, program: str, attach: str) -> None:
    services = ("--trust-config", "trust1.json", "--identity-token", "token")
    assert cli.main(["sign", place.at(), *services, "--attach", attach]) == 0
    who = ("--certificate-identity", PERSON, "--certificate-oidc-issuer", running.issuer)
    older = ("--new-bundle-format=false",) if attach == "tag" else ()
    cosign(program, place, "verify", *who, "--trusted-root", "root.json", *older)


@no_cosign
@pytest.mark.parametrize("attach", ["bundle", "tag"])
@pytest.mark.parametrize("program", COSIGN, ids=lambda path: Path(path).name)
def test_cosign_verifies_what_an_identity_attests(place: Place, running: Services, program: str, attach: str) -> None:
    if attach == "tag" and Path(program).name.endswith("2"):
        pytest.skip("cosign 2 takes trusted roots for bundles only")
    services = ("--trust-config", "trust1.json", "--identity-token", "token", "--attach", attach)
    assert cli.main(["attest", place.at(), "--predicate", "sbom.json", "--type", "cyclonedx", *services]) == 0
    who = ("--certificate-identity", PERSON, "--certificate-oidc-issuer", running.issuer, "--type", "cyclonedx")
    form = f"--new-bundle-format={'false' if attach == 'tag' else 'true'}"
    cosign(program, place, "verify-attestation", *who, "--trusted-root", "root.json", form)


def test_what_is_logged_is_what_is_attached(place: Place, running: Services) -> None:
    """cosign compares the layer at its tag with the hash of the envelope that the log recorded."""
    services = ("--trust-config", "trust1.json", "--identity-token", "token", "--attach", "tag")
    assert cli.main(["attest", place.at(), "--predicate", "sbom.json", "--type", "cyclonedx", *services]) == 0
    (layer,) = place.images.manifest(referrers_tag(place.image.digest, ".att")).descriptors("layers")
    entry = json.loads(layer.annotations["dev.sigstore.cosign/bundle"])
    body = json.loads(base64.b64decode(entry["Payload"]["body"]))
    assert f"sha256:{body['spec']['envelopeHash']['value']}" == layer.digest


@pytest.mark.parametrize(
    "program", [path for path in COSIGN if Path(path).name.endswith("3")], ids=lambda p: Path(p).name
)
def test_we_verify_an_identity_that_cosign_signed_for(place: Place, running: Services, program: str) -> None:
    """With a log of version 2, by the newest: cosign 2 sends that log entries of a kind that it refuses."""
    services = ("--signing-config", "signing2.json", "--trusted-root", "root.json")
    cosign(program, place, "sign", "--yes", "--identity-token", str(place.home / "token"), *services)
    assert verify(place, running)[0] == 0
    assert verify(place, running, identity="eve@acme.example")[0] == 1


def cosign(program: str, place: Place, *arguments: str) -> None:
    command = [program, *arguments, "--allow-http-registry", place.at().removeprefix("oci://")]
    environ = {**os.environ, "HOME": str(place.home)}
    done = subprocess.run(
        command, cwd=place.home, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
