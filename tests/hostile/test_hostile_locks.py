"""A repository that is made to hurt whoever judges its dependencies: nothing is executed, nothing written, all bounded.

The process reports on itself by CPython's audit events, so that a command that slipped in by a library shows, too.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRET = "nobody-may-see-this"
ESCAPES = "\u001b]0;owned\u0007\u001b[2J\u202eevil\r\n::error::owned"
MAX_MIB = 400
MAX_SECONDS = 20  # of the processor, far above what any of these takes; a quadratic reader would need hours

WATCHED = """
import sys
seen = []
def watch(event, args):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "exec") :
        if event != "exec":
            seen.append(event)
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        seen.append(f"open {args[0]}")
    if event in ("os.remove", "os.rename", "os.mkdir", "os.symlink", "shutil.rmtree"):
        seen.append(f"{event} {args[0]}")
sys.addaudithook(watch)
from ci_guard.cli import main
code = main(sys.argv[1:])
sys.stdout.flush()
print(seen, file=sys.stderr)
sys.exit(code)
"""


def _limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MIB << 20, MAX_MIB << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))


def judged(folder: Path, *options: str) -> tuple[int, str]:
    """Exit code and what was printed of `deps check`; it must have executed and written nothing."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("CI_GUARD_", "GITHUB_"))}
    environ |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "CI_GUARD_CACHE": str(folder.parent / "none")}
    command = [sys.executable, "-c", WATCHED, "deps", "check", *options]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, preexec_fn=_limits, check=False)
    assert done.stderr.decode().strip() == "[]", done.stderr[-2000:]
    return done.returncode, done.stdout.decode()


def package_lock(packages: dict[str, dict[str, object]]) -> bytes:
    """A lock of npm with these entries."""
    return json.dumps({"name": "shop", "lockfileVersion": 3, "packages": {"": {"name": "shop"}, **packages}}).encode()


def hundred_megabytes(folder: Path) -> None:
    with (folder / "package-lock.json").open("wb") as file:
        file.truncate(100 << 20)


def deep_json(folder: Path) -> None:
    (folder / "package-lock.json").write_bytes(b'{"packages": ' + b'{"a": ' * 200_000)


def deep_yaml(folder: Path) -> None:
    (folder / "pnpm-lock.yaml").write_bytes(b"lockfileVersion: " + b"[" * 100_000)


def deep_toml(folder: Path) -> None:
    (folder / "uv.lock").write_bytes(b"version = 1\na = " + b"[" * 100_000)


def deep_settings(folder: Path) -> None:
    (folder / "pyproject.toml").write_bytes(b"[tool.uv]\nindex = " + b"[" * 100_000)
    (folder / ".yarnrc.yml").write_bytes(b"npmScopes: " + b"{a: " * 100_000)
    (folder / "composer.json").write_bytes(b'{"repositories": ' + b"[" * 100_000)


def alias_bomb(folder: Path) -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))]
    (folder / "pnpm-lock.yaml").write_text("\n".join(lines))
    (folder / ".yarnrc.yml").write_text("\n".join(lines))


def entity_bomb(folder: Path) -> None:
    text = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><configuration>&b;</configuration>'
    (folder / "nuget.config").write_text(text)
    (folder / "pom.xml").write_text(text.replace("configuration", "project"))


def links_outside(folder: Path) -> None:
    outside = folder.parent / "secret.txt"
    outside.write_text(f"{SECRET}==1\n")
    (folder / "requirements.txt").symlink_to(outside)
    (folder / ".npmrc").symlink_to(outside)
    (folder / "a-requirements.txt").write_text("-r ../secret.txt\n-r /etc/passwd\n-c ../secret.txt\nx\n")
    (folder / "package-lock.json").symlink_to("/dev/zero")
    os.mkfifo(folder / "uv.lock")


def circular_includes(folder: Path) -> None:
    for n in range(300):
        (folder / f"{n}-requirements.txt").write_text(f"-r {(n + 1) % 300}-requirements.txt\n-c {n}-requirements.txt\n")


def circular_needs(folder: Path) -> None:
    names = [f"p{n}" for n in range(2_000)]
    entries = {
        f"node_modules/{name}": {"version": "1.0.0", "dependencies": {other: "*" for other in names[n : n + 3]}}
        for n, name in enumerate(names)
    }
    (folder / "package-lock.json").write_bytes(package_lock(entries))


def long_names(folder: Path) -> None:
    (folder / "package-lock.json").write_bytes(
        package_lock({f"node_modules/{'a-' * 100_000}": {"version": "1" * 200_000}})
    )
    (folder / "requirements.txt").write_text("a" * 200_000 + "==1\n" + "[" * 60_000 + "\n")
    (folder / ".npmrc").write_text("a" * 300_000 + "=" + "b" * 300_000 + "\nregistry=http://" + "x." * 50_000)


def long_licences(folder: Path) -> None:
    words = " OR ".join(["MIT"] * 200_000)
    nested = "(" * 200 + "MIT" + ")" * 200
    entries: dict[str, dict[str, object]] = {
        "node_modules/a": {"version": "1.0.0", "license": words},
        "node_modules/b": {"version": "1.0.0", "license": nested},
        "node_modules/c": {"version": "1.0.0", "license": ["MIT"] * 100_000},
    }
    (folder / "package-lock.json").write_bytes(package_lock(entries))
    (folder / ".ci-guard.yaml").write_text("licenses: {deny: [ISC]}\n")


CASES: dict[str, Callable[[Path], None]] = {
    make.__name__.replace("_", "-"): make
    for make in (
        hundred_megabytes,
        deep_json,
        deep_yaml,
        deep_toml,
        deep_settings,
        alias_bomb,
        entity_bomb,
        links_outside,
        circular_includes,
        circular_needs,
        long_names,
        long_licences,
    )
}
NOT_BROKEN = {"circular-includes", "circular-needs", "deep-settings", "long-licences"}
"""Those in which every lock can be read after all; of settings that cannot, the report says so."""


@pytest.mark.parametrize("name", CASES)
def test_time_and_memory_are_bounded_and_nothing_passes(name: str, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    CASES[name](repo)
    code, said = judged(repo, "--no-color", "--fail-on", "low")
    assert code in {1, 3} or name in NOT_BROKEN, said[-2000:]
    assert SECRET not in said
    assert "root:" not in said


@pytest.mark.parametrize("output", ["text", "github", "markdown", "json", "sarif", "junit", "gitlab"])
def test_names_cannot_speak_to_terminals_or_runners(output: str, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    entries: dict[str, dict[str, object]] = {
        f"node_modules/{ESCAPES}": {
            "version": f"1{ESCAPES}",
            "hasInstallScript": True,
            "resolved": "http://r.example/a/-/b-1.tgz",
        },
        f"node_modules/@{ESCAPES}/x": {"version": "1", "license": ESCAPES},
    }
    (repo / "package-lock.json").write_bytes(package_lock(entries))
    (repo / ".npmrc").write_bytes(f"//r.example/{ESCAPES}:_authToken=abc\n@x{ESCAPES}:registry=http://r\n".encode())
    (repo / ".ci-guard.yaml").write_text("licenses: {deny: [ISC]}\n")
    code, said = judged(repo, "--format", output)
    assert code == 1
    for control in ("\u001b", "\u0007", "\u202e"):
        assert control not in said
    # A command of ours (format github) names a file; one of theirs would stand alone.
    assert not [line for line in said.splitlines() if line.startswith("::error::")]
