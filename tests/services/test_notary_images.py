"""Signatures of the Notary Project in a registry: found by either way of referring, examined, told in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ci_guard.services.registry import OCI_INDEX, OCI_MANIFEST, Descriptor, digest_of, referrers_tag
from tests.attestation.make_notary import SIGNER, Person, sign
from tests.services.loopback_registry import own_registry
from tests.services.test_deployed_images import POD
from tests.services.test_images import Place, user  # noqa: F401 - a fixture

TYPE = "application/vnd.cncf.notary.signature"
JWS = "application/jose+json"


class Signed(Place):
    """An image, and a user with a trust policy and a store."""

    def policy(self, level: str = "strict", **changed: Any) -> None:
        store = self.home / "truststore" / "x509" / "ca" / "acme"
        store.mkdir(parents=True, exist_ok=True)
        (store / "root.crt").write_bytes(SIGNER.chain[-1].public_bytes(Encoding.PEM))
        statement = {
            "name": "all",
            "registryScopes": [f"{self.host}/team/app"],
            "signatureVerification": {"level": level},
            "trustStores": ["ca:acme"],
            "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme\\, inc., CN=signer"],
            **changed,
        }
        document = {"version": "1.0", "trustPolicies": [statement]}
        (self.home / "trustpolicy.json").write_text(json.dumps(document))

    def attach(self, signature: bytes, *, media_type: str = JWS, by_config: bool = False) -> Descriptor:
        """As notation attaches it: by type, or as it did before by the type of the config."""
        layer = self.images.put_blob(signature, media_type)
        config = self.images.put_blob(b"{}", TYPE if by_config else "application/vnd.oci.empty.v1+json")
        manifest: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config.to_json(),
            "layers": [layer.to_json()],
            "subject": self.image.to_json(),
            **({} if by_config else {"artifactType": TYPE}),
        }
        data = json.dumps(manifest).encode()
        answer = self.images.put_manifest(data, OCI_MANIFEST)
        listed = Descriptor(OCI_MANIFEST, digest_of(data), len(data), "" if by_config else TYPE)
        if "oci-subject" not in answer.headers:
            tag = referrers_tag(self.image.digest)
            found = self.images.find_manifest(tag)
            others = [one.to_json() for one in found.descriptors("manifests")] if found else []
            index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*others, listed.to_json()]}
            self.images.put_manifest(json.dumps(index).encode(), OCI_INDEX, tag)
        return listed

    def sign_with(self, who: Person = SIGNER, **changed: Any) -> Descriptor:
        image = {"mediaType": self.image.media_type, "digest": self.image.digest, "size": self.image.size}
        return self.attach(json.dumps(sign(who, **{"image": image, **changed})).encode())

    def check(self, *arguments: str) -> tuple[int, str]:
        trust = ("--trust-policy", "trustpolicy.json", "--trust-store", "truststore")
        return self.run("verify", self.at(), *trust, *arguments)


@pytest.fixture(params=[True, False], ids=["referrers", "tag"])
def signed(
    request: pytest.FixtureRequest,
    user: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Signed]:
    with own_registry(referrers=request.param) as running:
        place = Signed(running.host, user, capsys)
        with place.images.http:
            place.policy()
            yield place


def test_one_good_signature_is_needed(signed: Signed) -> None:
    code, told = signed.check()
    assert (code, told) == (1, "all together not verified: there is no signature\n")
    signed.sign_with(Person("signer", Person("root", ca=True)))
    code, told = signed.check()
    assert code == 1
    assert " 5 authenticity    REFUSED" in told
    signed.sign_with()
    code, told = signed.check()
    assert code == 0, told
    assert told.endswith("all together verified\n")
    assert f"verified: signature over {signed.at()}, signed by 'C=US, ST=WA, O=acme, inc., CN=signer'" in told


def test_a_signature_of_another_image_is_none(signed: Signed) -> None:
    signed.sign_with(image={"mediaType": OCI_MANIFEST, "digest": f"sha256:{'0' * 64}", "size": 3})
    code, told = signed.check("--format", "json")
    assert code == 1
    (bundle,) = json.loads(told)["bundles"]
    assert bundle["steps"][-1]["name"] == "artifact"


def test_listed_by_the_type_of_the_config(signed: Signed) -> None:
    image = {"mediaType": signed.image.media_type, "digest": signed.image.digest, "size": signed.image.size}
    signed.attach(json.dumps(sign(image=image)).encode(), by_config=True)
    assert signed.check()[0] == 0


def test_what_cannot_be_judged_is_exit_3(signed: Signed) -> None:
    signed.attach(b"\xd2", media_type="application/cose")
    code, told = signed.check()
    assert code == 3
    assert "a signature in COSE: only JWS is read" in told
    signed.policy("skip", trustStores=[], trustedIdentities=[])
    code, told = signed.check()
    assert (code, "nothing was judged" in told) == (3, True)
    signed.policy(registryScopes=["registry.example/other"])
    code, told = signed.check()
    assert (code, "says nothing of" in told) == (3, True)
    signed.policy(trustStores=["ca:absent"])
    code, told = signed.check()
    assert (code, "there is no such folder" in told) == (3, True)


def test_images_of_manifests_by_the_policy(signed: Signed) -> None:
    """`images:` names authorities and a subject; one more way for an image to be signed."""
    (signed.home / "deploy").mkdir()
    (signed.home / "deploy" / "app.yaml").write_text(POD.format(name="app", image=signed.at().removeprefix("oci://")))
    (signed.home / "root.pem").write_bytes(SIGNER.chain[-1].public_bytes(Encoding.PEM))
    signer = "{{notation: root.pem, subject: 'C=US, ST=WA, O=acme\\, inc., CN={name}'}}"
    entry = f"images: [{{{{match: ['{signed.host}/team/**'], signed-by: [{signer}]}}}}]\n"
    check = ("verify", "--images", "deploy", "--online")
    (signed.home / ".ci-guard.yaml").write_text(entry.format(name="signer"))
    code, told = signed.run(*check)
    assert (code, "unsigned-image" in told) == (1, True), told
    signed.sign_with()
    code, told = signed.run(*check)
    assert code == 0, told
    (signed.home / ".ci-guard.yaml").write_text(entry.format(name="eve"))
    code, told = signed.run(*check)
    assert (code, "image-signature-invalid" in told) == (1, True), told
    (signed.home / "root.pem").write_text("none")
    assert signed.run(*check)[0] == 2


def test_a_throttled_registry_is_not_an_unsigned_image(
    user: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    with own_registry() as running:
        place = Signed(running.host, user, capsys)
        with place.images.http:
            place.policy()
            place.sign_with()
            running.throttled = frozenset({"referrers"})
            code, told = place.check()
            assert (code, "answered 429" in told) == (3, True), told


def test_the_command_line(signed: Signed) -> None:
    assert signed.run("verify", signed.at(), "--trust-policy", "trustpolicy.json")[0] == 2
    assert signed.check("--key", "cosign.pub")[0] == 2
    (signed.home / "trustpolicy.json").write_text('{"version": "2.0"}')
    code, told = signed.check()
    assert (code, "trustpolicy.json" in told) == (2, True), told
    trust = ("--trust-policy", "trustpolicy.json", "--trust-store", "truststore")
    assert signed.run("verify", "file", *trust)[0] == 2
