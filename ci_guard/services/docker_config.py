"""Logins for registries, as the user's Docker or Podman keeps them: config files and credential helpers.

Only the user's own: nothing below the judged tree is read or run, whatever the environment points to.
Sources: docs.docker.com, "docker login" and credential helpers; containers-auth.json(5).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ci_guard.model.errors import InputError, ServiceError
from ci_guard.model.record import field, record

DOCKER_HUB = "registry-1.docker.io"
_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io")
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HELPER_SECONDS = 30
_MAX_BYTES = 1_000_000
_NO_LOGIN = "credentials not found"
"""What every helper says when it has none: the protocol's own words, on standard output, with exit code 1."""


@record
class Login:
    """A user name and secret; or an `identity` token that is exchanged; or a `bearer` token that is sent as it is."""

    username: str = ""
    secret: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of a Basic `Authorization` header, "" without a user name."""
        if not self.username:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.secret}".encode()).decode("ascii")


@record
class Keyring:
    """Where the logins are. `judged` is the tree under judgement: what is in it is nobody's login."""

    environ: Mapping[str, str]
    judged: Path

    def login(self, host: str, repository: str) -> Login | None:
        """The user's login for a repository, the closest that there is. Raises InputError, ServiceError."""
        for path in self._files():
            config = _read(path)
            found = self._from_helper(config, host) or _from_auths(config, host, repository, path)
            if found is not None:
                return found
        return None

    def _files(self) -> Iterator[Path]:
        """Docker's file, then Podman's, as far as they exist and are the user's."""
        environ = self.environ
        home = Path(environ["HOME"]) if environ.get("HOME") else None
        folder = environ.get("DOCKER_CONFIG")
        named = [Path(environ["REGISTRY_AUTH_FILE"])] if environ.get("REGISTRY_AUTH_FILE") else []
        candidates = [*named, *([Path(folder) / "config.json"] if folder else [])]
        if home and not folder:
            candidates.append(home / ".docker" / "config.json")
        if environ.get("XDG_RUNTIME_DIR"):
            candidates.append(Path(environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json")
        if home:
            candidates.append(home / ".config" / "containers" / "auth.json")
        for path in candidates:
            if path.is_file() and not self._is_judged(path):
                yield path

    def _is_judged(self, path: Path) -> bool:
        """Whether a file lies in the tree under judgement; around the user's home there is no such tree."""
        judged, home = self.judged.resolve(), self.environ.get("HOME")
        if home and Path(home).resolve().is_relative_to(judged):
            return False
        return path.resolve().is_relative_to(judged)

    def _from_helper(self, config: Mapping[str, Any], host: str) -> Login | None:
        helpers = config.get("credHelpers")
        for key in _keys(host):
            helper = helpers.get(key) if isinstance(helpers, dict) else None
            if isinstance(helper, str) and helper:
                return self._ask(helper, key)
        store = config.get("credsStore")
        if isinstance(store, str) and store:
            return next((found for key in _keys(host)[:2] if (found := self._ask(store, key))), None)
        return None

    def _ask(self, helper: str, key: str) -> Login | None:
        """What a credential helper says. Raises ServiceError; its output may hold secrets and is never repeated."""
        name = f"docker-credential-{helper}"
        if not _HELPER_NAME.fullmatch(helper):
            raise ServiceError("credential helper", "the Docker config names a helper that is no program name")
        program = shutil.which(name, path=self.environ.get("PATH"))
        if program is None or not Path(program).is_absolute() or self._is_judged(Path(program)):
            raise ServiceError(name, "is named by the Docker config and is not installed")
        try:
            done = subprocess.run(  # noqa: S603 - an argument list; the program is the user's, from the user's config
                [program, "get"],
                input=key.encode(),
                capture_output=True,
                timeout=_HELPER_SECONDS,
                check=False,
                env=dict(self.environ),
                cwd=Path(program).parent,
            )
        except subprocess.TimeoutExpired:
            raise ServiceError(name, f"did not answer within {_HELPER_SECONDS} s") from None
        except OSError as problem:
            raise ServiceError(name, f"cannot be run: {problem.strerror}") from None
        if done.returncode:
            if _NO_LOGIN in done.stdout.decode("utf-8", "replace"):
                return None
            raise ServiceError(name, f"ended with exit code {done.returncode}")
        return _helped(name, done.stdout)


def _helped(name: str, output: bytes) -> Login | None:
    try:
        said = json.loads(output[:_MAX_BYTES])
        username, secret = said["Username"], said["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ServiceError(name, "answered something that is no credential") from None
    if not isinstance(username, str) or not isinstance(secret, str) or not secret:
        return None
    return Login(identity=secret) if username == "<token>" else Login(username, secret)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        raise InputError(f"{path}: cannot be read as JSON, so there are no logins for registries") from None
    return value if isinstance(value, dict) else {}


def _keys(host: str) -> tuple[str, ...]:
    """How config files spell a registry."""
    if host == DOCKER_HUB:
        return _HUB_KEYS
    return (host, f"https://{host}", f"https://{host}/", f"https://{host}/v1/", f"https://{host}/v2/")


def _from_auths(config: Mapping[str, Any], host: str, repository: str, path: Path) -> Login | None:
    auths = config.get("auths")
    if not isinstance(auths, dict):
        return None
    name = "docker.io" if host == DOCKER_HUB else host
    parts = repository.split("/")
    # Podman keeps logins for a namespace too: the longest that fits is meant.
    namespaces = [f"{name}/{'/'.join(parts[:length])}" for length in range(len(parts), 0, -1)]
    for key in (*namespaces, *_keys(host)):
        entry = auths.get(key)
        if isinstance(entry, dict) and (found := _entry(entry, path)):
            return found
    return None


def _entry(entry: Mapping[str, Any], path: Path) -> Login | None:
    texts = {key: value for key, value in entry.items() if isinstance(value, str)}
    if texts.get("registrytoken"):
        return Login(bearer=texts["registrytoken"])
    if texts.get("identitytoken"):
        return Login(identity=texts["identitytoken"])
    if texts.get("username") and "password" in texts:
        return Login(texts["username"], texts["password"])
    if not texts.get("auth"):
        return None
    try:
        username, colon, secret = base64.b64decode(texts["auth"], validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise InputError(f"{path}: a login is not base64") from None
    return Login(username, secret.rstrip("\x00")) if colon and username else None
