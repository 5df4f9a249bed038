"""GitHub's attestations API on loopback: paging, bundles elsewhere, upload, and what can go wrong."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard import cli
from ci_guard.model.errors import ServiceError, UsageError
from ci_guard.services.github import Instance, fetch, upload
from ci_guard.services.http import Limits
from ci_guard.services.snappy import NoSnappyError, unpack
from tests.services.faulty import Call, answer, serving
from tests.services.test_images import user  # noqa: F401 - a fixture

QUICK = Limits(connect=1, read=2, total=5, waits=(0.01,))
DIGEST = "sha256:" + "0" * 64
SNAPPY = "Content-Type: application/x-snappy"


def instance(port: int, token: str = "a-secret-token") -> Instance:
    return Instance(f"http://127.0.0.1:{port}/api/v3", token, ("127.0.0.0/8",), QUICK)


def packed(data: bytes) -> bytes:
    """Snappy, all literals."""
    size, header = len(data), bytearray()
    while size >= 0x80:
        header.append(size & 0x7F | 0x80)
        size >>= 7
    header.append(size)
    for at in range(0, len(data), 60):
        part = data[at : at + 60]
        header += bytes([(len(part) - 1) << 2]) + part
    return bytes(header)


def test_bundles_come_inline_by_page_and_from_elsewhere() -> None:
    with serving(lambda call, peer: peer.sendall(answer(200, packed(b'{"c": 3}'), SNAPPY))) as storage:
        pages = {
            "per_page": [{"bundle": {"a": 1}}],
            "after": [{"bundle": {"b": 2}}, {"bundle": None, "bundle_url": storage.url("/x?sig=y")}],
        }

        def api(call: Call, peer: socket.socket) -> None:
            page = "after" if "after" in call.target else "per_page"
            more = [f'Link: <{call.target}&after=1>; rel="next"'] if page == "per_page" else []
            peer.sendall(answer(200, json.dumps({"attestations": pages[page]}).encode(), *more))

        with serving(api) as github:
            assert fetch(instance(github.port), "acme/app", DIGEST) == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']
    assert github.calls[0].target == f"/api/v3/repos/acme/app/attestations/{DIGEST}?per_page=100"
    assert github.calls[0].headers["authorization"] == "Bearer a-secret-token"
    assert "authorization" not in storage.calls[0].headers


def test_none_is_none_and_not_an_error() -> None:
    with serving(lambda call, peer: peer.sendall(answer(404, b'{"message": "Not Found"}'))) as github:
        assert fetch(instance(github.port, ""), "acme/app", DIGEST) == []
    assert "authorization" not in github.calls[0].headers


def test_an_attestation_is_uploaded() -> None:
    with serving(lambda call, peer: peer.sendall(answer(201, b'{"id": 42}'))) as github:
        assert upload(instance(github.port), "acme/app", b'{"mediaType": "x"}') == "42"
        with pytest.raises(UsageError, match="with a token only"):
            upload(instance(github.port, ""), "acme/app", b"{}")
        with pytest.raises(UsageError, match="expected OWNER/NAME"):
            upload(instance(github.port), "acme/../app", b"{}")
    (call,) = github.calls
    assert (call.method, json.loads(call.body)) == ("POST", {"bundle": {"mediaType": "x"}})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (answer(403, b'{"message": "no a-secret-token for you"}'), "answered 403 (no … for you)"),
        (answer(200, b"[]"), "no list of attestations"),
        (answer(200, b'{"attestations": [1]}'), "no list of attestations"),
        (answer(200, b'{"attestations": [{}]}'), "neither a bundle nor the place of one"),
        (answer(200, b'{"attestations": [{"bundle_url": "http://10.0.0.1/x"}]}'), "without TLS nothing else is asked"),
        (answer(200, b'{"attestations": [{"bundle_url": "file:///x"}]}'), "not http or https"),
        (answer(200, b'{"attestations": []}', 'Link: <https://evil.example/>; rel="next"'), "policy does not allow"),
        (answer(200, b'{"attestations": []}', 'Link: </again>; rel="next"'), "more than 10 pages"),
        (answer(200, json.dumps({"attestations": [{"bundle": {}}] * 101}).encode()), "more than 100 attestations"),
    ],
)
def test_what_github_may_do_wrong(said: bytes, words: str) -> None:
    with serving(lambda call, peer: peer.sendall(said)) as github, pytest.raises(ServiceError) as caught:
        fetch(instance(github.port), "acme/app", DIGEST)
    assert words in str(caught.value)
    assert "a-secret" not in str(caught.value)


def test_verify_fetches_what_attest_uploaded(
    user: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stored: list[object] = []

    def api(call: Call, peer: socket.socket) -> None:
        if call.method == "POST":
            stored.append(json.loads(call.body))
            peer.sendall(answer(201, b'{"id": 7}'))
        else:
            peer.sendall(answer(200, json.dumps({"attestations": stored}).encode()))

    (user / "app.tar").write_bytes(b"app")
    (user / "sbom.json").write_text('{"bomFormat": "CycloneDX"}')
    with serving(api) as github:
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{github.port}")
        monkeypatch.setenv("GH_TOKEN", "a-secret-token")
        verify = ["verify", "app.tar", "--from-github", "acme/app", "--key", "cosign.pub"]
        assert cli.main(verify) == 1
        assert "acme/app has no attestation" in capsys.readouterr().out
        attest = ["attest", "app.tar", "--predicate", "sbom.json", "--type", "cyclonedx", "--to-github", "acme/app"]
        assert cli.main([*attest, "--key", "other.key"]) == cli.main([*attest, "--key", "cosign.key"]) == 0
        assert capsys.readouterr().out.count("acme/app attestation 7\n") == 2
        assert cli.main([*verify, "--type", "cyclonedx"]) == 0
        assert cli.main([*verify, "--type", "vuln"]) == 1
        assert cli.main([*verify, "--bundle", "x"]) == 2


@given(st.binary(max_size=300))
def test_snappy_gives_back_what_was_packed(data: bytes) -> None:
    assert unpack(packed(data), 300) == data


@given(st.binary(max_size=100))
def test_any_bytes_as_snappy(data: bytes) -> None:
    try:
        assert len(unpack(data, 1000)) <= 1000
    except NoSnappyError:
        return


@pytest.mark.parametrize(
    ("data", "unpacked"),
    [
        (b"\x0a\x04ab\x1d\x02", b"ab" * 5 + b""),  # literal ab, then a copy of 11 from 2 back: too long
        (b"\x0a\x04ab\x11\x02", b"ab" * 5),  # a copy of 8 that overlaps itself
        (b"\x06\x08abc\x0a\x03\x00", b"abcabc"),  # a copy with an offset of two bytes
    ],
)
def test_copies(data: bytes, unpacked: bytes) -> None:
    if data[4] == 0x1D:
        with pytest.raises(NoSnappyError):
            unpack(data, 100)
        return
    assert unpack(data, 100) == unpacked
