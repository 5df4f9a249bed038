"""Registries of three makes through the same tests, and what a registry may do wrong."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ci_guard.model.errors import InputError, ServiceError
from ci_guard.services.attaching import Attacher, Evidence
from ci_guard.services.docker_config import DOCKER_HUB, Keyring, Login
from ci_guard.services.hosts import HostPolicy
from ci_guard.services.http import HttpClient, Limits
from ci_guard.services.registry import (
    OCI_MANIFEST,
    Descriptor,
    Repository,
    base_url,
    referrers_tag,
)
from tests.services.faulty import answer, serving
from tests.services.loopback_registry import LOGIN, Registry, debian_registry, go_registry, own_registry

KIND = "application/vnd.dev.sigstore.bundle.v0.3+json"
QUICK = Limits(connect=2, read=5, total=20, waits=(0.01,))
OURS = Login(*LOGIN)


def repository(host: str, *, login: Login | None = None, push: bool = True, name: str = "team/app") -> Repository:
    http = HttpClient(host, HostPolicy.of(host), QUICK)
    return Repository(http, host, name, login=lambda: login, push=push)


def push_image(images: Repository, tag: str = "v1") -> Descriptor:
    config = images.put_blob(b'{"architecture":"amd64","os":"linux"}', "application/vnd.oci.image.config.v1+json")
    layer = images.put_blob(b"a layer", "application/vnd.oci.image.layer.v1.tar")
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.to_json(), "layers": [layer.to_json()]}
    images.put_manifest(json.dumps(manifest).encode(), OCI_MANIFEST, tag)
    return images.resolve(tag)


@pytest.fixture(params=["own", "own-without-referrers", "own-with-etags", "own-with-tokens", "debian", "go"])
def images(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Repository]:
    with ExitStack() as stack:
        login = None
        if request.param == "debian":
            host = stack.enter_context(debian_registry(tmp_path))
        elif request.param == "go":
            host = stack.enter_context(go_registry())
        else:
            behaviour: dict[str, Any] = {
                "own": {},
                "own-without-referrers": {"referrers": False},
                "own-with-etags": {"referrers": False, "etags": True},
                "own-with-tokens": {"token": True},
            }[request.param]
            host = stack.enter_context(own_registry(**behaviour)).host
            login = OURS
        opened = repository(host, login=login)
        stack.enter_context(opened.http)
        yield opened


def test_an_image_is_pushed_and_read(images: Repository) -> None:
    image = push_image(images)
    manifest = images.manifest(image.digest)
    assert manifest.descriptor == image == images.resolve("v1")
    (layer,) = manifest.descriptors("layers")
    assert images.blob(layer.digest) == b"a layer"
    assert images.find_manifest("v2") is None
    assert images.find_manifest("sha256:" + "0" * 64) is None
    with pytest.raises(ServiceError, match=r"there is no v2 in 127\.0\.0\.1"):
        images.resolve("v2")


def test_evidence_is_attached_and_found(images: Repository) -> None:
    image = push_image(images)
    assert images.referrers(image.digest) == ()
    wanted = {}
    for number in range(3):
        evidence = Evidence(f'{{"number": {number}}}'.encode(), KIND, {"number": str(number)})
        wanted[Attacher(images).refer(image, evidence)] = evidence
    found = images.referrers(image.digest)
    assert {one.digest for one in found} == set(wanted)
    for one in found:
        manifest = images.manifest(one.digest)
        assert (manifest.value["artifactType"], one.media_type) == (KIND, OCI_MANIFEST)
        assert manifest.value["subject"]["digest"] == image.digest
        assert manifest.value["annotations"] == wanted[one.digest].annotations
        (layer,) = manifest.descriptors("layers")
        assert images.blob(layer.digest) == wanted[one.digest].data


def test_layers_are_added_to_a_tag(images: Repository) -> None:
    image = push_image(images)
    tag = referrers_tag(image.digest, ".sig")
    for text in (b"one", b"two", b"one"):
        Attacher(images).add_layers(tag, [Evidence(text, "text/plain", {"a": text.decode()})])
    assert [dict(one.annotations) for one in images.manifest(tag).descriptors("layers")] == [{"a": "one"}, {"a": "two"}]


def test_nobody_loses_what_many_attach_at_once(images: Repository) -> None:
    image = push_image(images)
    tag = referrers_tag(image.digest, ".sig")
    failed: list[Exception] = []

    def attach(number: int) -> None:
        with HttpClient(images.http.service, images.http.policy, QUICK) as http:
            host, _, name = images.name.partition("/")
            attacher = Attacher(Repository(http, host, name, login=lambda: OURS, push=True))
            try:
                attacher.refer(image, Evidence(b"bundle %d" % number, KIND, {}))
                attacher.add_layers(tag, [Evidence(b"layer %d" % number, "text/plain", {})])
            except ServiceError as error:
                failed.append(error)

    threads = [threading.Thread(target=attach, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(images.referrers(image.digest)) == 5
    assert len(images.manifest(tag).descriptors("layers")) == 5


@pytest.fixture
def registry() -> Iterator[Registry]:
    with own_registry() as running:
        yield running


def test_a_registry_that_stumbles_over_others_is_asked_again(registry: Registry) -> None:
    images = repository(registry.host)
    with images.http:
        registry.busy = 1
        push_image(images)
        registry.busy = 9
        with pytest.raises(ServiceError, match=r"answered 400 \(DIGEST_INVALID"):
            push_image(images, "v2")
        assert registry.busy == 7  # one wait, so two attempts


def test_bytes_that_do_not_fit_their_digest(registry: Registry) -> None:
    images = repository(registry.host)
    with images.http:
        image = push_image(images)
        (layer,) = images.manifest("v1").descriptors("layers")
        registry.blobs[layer.digest] = b"another"
        with pytest.raises(ServiceError, match="came with other bytes"):
            images.blob(layer.digest)
        registry.manifests["team/app", image.digest] = (OCI_MANIFEST, b"{}")
        with pytest.raises(ServiceError, match="came with other bytes"):
            images.manifest(image.digest)


@pytest.mark.parametrize("path", ["referrers", "manifests/sha256-"])
def test_a_throttled_listing_is_not_an_empty_one(registry: Registry, path: str) -> None:
    images = repository(registry.host)
    with images.http:
        image = push_image(images)
        registry.referrers = path == "referrers"
        registry.throttled = frozenset({path})
        with pytest.raises(ServiceError, match="answered 429, and asks to wait for 99,999 s"):
            images.referrers(image.digest)


def test_a_blob_elsewhere_comes_without_our_token(registry: Registry) -> None:
    registry.token = True
    policy = HostPolicy.of(registry.host, private=("127.0.0.0/8",))
    with HttpClient("r", policy, QUICK) as http:
        images = Repository(http, registry.host, "team/app", login=lambda: OURS, push=True)
        push_image(images)
        (layer,) = images.manifest("v1").descriptors("layers")
        with serving(lambda call, peer: peer.sendall(answer(200, b"a layer"))) as elsewhere:
            registry.blob_host = elsewhere.url("/store")
            assert images.blob(layer.digest) == b"a layer"
        assert "authorization" not in elsewhere.calls[0].headers


def test_a_token_is_asked_for_once_and_with_our_scope(registry: Registry) -> None:
    registry.token = True
    images = repository(registry.host, login=OURS)
    with images.http:
        push_image(images)
    assert set(registry.tokens.values()) == {"repository:team/app:pull,push"}
    assert len(registry.tokens) == 1


@pytest.mark.parametrize("login", [None, Login("me", "wrong SECRET")])
def test_without_a_login_that_counts(registry: Registry, login: Login | None) -> None:
    registry.token = True
    images = repository(registry.host, login=login)
    with images.http, pytest.raises(ServiceError) as caught:
        images.resolve("v1")
    assert "UNAUTHORIZED" in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("realm", "words"),
    [
        ("https://tokens.example/token", "sends logins to another host (tokens.example)"),
        ("http://127.0.0.1:1/token", "sends logins to another host (127.0.0.1)"),
        ("file:///etc/passwd", "names a token service without sense"),
    ],
)
def test_a_login_goes_nowhere_else(registry: Registry, realm: str, words: str) -> None:
    registry.token, registry.realm = True, realm
    images = repository(registry.host, login=OURS)
    with images.http, pytest.raises(ServiceError) as caught:
        images.resolve("v1")
    assert words in str(caught.value)


def test_a_login_goes_where_the_policy_says(registry: Registry) -> None:
    with own_registry(token=True) as tokens:
        tokens.tokens = registry.tokens
        registry.token, registry.realm = True, f"http://{tokens.host}/token"
        with HttpClient("r", HostPolicy.of(registry.host, tokens.host), QUICK) as http:
            push_image(Repository(http, registry.host, "team/app", login=lambda: OURS, push=True))


@pytest.mark.parametrize("answered", [b"[]", b"{", b'{"errors": []}', b"\xff" * 10, b"<html>"])
def test_nonsense_from_a_registry_is_a_service_error(answered: bytes) -> None:
    with serving(lambda call, peer: peer.sendall(answer(200, answered))) as server:
        images = repository(f"127.0.0.1:{server.port}")
        with images.http:
            try:
                assert images.manifest("v1").descriptors("layers") == ()
                assert images.referrers("sha256:" + "0" * 64) == ()
            except ServiceError as error:
                assert "JSON" in str(error) or "no manifest" in str(error)


def test_urls_of_registries() -> None:
    assert base_url("docker.io") == f"https://{DOCKER_HUB}"
    assert base_url("localhost:5000") == "http://localhost:5000"
    assert base_url("127.0.0.1") == "http://127.0.0.1"
    assert base_url("10.0.0.1:5000") == "https://10.0.0.1:5000"
    assert base_url("localhost.evil.example") == "https://localhost.evil.example"


def config(folder: Path, value: object, name: str = "config.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return folder


def helper(folder: Path, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "docker-credential-mine"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


AUTH = "bWU6YSBzZWNyZXQ6d2l0aCBjb2xvbg=="
BOTH = "me:a secret:with colon"


@pytest.mark.parametrize(
    ("auths", "host", "login"),
    [
        ({"registry.example": {"auth": AUTH}}, "registry.example", OURS),
        ({"https://registry.example/v1/": {"auth": AUTH}}, "registry.example", OURS),
        ({"https://index.docker.io/v1/": {"auth": AUTH}}, DOCKER_HUB, OURS),
        ({"registry.example": {"username": "me", "password": LOGIN[1]}}, "registry.example", OURS),
        ({"registry.example": {"identitytoken": "abc"}}, "registry.example", Login(identity="abc")),
        ({"registry.example": {"registrytoken": "abc"}}, "registry.example", Login(bearer="abc")),
        ({"registry.example/team": {"auth": AUTH}, "registry.example": {"auth": "eDp5"}}, "registry.example", OURS),
        ({"other.example": {"auth": AUTH}}, "registry.example", None),
        ({"registry.example": {}}, "registry.example", None),
        ([], "registry.example", None),
    ],
)
def test_logins_of_a_docker_config(tmp_path: Path, auths: object, host: str, login: Login | None) -> None:
    folder = config(tmp_path / "docker", {"auths": auths})
    keyring = Keyring({"DOCKER_CONFIG": str(folder)}, tmp_path / "repo")
    assert keyring.login(host, "team/app") == login


def test_logins_of_podman(tmp_path: Path) -> None:
    config(tmp_path / "run" / "containers", {"auths": {"registry.example": {"auth": AUTH}}}, "auth.json")
    keyring = Keyring({"XDG_RUNTIME_DIR": str(tmp_path / "run"), "HOME": str(tmp_path)}, tmp_path / "repo")
    assert keyring.login("registry.example", "team/app") == OURS


def test_a_command_started_at_home_uses_the_logins_there(tmp_path: Path) -> None:
    config(tmp_path / ".docker", {"auths": {"registry.example": {"auth": AUTH}}})
    assert Keyring({"HOME": str(tmp_path)}, tmp_path).login("registry.example", "a") == OURS
    assert Keyring({"HOME": str(tmp_path)}, Path("/")).login("registry.example", "a") == OURS


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"auths": {"registry.example": {"auth": "%%%"}}}'])
def test_a_docker_config_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    keyring = Keyring({"DOCKER_CONFIG": str(config(tmp_path / "docker", text))}, tmp_path / "repo")
    with pytest.raises(InputError, match=r"config\.json: "):
        keyring.login("registry.example", "team/app")


def test_the_judged_repos_docker_config_is_not_used(tmp_path: Path) -> None:
    """Not even when the environment points there: a pull request could have put it there."""
    folder = config(tmp_path / "repo" / ".docker", {"auths": {"registry.example": {"auth": AUTH}}})
    assert Keyring({"DOCKER_CONFIG": str(folder)}, tmp_path / "repo").login("registry.example", "a") is None
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert Keyring({"DOCKER_CONFIG": str(link)}, tmp_path / "repo").login("registry.example", "a") is None


@pytest.mark.parametrize(
    ("script", "login"),
    [
        ('read key; echo "{\\"Username\\": \\"me\\", \\"Secret\\": \\"$key\\"}"', Login("me", "registry.example")),
        ('echo "{\\"Username\\": \\"<token>\\", \\"Secret\\": \\"abc\\"}"', Login(identity="abc")),
        ('echo "credentials not found in native keychain"; exit 1', None),
    ],
)
@pytest.mark.parametrize("by", ["credsStore", "credHelpers"])
def test_credential_helpers(tmp_path: Path, script: str, login: Login | None, by: str) -> None:
    named = {"credsStore": "mine"} if by == "credsStore" else {"credHelpers": {"registry.example": "mine"}}
    folder = config(tmp_path / "docker", named)
    path = f"{helper(tmp_path / 'bin', script)}:/usr/bin:/bin"
    keyring = Keyring({"DOCKER_CONFIG": str(folder), "PATH": path}, tmp_path / "repo")
    assert keyring.login("registry.example", "team/app") == login


@pytest.mark.parametrize(
    ("name", "script", "words"),
    [
        ("mine", "echo SECRET; exit 3", "ended with exit code 3"),
        ("mine", "echo SECRET", "answered something that is no credential"),
        ("none", "", "is not installed"),
        ("../mine", "", "no program name"),
    ],
)
def test_credential_helpers_that_fail(tmp_path: Path, name: str, script: str, words: str) -> None:
    folder = config(tmp_path / "docker", {"credsStore": name})
    environ = {"DOCKER_CONFIG": str(folder), "PATH": str(helper(tmp_path / "bin", script))}
    with pytest.raises(ServiceError) as caught:
        Keyring(environ, tmp_path / "repo").login("registry.example", "team/app")
    assert words in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_a_credential_helper_of_the_judged_repo_is_not_run(tmp_path: Path) -> None:
    folder = config(tmp_path / "docker", {"credsStore": "mine"})
    program = helper(tmp_path / "repo" / "bin", "touch ran; exit 1")
    with pytest.raises(ServiceError, match="is not installed"):
        Keyring({"DOCKER_CONFIG": str(folder), "PATH": str(program)}, tmp_path / "repo").login("registry.example", "a")
    assert not (program / "ran").exists()
