"""A registry of our own on loopback: manifests, blobs, the referrers API, token authentication; and Debian's, if there.

`Registry(referrers=False)` lists nothing itself, `token=True` asks for a login, `etags=True` refuses stale writes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

LOGIN = ("me", "a secret:with colon")
PAGE = 2
INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class Registry:
    """What the registry holds and how it behaves; tests may change it while it runs."""

    referrers: bool = True
    token: bool = False
    etags: bool = False
    realm: str = ""
    throttled: frozenset[str] = frozenset()  # path parts that are answered with 429
    blob_host: str = ""  # where blobs are redirected to
    busy: int = 0  # so many manifests are refused, as registries do that read half-written links
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)  # (repo, tag or digest)
    blobs: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)  # token -> scope
    log: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write an answer: two of them wait for each other's acknowledgement
    registry: Registry

    def log_message(self, format: str, *args: Any) -> None:
        self.registry.log.append(getattr(self, "requestline", ""))

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        self.reply(status, json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode())

    def handle_any(self) -> None:
        registry = self.registry
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if any(part in self.path for part in registry.throttled):
            return self.reply(429, b"", Retry_After="99999")
        if url.path == "/token":
            return self.give_token(query)
        if url.path == "/v2/":
            return self.reply(200, b"{}")
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs|referrers)/(.*)", url.path)
        if not match:
            return self.refuse(404, "NAME_UNKNOWN")
        repo, what, reference = match.groups()
        needed = "pull" if self.command in {"GET", "HEAD"} else "push"
        if registry.token and not self.allowed(repo, needed):
            realm = registry.realm or f"http://{registry.host}/token"
            challenge = f'Bearer realm="{realm}",service="loopback",scope="repository:{repo}:{needed}"'
            return self.reply(401, b"", WWW_Authenticate=challenge)
        with registry.lock:
            getattr(self, what)(repo, reference, query, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = handle_any  # noqa: N815

    def allowed(self, repo: str, needed: str) -> bool:
        scope = self.registry.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "), "")
        return scope.startswith(f"repository:{repo}:") and needed in scope

    def give_token(self, query: dict[str, str]) -> None:
        login = base64.b64encode(":".join(LOGIN).encode()).decode()
        if self.headers.get("Authorization") != f"Basic {login}":
            return self.refuse(401, "UNAUTHORIZED")
        token = secrets.token_hex(8)
        self.registry.tokens[token] = query["scope"]
        self.reply(200, json.dumps({"token": token}).encode())

    def manifests(self, repo: str, reference: str, query: dict[str, str], body: bytes) -> None:
        registry = self.registry
        there = registry.manifests.get((repo, reference))
        if self.command == "PUT":
            if registry.busy:
                registry.busy -= 1
                return self.refuse(400, "DIGEST_INVALID")
            wanted = self.headers.get("If-Match")
            if registry.etags and wanted and (not there or wanted != f'"{digest(there[1])}"'):
                return self.refuse(412, "DENIED")
            stored = (self.headers["Content-Type"], body)
            registry.manifests[repo, reference] = registry.manifests[repo, digest(body)] = stored
            subject = json.loads(body).get("subject")
            told = {"OCI_Subject": subject["digest"]} if subject and registry.referrers else {}
            return self.reply(201, b"", Docker_Content_Digest=digest(body), **told)
        if not there:
            return self.refuse(404, "MANIFEST_UNKNOWN")
        etag = {"ETag": f'"{digest(there[1])}"'} if registry.etags else {}
        self.reply(200, there[1], Content_Type=there[0], Docker_Content_Digest=digest(there[1]), **etag)

    def blobs(self, repo: str, reference: str, query: dict[str, str], body: bytes) -> None:
        registry = self.registry
        if self.command == "POST":
            return self.reply(202, b"", Location=f"/v2/{repo}/blobs/uploads/{secrets.token_hex(4)}?state=x")
        if self.command == "PATCH":  # cosign sends the bytes this way, and closes with an empty PUT
            registry.uploads[reference] = body
            return self.reply(202, b"", Location=f"/v2/{repo}/blobs/{reference}")
        if self.command == "PUT":
            body = body or registry.uploads.pop(reference, b"")
            if digest(body) != query["digest"]:
                return self.refuse(400, "DIGEST_INVALID")
            registry.blobs[digest(body)] = body
            return self.reply(201)
        if reference not in registry.blobs:
            return self.refuse(404, "BLOB_UNKNOWN")
        if registry.blob_host:
            return self.reply(307, b"", Location=f"{registry.blob_host}/{reference}")
        self.reply(200, registry.blobs[reference], Content_Type="application/octet-stream")

    def referrers(self, repo: str, reference: str, query: dict[str, str], body: bytes) -> None:
        if not self.registry.referrers:
            return self.refuse(404, "NOT_FOUND")
        found = []
        for (owner, name), (kind, data) in self.registry.manifests.items():
            value = json.loads(data)
            if owner == repo and ":" in name and value.get("subject", {}).get("digest") == reference:
                one = {"mediaType": kind, "digest": name, "size": len(data), "annotations": value.get("annotations")}
                found.append(one | {"artifactType": value.get("artifactType") or value["config"]["mediaType"]})
        start = int(query.get("from", 0))
        more = {}
        if start + PAGE < len(found):
            more = {"Link": f'</v2/{repo}/referrers/{reference}?from={start + PAGE}>; rel="next"'}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": found[start : start + PAGE]}
        self.reply(200, json.dumps(index).encode(), Content_Type=INDEX, **more)


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@contextmanager
def own_registry(**behaviour: Any) -> Iterator[Registry]:
    registry = Registry(**behaviour)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"registry": registry}))
    server.daemon_threads = True
    registry.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def started(command: list[str], port: int) -> Iterator[str]:
    """A registry of somebody else's, running until the test is over; its `HOST:PORT`."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, f"{command[0]} did not start"
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


@contextmanager
def debian_registry(folder: Path) -> Iterator[str]:
    """The distribution project's registry, of before the referrers API."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed")
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with started([program, "serve", str(config)], port) as host:
        yield host


@contextmanager
def go_registry() -> Iterator[str]:
    """go-containerregistry's, with the referrers API, where `make interop` has built it."""
    program = os.environ.get("CI_GUARD_GO_REGISTRY", "")
    if not program:
        pytest.skip("CI_GUARD_GO_REGISTRY does not name go-containerregistry's registry")
    port = free_port()
    with started([program, "-port", str(port)], port) as host:
        yield host
