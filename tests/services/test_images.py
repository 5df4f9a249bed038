"""sign, attest and verify images in registries, as a user runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ci_guard import cli
from ci_guard.attestation import cosign, keyfile
from ci_guard.attestation.keys import KeySigner
from ci_guard.attestation.signing import sign_artifact
from ci_guard.services.attaching import Attacher, Evidence
from ci_guard.services.registry import Descriptor, referrers_tag
from tests.services.loopback_registry import LOGIN, debian_registry, go_registry, own_registry
from tests.services.test_registry import AUTH, KIND, OURS, config, push_image, repository


class Place:
    """A registry with one image, and the user's own folder with two key pairs."""

    def __init__(self, host: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.host, self.home, self.capsys = host, home, capsys
        self.images = repository(host, login=OURS)
        self.image = push_image(self.images)

    def at(self, digest: str = "") -> str:
        return f"oci://{self.host}/team/app@{digest or self.image.digest}"

    def run(self, *arguments: str) -> tuple[int, str]:
        code = cli.main(list(arguments))
        told = self.capsys.readouterr()
        return code, told.out + told.err

    def sign(self, *arguments: str, key: str = "cosign") -> tuple[int, str]:
        how = arguments or ("--attach", "bundle")  # at a tag it has to wait and see whether it stays
        return self.run("sign", self.at(), "--key", f"{key}.key", *how)

    def verify(self, *arguments: str, key: str = "cosign") -> tuple[int, str]:
        return self.run("verify", self.at(), "--key", f"{key}.pub", *arguments)


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home and the folder where commands are started, with the keys `cosign` and `other`."""
    for name in ("GITHUB_EVENT_NAME", "GITHUB_ACTIONS", "CI_PIPELINE_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CI_GUARD_KEY_PASSWORD", "")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    home = tmp_path / "work"
    home.mkdir()
    monkeypatch.chdir(home)
    for name in ("cosign", "other"):  # in plain PEM: sealing and opening takes a second
        key = ec.generate_private_key(ec.SECP256R1())
        plain = serialization.NoEncryption()
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        (home / f"{name}.key").write_bytes(private)
        (home / f"{name}.pub").write_bytes(KeySigner(key).verifying_key.pem())
    return home


@pytest.fixture(params=["own", "own-without-referrers", "own-with-tokens", "debian", "go"])
def place(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    user: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Place]:
    with ExitStack() as stack:
        if request.param == "debian":
            host = stack.enter_context(debian_registry(tmp_path))
        elif request.param == "go":
            host = stack.enter_context(go_registry())
        else:
            behaviour = {"own-without-referrers": {"referrers": False}, "own-with-tokens": {"token": True}}
            host = stack.enter_context(own_registry(**behaviour.get(request.param, {}))).host
        monkeypatch.setenv("DOCKER_CONFIG", str(config(tmp_path / "docker", {"auths": {host: {"auth": AUTH}}})))
        place = Place(host, user, capsys)
        stack.enter_context(place.images.http)
        yield place


@pytest.fixture
def here(user: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Place]:
    with own_registry() as running:
        place = Place(running.host, user, capsys)
        with place.images.http:
            yield place


@pytest.mark.parametrize("attach", ["both", "tag"])
def test_a_signed_image_verifies(place: Place, attach: str) -> None:
    code, told = place.run("sign", f"oci://{place.host}/team/app:v1", "--key", "cosign.key", "--attach", attach)
    assert code == 0
    assert told.startswith(f"{place.at()}\nsigned by key "), "a tag is resolved, and the digest printed"
    code, told = place.verify()
    assert code == 0, told
    assert told.count("verified: ") == {"both": 2, "tag": 1}[attach]
    assert told.endswith("all together verified\n")
    tags = [referrers_tag(place.image.digest, ending) for ending in (".sig", ".att")]
    assert [place.images.find_manifest(tag) is not None for tag in tags] == [True, False]


def test_an_attested_image_verifies(place: Place) -> None:
    (place.home / "sbom.json").write_text('{"bomFormat": "CycloneDX"}')
    attest = ("--predicate", "sbom.json", "--type", "cyclonedx", "--key", "cosign.key")
    assert place.run("attest", place.at(), *attest)[0] == 0
    assert place.verify("--type", "cyclonedx")[0] == 0
    code, told = place.verify()
    assert code == 1
    assert "no good signature among 2 good attestations" in told, "an attestation says something, not that it is ours"
    code, told = place.verify("--type", "vuln")
    assert code == 1
    assert "no good attestation of type https://cosign.sigstore.dev/attestation/vuln/v1" in told


def test_an_unsigned_image(here: Place) -> None:
    code, told = here.verify()
    assert (code, told) == (1, "all together not verified: there is no signature, and no other evidence\n")


def test_an_image_signed_by_somebody_else(here: Place) -> None:
    assert here.sign("--attach", "both", key="other")[0] == 0
    code, told = here.verify()
    assert code == 1
    assert "the bundle was signed with the key" in told
    assert "the signature is not one of the key" in told
    assert here.sign()[0] == 0
    assert here.verify()[0] == 0, "what others attach takes nothing from a good signature"
    assert here.verify("--min-signers", "2")[0] == 1


def test_a_signature_of_another_image(here: Place) -> None:
    """The text is signed by the right key and hangs at this image, and speaks of another one."""
    signer = keyfile.read_signer((here.home / "cosign.key").read_bytes(), lambda: b"")
    text = cosign.payload("team/app", "sha256:" + "0" * 64)
    bundle = sign_artifact(cosign.PayloadArtifact("text", text), signer)
    layer = Evidence(text, cosign.SIMPLE_SIGNING, cosign.annotations_of(bundle))
    Attacher(here.images).add_layers(referrers_tag(here.image.digest, ".sig"), [layer])
    code, told = here.verify()
    assert code == 1
    assert f"the signature is about the image 'sha256:{'0' * 64}', not {here.image.digest}" in told
    assert " 8 subject         REFUSED" in told


@pytest.mark.parametrize("bundle", [b"", b"{}", b"[" * 1000, b"\xff"])
def test_a_referrer_that_is_no_bundle(here: Place, bundle: bytes) -> None:
    Attacher(here.images).refer(here.image, Evidence(bundle, KIND, {}))
    assert here.verify()[0] == 1
    assert here.sign()[0] == 0
    assert here.verify()[0] == 0


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {cosign.SIGNATURE: "%"},
        {cosign.SIGNATURE: "AAAA", "dev.sigstore.cosign/certificate": "x"},
        {cosign.SIGNATURE: "AAAA", "dev.sigstore.cosign/bundle": "{"},
        {cosign.SIGNATURE: "AAAA", "dev.sigstore.cosign/bundle": '{"Payload": {"logID": "zz", "body": "e30="}}'},
        {cosign.SIGNATURE: "AAAA", "dev.sigstore.cosign/rfc3161timestamp": "[]"},
    ],
)
def test_a_layer_that_is_no_signature(here: Place, annotations: dict[str, str]) -> None:
    for ending, kind in ((".sig", cosign.SIMPLE_SIGNING), (".att", cosign.DSSE)):
        layer = Evidence(b'{"payload": ""}', kind, annotations)
        Attacher(here.images).add_layers(referrers_tag(here.image.digest, ending), [layer])
    code, told = here.verify()
    assert code == 1
    assert told.count("not verified: oci://") == 2


def test_more_evidence_than_anybody_needs(here: Place) -> None:
    layers = [Evidence(b"%d" % number, cosign.SIMPLE_SIGNING, {}) for number in range(101)]
    Attacher(here.images).add_layers(referrers_tag(here.image.digest, ".sig"), layers)
    code, told = here.verify()
    assert code == 3
    assert "has more than 100 pieces of evidence" in told


def test_a_bundle_from_a_file(here: Place) -> None:
    assert here.sign("--attach", "bundle")[0] == 0
    (referrer,) = here.images.referrers(here.image.digest)
    (layer,) = here.images.manifest(referrer.digest).descriptors("layers")
    (here.home / "b.json").write_bytes(here.images.blob(layer.digest))
    assert here.verify("--bundle", "b.json")[0] == 0
    code, told = here.run("verify", here.at("sha256:" + "0" * 64), "--bundle", "b.json", "--key", "cosign.pub")
    assert code == 1, told


def test_json(here: Place) -> None:
    assert here.sign()[0] == 0
    code, told = here.verify("--format", "json")
    document = json.loads(told)
    assert (code, document["artifact"], document["verified"]) == (0, here.at(), True)
    assert len(document["bundles"]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("verify", "oci://nginx:1", "--key", "cosign.pub"), 2, "expected oci://HOST/REPOSITORY@sha256:HEX"),
        (("verify", "oci://a/b:1", "--key", "cosign.pub"), 2, "expected oci://HOST/REPOSITORY@sha256:HEX"),
        (("verify", "oci://x.example/A:1", "--key", "cosign.pub"), 2, "expected oci://HOST/REPOSITORY@sha256:HEX"),
        (("verify", "cosign.pub", "--key", "cosign.pub"), 2, "say with --bundle or --from-github where"),
        (("sign", "oci://x.example/a:1", "cosign.pub", "--key", "cosign.key"), 2, "are not signed in one go"),
        (("sign", "oci://x.example/a:1", "--output-dir", "x", "--key", "cosign.key"), 2, "--output-dir is for files"),
    ],
)
@pytest.mark.usefixtures("user")
def test_what_cannot_be_done(
    arguments: tuple[str, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(list(arguments)) == code
    assert words in capsys.readouterr().err


def test_nothing_is_attached_when_one_image_is_missing(here: Place) -> None:
    code, told = here.run("sign", here.at(), f"oci://{here.host}/team/app:none", "--key", "cosign.key")
    assert code == 3
    assert "there is no none in" in told
    assert here.images.referrers(here.image.digest) == ()


def test_an_image_is_not_signed_on_a_pull_request(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    assert here.sign()[0] == 3
    assert here.images.referrers(here.image.digest) == ()


def test_a_registry_without_a_login(user: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with own_registry(token=True) as running:
        code = cli.main(["verify", f"oci://{running.host}/team/app:v1", "--key", "cosign.pub"])
    told = capsys.readouterr().err
    assert code == 3
    assert running.host in told
    assert LOGIN[1] not in told


def test_descriptors_say_what_they_are() -> None:
    one = Descriptor("a/b", "sha256:" + "0" * 64, 3, "c/d", {"e": "f"})
    assert one.to_json() == {
        "mediaType": "a/b",
        "digest": one.digest,
        "size": 3,
        "artifactType": "c/d",
        "annotations": {"e": "f"},
    }
