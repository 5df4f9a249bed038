"""A Sigstore of the real servers on loopback: Fulcio, Rekor v2 (rekor-tiles) and the timestamp authority.

Who signs is told by the loopback's OIDC provider; certificate transparency is left out, as Fulcio allows.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from tests.attestation.loopback import Json, b64, spki
from tests.attestation.loopback_services import Services
from tests.interop.peers import peer

ORIGIN = "rekor.acme.example"
VALID = {"start": "2024-07-01T00:00:00Z"}
SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


@contextmanager
def server(name: str, folder: Path, alive: str, *arguments: str) -> Iterator[None]:
    """A server until it is left; `alive` is a URL that it answers, with whatever, once it runs."""
    log = folder / f"{name}.log"
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with log.open("wb") as out:
        process = subprocess.Popen([peer(name), *arguments], stdout=out, stderr=out, env=environ, cwd=folder)
        try:
            _wait(process, alive, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], alive: str, log: Path) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            fetch(alive)
        except HTTPError:
            return
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{alive} does not answer: {log.read_text()[-2000:]}")


@contextmanager
def real_services(folder: Path, oidc: Services) -> Iterator[Json]:
    """The trust config (root and services) of the running servers; `folder` keeps what they write."""
    ca, tsa, rekor = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
    key = ed25519.Ed25519PrivateKey.generate()
    _write_inputs(folder, key, oidc)
    with ExitStack() as running:
        quiet = ("--disable-ntp-monitoring", "--timestamp-signer", "memory")
        port = ("--host", "127.0.0.1", "--port", tsa.rpartition(":")[2])
        running.enter_context(server("timestamp-server", folder, f"{tsa}/ping", "serve", *port, *quiet))
        running.enter_context(server("fulcio", folder, f"{ca}/api/v2/trustBundle", *_fulcio(ca)))
        running.enter_context(server("rekor-server", folder, f"{rekor}/checkpoint", *_rekor(rekor, folder)))
        yield _trust_config(ca, tsa, rekor, key, oidc)


def _write_inputs(folder: Path, key: Any, oidc: Services) -> None:
    plain = serialization.NoEncryption()
    pem = key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "rekor.pem").write_bytes(pem)
    issuer = {"IssuerURL": oidc.issuer, "ClientID": "sigstore", "Type": "email"}
    (folder / "fulcio.json").write_text(json.dumps({"OIDCIssuers": {oidc.issuer: issuer}}))


def _fulcio(url: str) -> list[str]:
    ports = ["--port", url.rpartition(":")[2], "--grpc-port", str(free_port()), "--metrics-port", str(free_port())]
    hosts = [
        "--host",
        "127.0.0.1",
        "--grpc-host",
        "127.0.0.1",
        "--legacy-unix-domain-socket",
        f"@ci-guard-{os.getpid()}",
    ]
    return ["serve", *hosts, *ports, "--ca", "ephemeralca", "--ct-log-url", "", "--config-path", "fulcio.json"]


def _rekor(url: str, folder: Path) -> list[str]:
    (folder / "log").mkdir()
    ports = ["--http-port", url.rpartition(":")[2], "--grpc-port", str(free_port())]
    ports += ["--http-metrics-port", str(free_port())]
    keep = ["--storage-dir", "log", "--signer-filepath", "rekor.pem", "--checkpoint-interval", "1s"]
    return ["serve", "--hostname", ORIGIN, *ports, *keep]


def _trust_config(ca: str, tsa: str, rekor: str, key: Any, oidc: Services) -> Json:
    def service(url: str, version: int) -> Json:
        return {"url": url, "majorApiVersion": version, "validFor": dict(VALID), "operator": "acme"}

    def authority(chain: list[x509.Certificate]) -> Json:
        listed = [{"rawBytes": b64(one.public_bytes(Encoding.DER))} for one in chain]
        subject = {"organization": "acme", "commonName": "acme"}
        return {"subject": subject, "uri": ca, "certChain": {"certificates": listed}, "validFor": dict(VALID)}

    (bundle,) = json.loads(fetch(f"{ca}/api/v2/trustBundle"))["chains"]
    issuers = [x509.load_pem_x509_certificate(pem.encode()) for pem in bundle["certificates"]]
    stampers = x509.load_pem_x509_certificates(fetch(f"{tsa}/api/v1/timestamp/certchain"))
    raw = key.public_key().public_bytes(Encoding.Raw, serialization.PublicFormat.Raw)
    log = {
        "baseUrl": f"https://{ORIGIN}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": b64(spki(key)), "keyDetails": "PKIX_ED25519", "validFor": dict(VALID)},
        "logId": {"keyId": b64(hashlib.sha256(f"{ORIGIN}\n".encode() + b"\x01" + raw).digest())},
    }
    return {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log],
            "certificateAuthorities": [authority(issuers)],
            "timestampAuthorities": [authority(stampers)],
        },
        "signingConfig": {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service(ca, 1)],
            "oidcUrls": [service(oidc.issuer, 1)],
            "rekorTlogUrls": [service(rekor, 2)],
            "tsaUrls": [service(f"{tsa}/api/v1/timestamp", 1)],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        },
    }
