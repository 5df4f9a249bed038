"""Locks of any size, always the same for the same numbers: what the SBOM benchmarks read."""

from __future__ import annotations

import base64
import hashlib
import json
import random


def _digest(text: str) -> bytes:
    return hashlib.sha512(text.encode()).digest()


def uv_lock(packages: int, wheels: int = 8) -> bytes:
    """A `uv.lock` of `packages` packages, about three edges and `wheels` wheels each."""
    chance = random.Random(345)
    lines = ["version = 1", "revision = 3", 'requires-python = ">=3.11"', ""]
    for number in range(packages):
        name, version = f"package-{number:05}", f"{number % 9}.{number % 13}.{number % 7}"
        lines += ["[[package]]", f'name = "{name}"', f'version = "{version}"']
        local = number == 0
        lines.append(
            'source = { editable = "." }' if local else 'source = { registry = "https://index.pypi.example/simple" }'
        )
        lower = [chance.randrange(number + 1, packages) for _ in range(3)] if number + 1 < packages else []
        if number == 0:
            lower = list(range(1, packages, 7))
        lines += ["dependencies = [", *(f'    {{ name = "package-{n:05}" }},' for n in sorted(set(lower))), "]"]
        if not local:
            lines += [f"sdist = {_file(name, version, '.tar.gz')}", "wheels = ["]
            lines += [
                f"    {_file(name, version, f'-cp31{n}-cp31{n}-manylinux_2_17_x86_64.whl')}," for n in range(wheels)
            ]
            lines.append("]")
        lines.append("")
    return "\n".join(lines).encode()


def _file(name: str, version: str, tail: str) -> str:
    hexes = _digest(name + tail).hex()
    folder = f"https://files.pypi.example/packages/{hexes[:2]}/{hexes[2:4]}/{hexes[4:60]}"
    place = f'url = "{folder}/{name.replace("-", "_")}-{version}{tail}", hash = "sha256:{hexes[:64]}"'
    return f'{{ {place}, size = {int(hexes[:4], 16)}, upload-time = "2025-01-01T00:00:00Z" }}'


def package_lock(paths: int) -> bytes:
    """A version 3 `package-lock.json` of `paths` paths: one in six a second version below another package."""
    chance = random.Random(2050)
    top = [f"package-{n:05}" for n in range(paths - paths // 6)]
    entries: dict[str, dict[str, object]] = {
        "": {"name": "made", "version": "1.0.0", "dependencies": {name: "*" for name in top[::9]}}
    }
    for index, name in enumerate(top):
        needs = {chance.choice(top[index + 1 :]): "^1.0.0" for _ in range(3)} if index + 1 < len(top) else {}
        entries[f"node_modules/{name}"] = _entry(name, f"1.{index % 50}.0", needs)
    for index in range(paths // 6):
        owner, name = top[index], top[-1 - index // 2]
        entries[f"node_modules/{owner}/node_modules/{name}"] = _entry(name, f"0.{index % 5}.1", {})
    lock = {"name": "made", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": entries}
    return json.dumps(lock, indent=2).encode()


def _entry(name: str, version: str, needs: dict[str, str]) -> dict[str, object]:
    digest = base64.b64encode(_digest(name + version)).decode()
    entry: dict[str, object] = {
        "version": version,
        "resolved": f"https://registry.npm.example/{name}/-/{name}-{version}.tgz",
        "integrity": f"sha512-{digest}",
        "license": "MIT",
        "engines": {"node": ">=18"},
    }
    return {**entry, "dependencies": needs} if needs else entry


def _needs(packages: int) -> list[list[int]]:
    """About three later packages for each; the first needs every seventh."""
    chance = random.Random(packages)
    later = [sorted({chance.randrange(n + 1, packages) for _ in range(3)}) for n in range(packages - 1)]
    return [list(range(1, packages, 7)), *later[1:], []]


def _integrity(name: str) -> str:
    return f"sha512-{base64.b64encode(_digest(name)).decode()}"


def pnpm_lock(packages: int) -> bytes:
    """A version 9 `pnpm-lock.yaml`."""
    needs = _needs(packages)
    lines = ["lockfileVersion: '9.0'", "", "importers:", "", "  .:", "    dependencies:"]
    for n in needs[0]:
        lines += [f"      package-{n:05}:", "        specifier: ^1.0.0", f"        version: 1.{n % 50}.0"]
    lines += ["", "packages:", ""]
    for n in range(1, packages):
        key = f"package-{n:05}@1.{n % 50}.0"
        lines += [f"  {key}:", f"    resolution: {{integrity: {_integrity(key)}}}", "    engines: {node: '>=18'}", ""]
    lines += ["snapshots:", ""]
    for n in range(1, packages):
        lines.append(f"  package-{n:05}@1.{n % 50}.0:" + ("" if needs[n] else " {}"))
        lines += ["    dependencies:"] if needs[n] else []
        lines += [*(f"      package-{m:05}: 1.{m % 50}.0" for m in needs[n]), ""]
    return "\n".join(lines).encode()


def yarn_lock(packages: int) -> bytes:
    """A `yarn.lock` of version 1."""
    needs = _needs(packages)
    lines = ["# yarn lockfile v1", ""]
    for n in range(1, packages):
        name, version = f"package-{n:05}", f"1.{n % 50}.0"
        url = f"https://registry.npm.example/{name}/-/{name}-{version}.tgz#{_digest(name).hex()[:40]}"
        lines += [f"{name}@^1.0.0:", f'  version "{version}"', f'  resolved "{url}"', f"  integrity {_integrity(name)}"]
        lines += ["  dependencies:", *(f'    package-{m:05} "^1.0.0"' for m in needs[n])] if needs[n] else []
        lines.append("")
    return "\n".join(lines).encode()


def poetry_lock(packages: int) -> bytes:
    """A version 2.1 `poetry.lock` with two files a package."""
    needs = _needs(packages)
    lines: list[str] = []
    for n in range(1, packages):
        name, version = f"package-{n:05}", f"{n % 9}.{n % 13}"
        lines += ["[[package]]", f'name = "{name}"', f'version = "{version}"', "optional = false", 'groups = ["main"]']
        files = (f"{name}-{version}.tar.gz", f"{name}-{version}-py3-none-any.whl")
        hashed = [f'    {{file = "{f}", hash = "sha256:{_digest(f).hex()[:64]}"}},' for f in files]
        lines += ["files = [", *hashed, "]", ""]
        lines += ["[package.dependencies]", *(f'package-{m:05} = "*"' for m in needs[n]), ""] if needs[n] else []
    lines += ["[metadata]", 'lock-version = "2.1"']
    return "\n".join(lines).encode()
