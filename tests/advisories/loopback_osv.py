"""An OSV service on loopback over records in memory: what pip-audit, uv and ci-guard ask, counted.

Its matching is its own (packaging's versions, intervals), so that it judges ours.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


@dataclass
class Service:
    """`page`: results of one page of a query. `faults`: path prefix -> answers to give first: (status, body).

    `together`: records are answered only when so many are asked for at the same time.
    """

    records: dict[str, dict[str, Any]]
    page: int = 1000
    delay: float = 0.0
    faults: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    together: threading.Barrier | None = None
    url: str = ""
    by_name: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for record in self.records.values():
            for package in {_package(entry) for entry in record.get("affected", ())}:
                self.by_name.setdefault(package, []).append(record)

    def matching(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        package = (query["package"]["ecosystem"], _name(query["package"]["ecosystem"], query["package"]["name"]))
        known = [r for r in self.by_name.get(package, ()) if not r.get("withdrawn")]
        version = query.get("version")
        return [r for r in known if version is None or _affected(r, package, version)]

    def batch(self, queries: Sequence[dict[str, Any]]) -> dict[str, Any]:
        results = []
        for query in queries:
            start = int(query.get("page_token") or 0)
            found = self.matching(query)
            result: dict[str, Any] = {}
            if part := found[start : start + self.page]:
                result["vulns"] = [{"id": r["id"], "modified": r["modified"]} for r in part]
            if start + self.page < len(found):
                result["next_page_token"] = str(start + self.page)
            results.append(result)
        return {"results": results}


def _name(ecosystem: str, name: str) -> str:
    return str(canonicalize_name(name)) if ecosystem == "PyPI" else name


def _package(entry: dict[str, Any]) -> tuple[str, str]:
    package = entry["package"]
    return package["ecosystem"], _name(package["ecosystem"], package["name"])


def _affected(record: dict[str, Any], package: tuple[str, str], version: str) -> bool:
    return any(_package(e) == package and _holds(e, version) for e in record["affected"])


def _holds(entry: dict[str, Any], version: str) -> bool:
    if version in entry.get("versions", ()):
        return True
    at = _version(version)
    if at is None:
        return False
    if any(_version(v) == at for v in entry.get("versions", ())):
        return True
    return any(_inside(at, r["events"]) for r in entry.get("ranges", ()) if r["type"] != "GIT")


def _inside(at: Version, events: Sequence[dict[str, str]]) -> bool:
    starts = [Version("0.dev0") if v == "0" else Version(v) for e in events for k, v in e.items() if k == "introduced"]
    ends = sorted(Version(v) for e in events for k, v in e.items() if k == "fixed")
    lasts = sorted(Version(v) for e in events for k, v in e.items() if k == "last_affected")
    for start in starts:
        end = next((e for e in ends if e > start), None)
        last = next((e for e in lasts if e >= start), None)
        if start <= at and (end is None or at < end) and (last is None or at <= last):
            return True
    return False


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


@contextmanager
def serving(service: Service) -> Iterator[Service]:  # noqa: C901 (a server is one thing)
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: two would wait 40 ms for each other

        def log_message(self, *args: Any) -> None: ...

        def answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def handle_one(self, body: bytes) -> None:
            service.asked["/simple" if self.path.startswith("/simple/") else self.path.split("/vulns/")[0]] += 1
            time.sleep(service.delay)
            if service.together and "/vulns/" in self.path:
                service.together.wait(5)
            for prefix, answers in service.faults.items():
                if self.path.startswith(prefix) and answers:
                    self.answer(*answers.pop(0))
                    return
            if self.path.startswith("/simple/"):  # uv asks the index for the status of each project
                name = self.path.split("/")[2]
                page = {"meta": {"api-version": "1.4"}, "name": name, "files": []}
                self.answer(200, json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json")
            elif self.path == "/v1/querybatch":
                self.answer(200, json.dumps(service.batch(json.loads(body)["queries"])).encode())
            elif self.path == "/v1/query":
                self.answer(200, json.dumps({"vulns": service.matching(json.loads(body))}).encode())
            elif (name := unquote(self.path.rpartition("/")[2])) in service.records:
                self.answer(200, json.dumps(service.records[name]).encode())
            else:
                self.answer(404, b'{"code": 5, "message": "Bug not found."}')

        def do_GET(self) -> None:
            self.handle_one(b"")

        def do_POST(self) -> None:
            self.handle_one(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
