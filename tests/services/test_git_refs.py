"""The tags of a repository, asked of git's own server program; and answers that are no list of refs."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ci_guard.model.errors import ServiceError
from ci_guard.services.git_refs import client, tags
from ci_guard.services.http import Limits
from tests.services.faulty import Call, answer, serving

QUICK = Limits(connect=1, read=5, total=10, waits=())


def git(folder: Path, *arguments: str) -> str:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=a", "-c", "user.email=a@git.example"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=True, text=True).stdout.strip()


def repository(folder: Path) -> dict[str, str]:
    """A repository with a tag, an annotated one, one that moved; tag -> commit."""
    git(folder, "init", "-q")
    made: dict[str, str] = {}
    for number, names in enumerate([["v1.0.0"], ["v1.1.0", "v1"], ["v2.0.0"]]):
        git(folder, "commit", "-q", "--allow-empty", "-m", str(number))
        for name in names:
            git(folder, "tag", *(["-a", "-m", name] if name == "v1.1.0" else []), name)
            made[name] = git(folder, "rev-parse", "HEAD")
    return made


def upload_pack(folder: Path) -> Callable[[Call, socket.socket], None]:
    """Answers as a git server does: by `git upload-pack`."""

    def handle(call: Call, peer: socket.socket) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROTOCOL": call.headers.get("git-protocol", ""),
            "HOME": str(folder),
        }
        command = ["git", "-c", "safe.directory=*", "upload-pack", "--stateless-rpc", str(folder)]
        done = subprocess.run(command, env=environ, input=call.body, capture_output=True, check=False)
        peer.sendall(answer(200, done.stdout, "Content-Type: application/x-git-upload-pack-result"))

    return handle


def test_tags_are_followed_to_their_commits(tmp_path: Path) -> None:
    made = repository(tmp_path)
    with serving(upload_pack(tmp_path)) as server:
        host = f"127.0.0.1:{server.port}"
        with client(host, limits=QUICK) as http:
            assert tags(http, f"{host}/team/tool") == made
            assert tags(http, f"{host}/team/tool", "v1") == {k: v for k, v in made.items() if k.startswith("v1")}
            assert tags(http, f"{host}/team/tool", "v3") == {}
            tags(http, f"{host}/team/tool", "v1", token="a-token")
    first, *_, last = server.calls
    assert first.target == "/team/tool.git/git-upload-pack"
    assert "authorization" not in first.headers
    assert base64.b64decode(last.headers["authorization"].removeprefix("Basic ")) == b"x-access-token:a-token"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"003d" + b"a" * 40,
        b"0045" + b"a" * 40 + b" refs/tags/v1 and more words!\n",
        b"000ehello you0000",
        b"0001",
        b"+009" + b"a" * 5,
    ],
)
def test_half_a_list_is_no_list(body: bytes) -> None:
    with serving(lambda call, peer: peer.sendall(answer(200, body))) as server:
        host = f"127.0.0.1:{server.port}"
        with client(host, limits=QUICK) as http, pytest.raises(ServiceError, match=r"list of refs|git's protocol"):
            tags(http, f"{host}/a/b")


def test_a_repository_that_is_not_there_is_an_error() -> None:
    with serving(lambda call, peer: peer.sendall(answer(404, b"not found"))) as server:
        host = f"127.0.0.1:{server.port}"
        with client(host, limits=QUICK) as http, pytest.raises(ServiceError, match="404"):
            tags(http, f"{host}/a/b")
