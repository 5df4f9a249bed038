"""Auditing a lock of 345 packages: ci-guard offline and by the API, beside `uv audit` and pip-audit.

    python benchmarks/audit.py RECORDS [--peers DIR] [--runs N] [--delay S]

RECORDS is a folder of OSV records of PyPI (the public advisory database). The peers are `uv` and `pip-audit` of DIR
(a virtual environment's `bin`; default: of the PATH); both ask a service on loopback that serves the same records, so
they judge how locks are read and findings told, not who has more data. A third of the packages has known flaws, a
third is of the same names without, a third has names that no record knows. Findings are compared by any of their ids.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from packaging.version import InvalidVersion, Version  # noqa: E402

from ci_guard.advisories.sources import decode, read_files  # noqa: E402
from tests.advisories.loopback_osv import Service, serving  # noqa: E402

PACKAGES = 345
Found = set[tuple[str, str]]


class Measured(NamedTuple):
    """One tool: seconds on the clock and of the processor, KiB at the peak, requests of one run, (package, id)."""

    clock: float
    processor: float
    peak: int
    requests: int
    found: Found


def lock_of(records: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Name -> version of the 345 packages; always the same for the same records."""
    names: dict[str, set[str]] = {}
    for record in records.values():
        for entry in record["affected"]:
            good = {v for v in map(str, entry.get("versions", ())) if _is_version(v)}
            names.setdefault(entry["package"]["name"].lower(), set()).update(good)
    ordered = [name for name in sorted(names, key=lambda n: hashlib.sha256(n.encode()).digest()) if names[name]]
    third = PACKAGES // 3
    chosen = {name: sorted(names[name], key=Version)[len(names[name]) // 2] for name in ordered[:third]}
    chosen |= {name: "99999.0" for name in ordered[third : 2 * third]}
    return chosen | {f"made-{n:04}": f"1.{n}.0" for n in range(PACKAGES - len(chosen))}


def _is_version(text: str) -> bool:
    try:
        return str(Version(text)) == text
    except InvalidVersion:
        return False


def write_project(folder: Path, packages: dict[str, str], home: str) -> None:
    """The same packages, from the index at `home`, as a uv project, and as hashed requirements for pip-audit."""
    index = f'source = {{ registry = "{home}/simple" }}'
    asked = ", ".join(f'"{name}=={version}"' for name, version in packages.items())
    head = '[project]\nname = "made"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
    (folder / "pyproject.toml").write_text(f"{head}dependencies = [{asked}]\n")
    needs = "\n".join(f'    {{ name = "{name}" }},' for name in sorted(packages))
    lines = ["version = 1", "revision = 3", 'requires-python = ">=3.11"', ""]
    lines += ["[[package]]", 'name = "made"', 'version = "1.0"', 'source = { virtual = "." }']
    lines += [f"dependencies = [\n{needs}\n]", ""]
    requirements = []
    for name, version in sorted(packages.items()):
        digest = hashlib.sha256(f"{name} {version}".encode()).hexdigest()
        url = f"https://files.pypi.example/{name}-{version}.tar.gz"
        lines += ["[[package]]", f'name = "{name}"', f'version = "{version}"', index]
        lines += [f'sdist = {{ url = "{url}", hash = "sha256:{digest}", size = 1 }}', ""]
        requirements.append(f"{name}=={version} --hash=sha256:{digest}")
    (folder / "uv.lock").write_text("\n".join(lines))
    (folder / "requirements").mkdir()
    (folder / "requirements/all.in").write_text("\n".join(requirements) + "\n")


SHIM = """
import json, os, sys, time
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
seconds = [time.perf_counter() - start, usage.ru_utime + usage.ru_stime]
json.dump([*seconds, usage.ru_maxrss, os.waitstatus_to_exitcode(status)], open(sys.argv[1], "w"))
"""
"""A child's peak counts what its parent held when it was started: a lean process starts the tools."""


def run(command: list[str], folder: Path, environ: dict[str, str]) -> tuple[float, float, int, bytes]:
    """One run: clock, processor, peak, standard output. Raises RuntimeError when it failed to judge."""
    with tempfile.NamedTemporaryFile() as figures:
        lean = [sys.executable, "-I", "-S", "-c", SHIM, figures.name, *command]
        done = subprocess.run(lean, cwd=folder, env=environ, capture_output=True, check=False)
        clock, processor, peak, code = json.loads(Path(figures.name).read_bytes())
    if code not in {0, 1}:
        raise RuntimeError(f"{command[0]}: exit {code}: {done.stderr[-2000:].decode()}")
    return clock, processor, peak, done.stdout


def measure(
    command: list[str], folder: Path, read: Callable[[Any], Found], runs: int, service: Service | None = None
) -> Measured:
    """The median of `runs`; what is found must be the same every time."""
    environ = {
        k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and not k.startswith("CI_GUARD_")
    }
    environ |= {"PYTHONPATH": str(ROOT), "CI_GUARD_CACHE": str(folder / ".cache"), "UV_CACHE_DIR": str(folder / ".uv")}
    done = []
    for _ in range(runs):
        shutil.rmtree(folder / ".uv", ignore_errors=True)  # uv keeps what it was told
        if service is not None:
            service.asked.clear()
        done.append(run(command, folder, environ))
    found = [read(json.loads(out)) for *_, out in done]
    if any(other != found[0] for other in found):
        raise RuntimeError(f"{command[0]}: not the same findings every time")
    requests = sum(service.asked.values()) if service is not None else 0
    return Measured(
        statistics.median(d[0] for d in done),
        statistics.median(d[1] for d in done),
        max(d[2] for d in done),
        requests,
        found[0],
    )


def of_ours(report: Any) -> Found:
    """(package, id) of our JSON report."""
    found = [f for f in report["findings"] if f["rule"].startswith("vulnerable-dependency")]
    return {(f["subject"]["name"].partition("/")[2].partition("@")[0], f["key"]) for f in found}


def of_pip_audit(report: Any) -> Found:
    """(package, id) of pip-audit's JSON."""
    return {(d["name"], v["id"]) for d in report["dependencies"] for v in d.get("vulns", ())}


def of_uv(report: Any) -> Found:
    """(package, id) of uv's JSON, wherever in it the pairs are."""
    return {(v["dependency"]["name"], v["id"]) for v in report["vulnerabilities"]}


def canonical(found: Found, names: dict[str, frozenset[str]]) -> set[tuple[str, frozenset[str]]]:
    """The findings with every name that the records have for the advisory."""
    return {(package.lower(), names.get(name, frozenset({name}))) for package, name in found}


def aliases(records: dict[str, dict[str, Any]]) -> dict[str, frozenset[str]]:
    """Any name of an advisory -> all of them, through as many records as share one."""
    groups: dict[str, set[str]] = {}
    for record in records.values():
        group = {record["id"], *record.get("aliases", ())}
        for name in list(group):
            group |= groups.get(name, set())
        for name in group:
            groups[name] = group
    return {name: frozenset(group) for name, group in groups.items()}


def main() -> None:
    """Print one line a tool, and how its findings differ from ours offline."""
    parser = argparse.ArgumentParser()
    parser.add_argument("records", type=Path)
    parser.add_argument("--peers", type=Path, default=None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that the service waits before each answer")
    args = parser.parse_args()
    decoded = [decode(name, data, name) for name, data in read_files(args.records)]
    records = {r["id"]: r for r in decoded}
    names = aliases(records)
    with tempfile.TemporaryDirectory() as scratch, serving(Service(records, delay=args.delay)) as service:
        folder = Path(scratch)
        write_project(folder, lock_of(records), service.url)
        results = dict(tools(folder, service, args))
    ours = canonical(results["ci-guard, offline"].found, names)
    for tool, measured in results.items():
        theirs = canonical(measured.found, names)
        print(
            f"{tool:22} {measured.clock:6.2f} s  {measured.processor:6.2f} s cpu  {measured.peak / 1024:5.0f} MiB  "
            f"{measured.requests:4} requests  {len(theirs):4} findings  +{len(theirs - ours)} -{len(ours - theirs)}"
        )
        for sign, differing in (("+", theirs - ours), ("-", ours - theirs)):
            for package, group in sorted(differing, key=str)[:20]:
                print(f"    {sign} {package} {' '.join(sorted(group))}")


def tools(folder: Path, service: Service, args: argparse.Namespace) -> Any:
    """(name, what was measured) of each tool."""
    ours = [sys.executable, "-m", "ci_guard", "deps", "check", "uv.lock", "--format", "json"]
    take_in = [
        sys.executable,
        "-m",
        "ci_guard",
        "deps",
        "db",
        "update",
        str(args.records.resolve()),
        "--as-of",
        "2026-11-23",
    ]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "CI_GUARD_CACHE": str(folder / ".cache")}
    start = time.perf_counter()
    subprocess.run(take_in, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)
    print(f"compiling the database: {time.perf_counter() - start:.2f} s, once")
    offline = [*ours, "--advisories-max-age", "36500"]
    yield "ci-guard, offline", measure(offline, folder, of_ours, args.runs)
    online = [*ours, "--online", "--osv-url", service.url, "--advisories-max-age", "36500"]
    yield "ci-guard, API", measure(online, folder, of_ours, args.runs, service)
    uv, pip_audit = peer("uv", args.peers), peer("pip-audit", args.peers)
    if uv:
        command = [
            uv,
            "audit",
            "--frozen",
            "--no-config",
            "--output-format",
            "json",
            "--service-url",
            f"{service.url}/",
        ]
        yield "uv audit", measure(command, folder, of_uv, args.runs, service)
    if pip_audit:
        command = [pip_audit, "-r", "requirements/all.in", "--no-deps", "--disable-pip", "-s", "osv", "-f", "json"]
        command += ["--osv-url", f"{service.url}/v1/query", "--progress-spinner", "off"]
        yield "pip-audit", measure(command, folder, of_pip_audit, args.runs, service)


def peer(name: str, folder: Path | None) -> str | None:
    """The path of a peer's program; without it the comparison says so."""
    found = shutil.which(name, path=str(folder) + os.pathsep + os.environ["PATH"] if folder else None)
    if found is None:
        print(f"{name} is not installed: not compared")
    return found


if __name__ == "__main__":
    main()
