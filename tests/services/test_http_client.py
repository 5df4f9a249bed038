"""The HTTP client against a real server on loopback that misbehaves in every way we know."""

from __future__ import annotations

import datetime
import gzip
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.model.errors import CiGuardError, ServiceError, UsageError
from ci_guard.services.hosts import HostPolicy, split_url
from ci_guard.services.http import HttpClient, Limits, Request, shown
from tests.services.faulty import Call, Server, answer, serving

QUICK = Limits(connect=1, read=0.3, total=2, waits=(0.01, 0.02), longest_wait=1)


def client(*hosts: str, limits: Limits = QUICK, **more: object) -> HttpClient:
    return HttpClient("the service", HostPolicy.of(*(hosts or ("127.0.0.1",))), limits, **more)  # type: ignore[arg-type]


def always(data: bytes):
    return lambda call, peer: peer.sendall(data)


def refusal(server: Server, request: Request | None = None, hosts: tuple[str, ...] = (), **options: object) -> str:
    with client(*hosts, **options) as http, pytest.raises(ServiceError) as caught:  # type: ignore[arg-type]
        http.send(request or Request("GET", server.url("/x?token=SECRET")))
    assert caught.value.service == "the service"
    assert caught.value.exit_code == 3
    text = str(caught.value)
    assert text.startswith("the service: ")
    assert "SECRET" not in text
    return text


def test_a_good_answer() -> None:
    with serving(always(answer(200, b'{"a": 1}', "ETag: x"))) as server, client() as http:
        got = http.send(Request("GET", server.url("/a?b=c")))
        assert (got.status, got.json(), got.headers["etag"]) == (200, {"a": 1}, "x")
        assert http.get(server.url()) == b'{"a": 1}'
        assert http.post(server.url(), b"body", headers={"X-A": "1"}) == b'{"a": 1}'
    assert server.calls[0].target == "/a?b=c"
    assert (server.calls[2].body, server.calls[2].headers["x-a"]) == (b"body", "1")


def test_a_connection_is_used_again() -> None:
    kept = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def twice(call: Call, peer: socket.socket) -> None:
        peer.sendall(kept)
        assert peer.recv(65536).startswith(b"GET /second")
        peer.sendall(kept)

    with serving(twice) as server, client() as http:
        assert http.get(server.url("/first")) == b"ok"
        assert http.get(server.url("/second")) == b"ok"
    assert len(server.calls) == 1


def test_a_dead_service() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    text = refusal(Server(port))
    assert text == f"the service: http://127.0.0.1:{port}/x cannot be reached"


def test_a_slow_service() -> None:
    with serving(lambda call, peer: time.sleep(0.5)) as server:
        assert refusal(server).endswith("said nothing for 0.3 s")


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n", b""])
def test_an_answer_drip_by_drip_ends_at_the_deadline(start: bytes) -> None:
    def drip(call: Call, peer: socket.socket) -> None:
        peer.sendall(start)
        for _ in range(100):
            time.sleep(0.05)
            peer.sendall(b"H")

    with serving(drip) as server:
        began = time.monotonic()
        text = refusal(server, limits=Limits(connect=1, read=0.3, total=0.6, waits=()))
        assert time.monotonic() - began < 2
        assert text.endswith("took longer than the 0.6 s that a call may take")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_failing_service_is_asked_again_and_then_named(status: int) -> None:
    with serving(always(answer(status, b'{"message": "no SECRET today"}'))) as server:
        request = Request("GET", server.url("/x"), headers={"Authorization": "Bearer SECRET"})
        text = refusal(server, request)
    assert text.endswith(f"/x answered {status} (no … today)")
    assert len(server.calls) == 3


def test_a_service_that_recovers() -> None:
    answers = [answer(503), answer(429, b"", "Retry-After: 1"), answer(200, b"well")]
    waited: list[float] = []
    with serving(lambda call, peer: peer.sendall(answers.pop(0))) as server, client(sleep=waited.append) as http:
        assert http.get(server.url()) == b"well"
    assert waited == [0.01, 1.0]


def test_what_is_not_idempotent_is_made_once() -> None:
    with serving(always(answer(503))) as server:
        assert refusal(server, Request("POST", server.url(), b"x")).endswith("answered 503")
        assert len(server.calls) == 1
        refusal(server, Request("POST", server.url(), b"x", idempotent=True))
        assert len(server.calls) == 4


@pytest.mark.parametrize("asked", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_service_that_asks_for_too_long_a_wait(asked: str) -> None:
    with serving(always(answer(429, b"", f"Retry-After: {asked}"))) as server:
        assert "answered 429, and asks to wait for " in refusal(server)
    assert len(server.calls) == 1


@pytest.mark.parametrize("asked", ["soon", "-1", "Wed, 21 Oct 2015 07:28:00 GMT", "9" * 5000 + "x"])
def test_a_wait_that_says_nothing(asked: str) -> None:
    with serving(always(answer(429, b"", f"Retry-After: {asked}"))) as server:
        assert refusal(server).endswith("answered 429")
    assert len(server.calls) == 3


def test_half_an_answer() -> None:
    with serving(always(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")) as server:
        assert refusal(server).endswith("broke off in the middle of its answer")
    assert len(server.calls) == 3


@pytest.mark.parametrize(
    "data", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx"]
)
def test_no_http_at_all(data: bytes) -> None:
    with serving(always(data)) as server:
        assert "broke off" in refusal(server)


def test_another_type_than_json() -> None:
    page = answer(200, b"<html>", "Content-Type: text/html; charset=utf-8")
    with serving(always(page)) as server, client() as http, pytest.raises(ServiceError, match="text/html, not JSON"):
        http.send(Request("GET", server.url())).json()


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff", b"", b"{"])
def test_no_json(body: bytes) -> None:
    with serving(always(answer(200, body))) as server, client() as http, pytest.raises(ServiceError, match="not JSON"):
        http.send(Request("GET", server.url())).json()


def test_an_endless_body() -> None:
    def endless(call: Call, peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.sendall(b"x" * 65536)

    with serving(endless) as server:
        assert refusal(server, Request("GET", server.url(), limit=1000)).endswith("the body has more than 1,000 bytes")
    assert len(server.calls) == 1


def test_a_packed_body() -> None:
    with serving(always(answer(200, gzip.compress(b"a" * 500), "Content-Encoding: gzip"))) as server, client() as http:
        assert http.get(server.url()) == b"a" * 500


@pytest.mark.parametrize(
    ("body", "encoding", "words"),
    [
        (gzip.compress(b"\0" * 30_000_000, mtime=0), "gzip", "unpacks to more than"),
        (gzip.compress(b"abc", mtime=0)[:-4], "gzip", "ends early"),
        (gzip.compress(b"abc", mtime=0) + b"more", "gzip", "goes on after its end"),
        (b"abc", "gzip", "not the gzip"),
        (b"abc", "br", "not asked for"),
    ],
)
def test_a_body_packed_to_harm(body: bytes, encoding: str, words: str) -> None:
    with serving(always(answer(200, body, f"Content-Encoding: {encoding}"))) as server:
        assert words in refusal(server)


def test_a_redirect_on_the_same_host() -> None:
    answers = [answer(302, b"", "Location: /b"), answer(200, b"here")]
    with serving(lambda call, peer: peer.sendall(answers.pop(0))) as server, client() as http:
        got = http.send(Request("GET", server.url("/a"), headers={"Authorization": "Bearer abc"}))
    assert (got.body, got.url) == (b"here", server.url("/b"))
    assert server.calls[1].headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/again", "redirects more than 5 times"),
        ("http://other.example/", "redirects to another host (other.example), which the policy does not allow"),
        ("https://u:p@127.0.0.1/", "redirects to nowhere: the URL carries a user name"),
        ("ftp://127.0.0.1/", "redirects to nowhere"),
        ("http://127.0.0.1:99999/", "redirects to nowhere"),
    ],
)
def test_redirects_that_are_not_followed(location: str, words: str) -> None:
    with serving(always(answer(302, b"", f"Location: {location}"))) as server:
        assert words in refusal(server, Request("GET", server.url()))


def test_a_redirect_of_a_call_that_writes() -> None:
    with serving(always(answer(307, b"", "Location: /b"))) as server:
        assert "redirects a PUT, which is not followed" in refusal(server, Request("PUT", server.url(), b""))


def test_credentials_do_not_leave_the_host() -> None:
    with serving(always(answer(200, b"blob"))) as other:
        location = f"Location: {other.url('/blob')}"
        with serving(always(answer(307, b"", location))) as server:
            secret = {"authorization": "Bearer abcdef", "X-Kept": "1"}
            assert "with credentials: not followed" in refusal(server, Request("GET", server.url(), headers=secret))
            assert not other.calls
            with client() as http:
                got = http.send(Request("GET", server.url(), headers=secret, leave_host=True))
    assert got.body == b"blob"
    assert "authorization" not in other.calls[0].headers
    assert other.calls[0].headers["x-kept"] == "1"


def test_leaving_the_host_is_for_public_addresses() -> None:
    with serving(always(answer(200, b"blob"))) as inside:
        location = f"Location: http://localhost:{inside.port}/latest/meta-data"
        with serving(always(answer(307, b"", location))) as server:
            assert "no public address" in refusal(server, Request("GET", server.url(), leave_host=True))
        assert not inside.calls


def test_a_host_that_the_policy_does_not_name() -> None:
    with serving(always(answer())) as server:
        text = refusal(server, hosts=("other.example",))
    assert text.endswith(f"the policy does not allow to ask 127.0.0.1:{server.port}")
    assert not server.calls


def test_a_name_that_leads_inside() -> None:
    """A name that is allowed, and resolves to this machine: refused on the address that would be connected to."""
    name = socket.gethostname()
    try:
        addresses = {item[4][0] for item in socket.getaddrinfo(name, 80)}
    except OSError:
        pytest.skip("this machine's name does not resolve")
    if all(ipaddress.ip_address(str(a)).is_global for a in addresses):
        pytest.skip("this machine's name is public")
    with client(name) as http, pytest.raises(ServiceError, match="no public address; the policy must name"):
        http.get(f"https://{name}:9/")


def test_a_name_that_the_policy_lets_lead_inside() -> None:
    with serving(always(answer(200, b"in"))) as server:
        policy = HostPolicy.of("localhost", private=("127.0.0.0/8", "::1/128"))
        with HttpClient("the service", policy, QUICK) as http:
            assert http.get(server.url(host="localhost")) == b"in"


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "ff02::1",
    ],
)
def test_addresses_that_no_name_may_lead_to(address: str) -> None:
    policy = HostPolicy.of("registry.example")
    assert "no public address" in policy.refusal("registry.example", 443, address, plain=False)
    named = HostPolicy.of("registry.example", private=("registry.example:443",))
    assert named.refusal("registry.example", 443, address, plain=False) == ""
    assert named.refusal("registry.example", 444, address, plain=False)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert HostPolicy.of("registry.example").refusal("registry.example", 443, address, plain=False) == ""
    assert "without TLS" in HostPolicy.of("a.example").refusal("a.example", 80, address, plain=True)


def test_names_of_a_policy() -> None:
    policy = HostPolicy.of("Registry.Example:5000", "*.cdn.example", "[::1]:5000")
    assert policy.allows("registry.example", 5000)
    assert not policy.allows("registry.example", 443)
    assert policy.allows("a.b.cdn.example", 443)
    assert not policy.allows("cdn.example", 443)
    assert not policy.allows("evilcdn.example", 443)
    assert policy.allows("::1", 5000)
    with pytest.raises(UsageError, match="is no network"):
        HostPolicy.of(private=("10.0.0.1/8",))


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z.\[\]:@%0-9/?#-]{0,40}", fullmatch=True))
def test_any_text_as_url(url: str) -> None:
    try:
        parts = split_url(url)
    except ValueError:
        return
    assert parts.hostname
    assert parts.scheme in {"http", "https"}
    assert "?" not in shown(url)


@pytest.fixture(scope="module")
def parrot() -> Iterator[tuple[Server, list[bytes]]]:
    """A server that says what the test has put into the list."""
    said = [b""]
    with serving(lambda call, peer: peer.sendall(said[0])) as server:
        yield server, said


@given(st.binary(max_size=400))
def test_any_bytes_as_answer(parrot: tuple[Server, list[bytes]], data: bytes) -> None:
    server, said = parrot
    said[0] = data
    with client(limits=Limits(1, 1, 3, ())) as http:
        try:
            assert http.send(Request("GET", server.url())).status == 200
        except CiGuardError as error:
            assert isinstance(error, ServiceError)


def authority(name: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A TLS server for `name`, and the file with the certificate that a client has to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return context, pem


def test_tls_is_verified(tmp_path: Path) -> None:
    context, pem = authority("localhost", tmp_path)
    with serving(always(answer(200, b"safe")), context) as server:
        url = server.url("/", "localhost", "https")
        with client("localhost") as http, pytest.raises(ServiceError, match="TLS failed: certificate verify failed"):
            http.get(url)
        with client("localhost", context=ssl.create_default_context(cafile=pem)) as http:
            assert http.get(url) == b"safe"


def test_tls_for_another_name(tmp_path: Path) -> None:
    context, pem = authority("other.example", tmp_path)
    with serving(always(answer(200, b"safe")), context) as server:
        trusting = ssl.create_default_context(cafile=pem)
        with (
            client("localhost", context=trusting) as http,
            pytest.raises(ServiceError, match=r"TLS failed: .*localhost"),
        ):
            http.get(server.url("/", "localhost", "https"))


def test_the_users_proxy_is_asked_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving(always(b"HTTP/1.1 403 Forbidden\r\n\r\n")) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:SECRET@127.0.0.1:{server.port}")
        with client("api.example") as http, pytest.raises(ServiceError) as caught:
            http.get("https://api.example/x")
    assert str(caught.value).endswith("cannot be reached through the proxy of the environment")
    call = server.calls[0]
    assert (call.method, call.target) == ("CONNECT", "api.example:443")
    assert call.headers["proxy-authorization"].startswith("Basic ")


def test_loopback_never_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serving(always(answer(200, b"here"))) as server, client() as http:
        assert http.get(server.url()) == b"here"
