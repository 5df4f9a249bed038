"""The OSV API as a source of advisories, and its databases for later: the same records, the same judgement.

`querybatch` says which records may hold for which packages, `vulns/ID` gives each record once; whether it holds is
judged here, by the rules that judge offline. Source: https://google.github.io/osv.dev/api/.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ci_guard.advisories.matching import Feeds, Package, Pair
from ci_guard.advisories.names import package_name
from ci_guard.advisories.record import Record, parse_record
from ci_guard.advisories.versions import base_ecosystem, key_of
from ci_guard.model.errors import InputError, ServiceError, UsageError
from ci_guard.model.record import field, record
from ci_guard.services.hosts import HostPolicy
from ci_guard.services.http import HttpClient, Limits, Request

SERVICE: Final = "OSV"
HOME: Final = "https://api.osv.dev"
BATCH: Final = 1000  # queries of one call, the API's own limit
MAX_PAGES: Final = 100  # of one query; a server that always has one more is broken
MAX_RECORDS: Final = 20_000
AT_ONCE: Final = 16  # calls for records at the same time: a round trip each, and often hundreds of them
_JSON: Final = {"Content-Type": "application/json"}
_MAX_DATABASE: Final = 2_000_000_000


def open_client(url: str, *, named: bool, limits: Limits | None = None) -> HttpClient:
    """A client for the host of `url`. `named`: the user's own command line said so; then it may be a private one."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2].lower()
    except ValueError:
        host = ""
    if not host or parts.scheme not in {"https", "http"}:
        raise UsageError(f"{url[:200]!r} is no URL of an OSV service")
    return HttpClient(SERVICE, HostPolicy.of(host, private=[host] if named else []), limits)


def fetch_database(url: str, *, named: bool, limits: Limits | None = None) -> bytes:
    """The bytes of an `all.zip`. Raises ServiceError."""
    with open_client(url, named=named, limits=limits or Limits(total=1800)) as client:
        return client.get(url, limit=_MAX_DATABASE)


@record(frozen=False)
class OsvService:
    """Advisories by the API (`matching.Source`): `prepare` asks, `records` answers from what was said."""

    client: HttpClient
    url: str = HOME
    feeds: Feeds | None = None
    _ids: dict[Package, list[str]] = field(default_factory=dict)
    _records: dict[str, Record] = field(default_factory=dict)

    def covers(self, ecosystem: str) -> bool:
        """Whether versions of the ecosystem can be judged; the API has all of OSV's."""
        return key_of(ecosystem) is not None

    def prepare(self, packages: Iterable[Package]) -> None:
        """Ask about the packages that were not asked about yet. Raises ServiceError; then nothing is known of them."""
        new = [p for p in dict.fromkeys(packages) if p not in self._ids and self.covers(p.ecosystem)]
        for start in range(0, len(new), BATCH):
            self._ids |= self._ask(new[start : start + BATCH])
        self._fetch(sorted({name for package in new for name in self._ids[package]} - self._records.keys()))

    def records(self, ecosystem: str, name: str, version: str) -> Sequence[Pair]:
        """What the API has for the package. Raises ServiceError."""
        package = Package(ecosystem, name, version)
        self.prepare([package])
        known = package_name(ecosystem, name)
        base = base_ecosystem(ecosystem)
        return [
            (record, entry)
            for record in (self._records[name] for name in self._ids[package])
            for entry in record.affected
            if not record.withdrawn and entry.name == known and base_ecosystem(entry.ecosystem) == base
        ]

    def exploited(self, cve: str) -> bool:
        """By the KEV catalogue that was taken in, if any."""
        return self.feeds is not None and self.feeds.exploited(cve)

    def probability(self, cve: str) -> float:
        """By the EPSS scores that were taken in, if any."""
        return self.feeds.probability(cve) if self.feeds is not None else 0.0

    def _ask(self, packages: Sequence[Package]) -> dict[Package, list[str]]:
        """The ids for each package, all pages of them."""
        found: dict[Package, list[str]] = {package: [] for package in packages}
        pending = [(package, "") for package in packages]
        for _ in range(MAX_PAGES):
            if not pending:
                return found
            results = self._batch([_query(package, token) for package, token in pending])
            following = []
            for (package, _), result in zip(pending, results, strict=True):
                found[package] += self._named(result)
                if token := result.get("next_page_token"):
                    following.append((package, str(token)))
            pending = following
        raise ServiceError(SERVICE, f"more than {MAX_PAGES} pages for one package")

    def _batch(self, queries: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
        body = json.dumps({"queries": queries}).encode()
        answer = self.client.send(Request("POST", f"{self.url}/v1/querybatch", body, _JSON, idempotent=True)).json()
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list) or len(results) != len(queries):
            many = len(results) if isinstance(results, list) else "no"
            raise ServiceError(SERVICE, f"{many} answers to {len(queries)} questions: this is not the whole page")
        return [result if isinstance(result, dict) else {} for result in results]

    def _named(self, result: Mapping[str, Any]) -> Iterator[str]:
        for vuln in result.get("vulns") or ():
            if not isinstance(vuln, dict) or not isinstance(vuln.get("id"), str):
                raise ServiceError(SERVICE, "an answer names an advisory without `id`")
            yield vuln["id"]

    def _fetch(self, names: Sequence[str]) -> None:
        """Get each record once, in shares of which every thread has one."""
        if not names:
            return
        if len(self._records) + len(names) > MAX_RECORDS:
            raise ServiceError(SERVICE, f"more than {MAX_RECORDS:,} advisories for one run")
        shares = [share for start in range(AT_ONCE) if (share := names[start::AT_ONCE])]
        clients = [self.client.twin() for _ in shares]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for records in threads.map(self._fetch_share, clients, shares):
                self._records |= records

    def _fetch_share(self, client: HttpClient, names: Sequence[str]) -> dict[str, Record]:
        with client:
            return {name: self._record(client, name) for name in names}

    def _record(self, client: HttpClient, name: str) -> Record:
        given = client.send(Request("GET", f"{self.url}/v1/vulns/{quote(name, safe='')}")).json()
        try:
            return parse_record(given, name)
        except InputError as error:
            raise ServiceError(SERVICE, str(error)) from None


def _query(package: Package, token: str) -> dict[str, Any]:
    query: dict[str, Any] = {
        "package": {"ecosystem": package.ecosystem, "name": package.name},
        "version": package.version,
    }
    return {**query, "page_token": token} if token else query
