"""`verify --images`: manifests, a policy and a real registry; findings stand where the manifest names the image."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.services.loopback_registry import own_registry
from tests.services.test_images import Place, here, user  # noqa: F401 - fixtures
from tests.services.test_registry import push_image, repository

POD = """apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop}}
spec:
  containers:
  - name: main
    image: {image}
"""


def policy(place: Place, *, key: str = "cosign.pub", attested: str = "[]") -> None:
    text = f"images:\n- match: ['{place.host}/team/**']\n  signed-by: [{{key: {key}}}]\n  attested: {attested}\n"
    (place.home / ".ci-guard.yaml").write_text(text)


def deploy(place: Place, name: str, image: str = "") -> None:
    image = image or f"{place.host}/team/app@{place.image.digest}"
    (place.home / f"{name}.yaml").write_text(POD.format(name=name, image=image))


def verify(place: Place, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, told = place.run("verify", "--images", ".", "--format", "json", "--online", *arguments)
    return code, json.loads(told)


def found(document: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(f["rule"], f["location"]["path"], f["location"]["region"]["startLine"]) for f in document["findings"]]


def test_a_signed_image_is_no_finding(here: Place) -> None:  # noqa: F811
    policy(here)
    deploy(here, "api")
    assert here.sign()[0] == 0
    code, document = verify(here)
    assert (code, document["findings"]) == (0, [])
    assert document["evaluated"]["unsigned-image"] == document["evaluated"]["image-signature-invalid"] == 1


def test_a_tag_is_verified_as_what_it_is_today(here: Place) -> None:  # noqa: F811
    policy(here)
    deploy(here, "api", f"{here.host}/team/app:v1")
    assert here.sign()[0] == 0
    assert verify(here)[0] == 0


def test_each_verdict_stands_at_its_line(here: Place) -> None:  # noqa: F811
    theirs = repository(here.host, name="team/theirs")
    with theirs.http:
        push_image(theirs)
    policy(here, attested="[cyclonedx]")
    deploy(here, "unsigned")
    deploy(here, "theirs", f"{here.host}/team/theirs:v1")
    deploy(here, "nobodys", "registry.example/other:1")
    assert here.run("sign", f"oci://{here.host}/team/theirs:v1", "--key", "other.key")[0] == 0
    code, document = verify(here)
    assert code == 1
    assert found(document) == [
        ("image-signature-invalid", "theirs.yaml", 7),
        ("image-unattested", "theirs.yaml", 7),
        ("image-unattested", "unsigned.yaml", 7),
        ("unsigned-image", "unsigned.yaml", 7),
    ]
    (notice,) = [n["message"] for n in document["notices"] if "images match no entry" in n["message"]]
    assert notice.startswith("1 images")


def test_an_attestation_that_is_demanded(here: Place) -> None:  # noqa: F811
    policy(here, attested="[cyclonedx]")
    deploy(here, "api")
    (here.home / "sbom.json").write_text('{"bomFormat": "CycloneDX"}')
    attest = ("--predicate", "sbom.json", "--type", "cyclonedx")
    assert here.sign()[0] == here.run("attest", here.at(), "--key", "cosign.key", *attest)[0] == 0
    assert verify(here)[0] == 0


def test_a_finding_is_accepted_where_it_stands(here: Place) -> None:  # noqa: F811
    policy(here)
    deploy(here, "api", f"{here.host}/team/app:v1 # ci-guard: ignore[unsigned-image] built by hand, ticket 12")
    code, document = verify(here)
    assert code == 0, document
    assert [f["suppressed"]["reason"] for f in document["findings"]] == ["built by hand, ticket 12"]


def test_offline_nothing_is_judged(here: Place) -> None:  # noqa: F811
    policy(here)
    deploy(here, "api")
    code, told = here.run("verify", "--images", ".")
    assert code == 3
    assert "not judged: asking its registry needs --online" in told


def test_a_registry_that_is_down_is_not_passed(here: Place) -> None:  # noqa: F811
    deploy(here, "api", "127.0.0.1:1/team/app:v1")
    (here.home / ".ci-guard.yaml").write_text(
        "images:\n- match: ['127.0.0.1:1/**']\n  signed-by: [{key: cosign.pub}]\n"
    )
    code, told = here.run("verify", "--images", ".", "--online")
    assert code == 3
    assert "cannot be reached" in told


@pytest.mark.parametrize(
    ("config", "code", "words"),
    [
        ("{}", 2, "`images:` says whose signature counts, and is not there"),
        ("images: [{match: [a.example/b], signed-by: [{key: none.pub}]}]", 2, "none.pub: there is no such file"),
        ("images: [{match: [a.example/b], signed-by: [{key: api.yaml}]}]", 2, "api.yaml holds no public key"),
        (
            "images: [{match: [a.example/b], signed-by: [{identity-regexp: '(', issuer: x}]}]",
            2,
            "no regular expression",
        ),
        ("images: [{match: [a.example/b], signed-by: [{key: cosign.pub}], attested: [x]}]", 2, "no predicate type 'x'"),
    ],
)
def test_a_policy_that_cannot_be_used(here: Place, config: str, code: int, words: str) -> None:  # noqa: F811
    deploy(here, "api")
    (here.home / ".ci-guard.yaml").write_text(config)
    got, told = here.run("verify", "--images", ".", "--online")
    assert (got, words in told) == (code, True), told


def test_on_a_pull_request_the_bases_policy_and_key_count(here: Place) -> None:  # noqa: F811
    """The change brings its own key, its own policy, and an image that the own key signed."""

    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *arguments], check=True, cwd=here.home
        )

    policy(here)
    deploy(here, "api")
    git("init", "-q", "-b", "main")
    git("add", ".ci-guard.yaml", "cosign.pub", "api.yaml")
    git("commit", "-qm", "base")
    ours = (here.home / "cosign.pub").read_bytes()
    (here.home / "cosign.pub").write_bytes((here.home / "other.pub").read_bytes())
    assert here.sign(key="other")[0] == 0
    code, document = verify(here, "--base", "HEAD")
    assert code == 1
    assert [f["rule"] for f in document["findings"]] == ["image-signature-invalid", "policy-changed"]
    (here.home / "cosign.pub").write_bytes(ours)
    policy(here, key="other.pub")
    code, document = verify(here, "--base", "HEAD")
    assert [f["rule"] for f in document["findings"]] == ["policy-changed", "image-signature-invalid"]


def test_run_judges_images_when_it_may_ask(here: Place) -> None:  # noqa: F811
    policy(here)
    deploy(here, "api")
    arguments = ("run", ".", "--output-dir", "out", "--format", "json", "--fail-on", "never")
    document = json.loads(here.run(*arguments, "--online", "--quiet")[1])
    assert "unsigned-image" in {f["rule"] for f in document["findings"]}
    document = json.loads(here.run(*arguments, "--quiet")[1])
    assert "unsigned-image" not in {f["rule"] for f in document["findings"]}
    assert any("needs --online" in n["message"] for n in document["notices"])


def test_an_image_is_asked_for_once(user: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    with own_registry() as running:
        place = Place(running.host, user, capsys)
        with place.images.http:
            policy(place)
            for name in ("a", "b", "c"):
                deploy(place, name)
            running.log.clear()
            assert len(verify(place)[1]["findings"]) == 3
            assert running.log.count(f"GET /v2/team/app/manifests/{place.image.digest} HTTP/1.1") == 1
