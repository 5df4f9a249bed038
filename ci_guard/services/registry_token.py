"""Getting into a registry: its challenge, and the token that answers it.

The realm that a challenge names gets the user's login, so it is pinned: the registry's own host, the one that is known
to belong to it, or one that the policy allows by name. The scope is ours, never the challenge's.
Source: distribution.github.io/distribution/spec/auth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from ci_guard.model.errors import ServiceError
from ci_guard.services.docker_config import DOCKER_HUB, Login
from ci_guard.services.hosts import host_and_port, split_url
from ci_guard.services.http import HttpClient, Request

KNOWN_REALMS: Mapping[str, str] = {DOCKER_HUB: "auth.docker.io", "registry.gitlab.com": "gitlab.com"}
"""Registry host -> the other host of the same operator that gives its tokens."""
_PARAMETER = re.compile(r'([a-zA-Z]+)="([^"\\]*)"')
_MAX_TOKEN = 100_000
_CLIENT = "ci-guard"


class Access:
    """The `Authorization` of calls to one repository of the registry at `base` (its URL).

    `login` is asked once, and only when the registry wants one; `actions` are `pull` or `pull,push`.
    """

    def __init__(
        self, http: HttpClient, base: str, repository: str, login: Callable[[], Login | None], actions: str
    ) -> None:
        self._http = http
        self._base = base
        self._scope = f"repository:{repository}:{actions}"
        self._read_login = login
        self._login: Login | None = None
        self._asked = False
        self._header = ""

    def headers(self) -> dict[str, str]:
        """What to send along."""
        return {"Authorization": self._header} if self._header else {}

    def answer(self, challenge: str) -> bool:
        """Get what `challenge` (a WWW-Authenticate header) asks for; False when nothing new can be had.

        Raises ServiceError, InputError.
        """
        if not self._asked:
            self._login, self._asked = self._read_login(), True
        kind, _, rest = challenge.partition(" ")
        before = self._header
        if kind.lower() == "basic":
            self._header = self._login.basic if self._login else ""
        elif kind.lower() == "bearer":
            self._header = "Bearer " + self._token(dict(_PARAMETER.findall(rest[:4096])))
        return bool(self._header) and self._header != before

    def _token(self, challenge: Mapping[str, str]) -> str:
        if self._login and self._login.bearer:
            return self._login.bearer
        realm = challenge.get("realm", "")
        self._check_realm(realm)
        asked = {"service": challenge.get("service", ""), "scope": self._scope}
        if self._login and self._login.identity:
            form = {"grant_type": "refresh_token", "refresh_token": self._login.identity, "client_id": _CLIENT, **asked}
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            request = Request("POST", realm, urlencode(form).encode(), kind, limit=_MAX_TOKEN, idempotent=True)
        else:
            basic = self._login.basic if self._login else ""
            headers = {"Authorization": basic} if basic else {}
            join = "&" if "?" in realm else "?"
            request = Request("GET", f"{realm}{join}{urlencode(asked)}", headers=headers, limit=_MAX_TOKEN)
        return self._read(self._http.send(request).json())

    def _read(self, answer: Any) -> str:
        for name in ("token", "access_token"):
            value = answer.get(name) if isinstance(answer, dict) else None
            if isinstance(value, str) and value.isascii() and value.isprintable() and value:
                return value
        raise ServiceError(self._http.service, "the token service answered without a token")

    def _check_realm(self, realm: str) -> None:
        try:
            parts = split_url(realm)
        except ValueError as problem:
            raise ServiceError(
                self._http.service, f"the registry names a token service without sense: {problem}"
            ) from None
        host, port = host_and_port(parts)
        own = split_url(self._base)
        if parts.scheme == own.scheme and (host, port) == host_and_port(own):
            return
        known = parts.scheme == "https" and KNOWN_REALMS.get(own.netloc) == host
        if known or self._http.policy.allows(host, port):
            return
        raise ServiceError(
            self._http.service,
            f"the registry sends logins to another host ({host}); to allow that, the policy must name it",
        )
