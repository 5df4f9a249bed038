"""Bills of materials of one project by several tools, in the same run: what is in them, their scores, time and memory.

python benchmarks/sbom_peers.py FOLDER …     # folders with a uv.lock or a package-lock.json; `environment:DIR` too

Peers are taken from the PATH: cdxgen and cdx-validate (npm, @cyclonedx/cdxgen), cyclonedx-py (PyPI, cyclonedx-bom),
npm, uv. One that is not there is named and left out. Scores are cdx-validate's: OWASP SCVS and the EU's CRA.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
RUNS = 3
WHO = ["--author", "Team <sbom@shop.example>", "--supplier", "Shop <security@shop.example>"]


class Measured(NamedTuple):
    """Medians: seconds on the clock and of the processor; the peak memory in MiB of the largest process."""

    clock: float
    processor: float
    memory: int


def commands(place: str, output: str) -> dict[str, list[str]]:
    """Each tool's command for this input; they write to `output` or to the standard output."""
    ours = [sys.executable, "-m", "ci_guard", "sbom", "create", place, "--quiet", "--output", output]
    found = {"ci-guard": ours, "ci-guard, named": [*ours, *WHO]}
    folder = place.removeprefix("environment:")
    if place.startswith("environment:"):
        found["cyclonedx-py"] = ["cyclonedx-py", "environment", "--no-validate", "-o", output, f"{folder}/bin/python"]
        return found
    # --no-install-deps: a lock is read, nothing is built
    found["cdxgen"] = ["cdxgen", "--no-install-deps", "-o", output, folder]
    if Path(folder, "uv.lock").is_file():
        found["uv export"] = ["uv", "export", "--quiet", "--frozen", "--format", "cyclonedx1.5", "--project", folder]
        exported = f"{output}.requirements.txt"
        export = ["uv", "export", "--quiet", "--frozen", "--no-emit-project", "--project", folder, "-o", exported]
        if shutil.which("uv"):
            subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
        found["cyclonedx-py"] = ["cyclonedx-py", "requirements", "--no-validate", "-o", output, exported]
    if Path(folder, "package-lock.json").is_file():
        found["npm sbom"] = ["npm", "sbom", "--package-lock-only", "--sbom-format", "cyclonedx", "--prefix", folder]
    return found


def measure(command: list[str], output: Path) -> Measured | str:
    """Runs it `RUNS` times; in words what went wrong where it did."""
    clock, processor, memory = [], [], 0
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "SOURCE_DATE_EPOCH": "1700000000"}
    for _ in range(RUNS):
        output.unlink(missing_ok=True)
        start = time.perf_counter()
        with Path(f"{output}.out").open("wb") as out, Path(f"{output}.err").open("wb") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err, env=environ)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 3):
            last = Path(f"{output}.err").read_text("utf-8", "replace").strip().splitlines()
            return f"exit {process.returncode}: {(last or ['says nothing'])[0][:90]}"
        clock.append(time.perf_counter() - start)
        processor.append(usage.ru_utime + usage.ru_stime)
        memory = max(memory, usage.ru_maxrss // 1024)
    if not output.is_file():
        shutil.copy(f"{output}.out", output)
    return Measured(statistics.median(clock), statistics.median(processor), memory)


def contents(bill: dict[str, Any]) -> str:
    """Components, edges, and how many components have hashes (also of a file), licences, suppliers and places."""
    components = bill.get("components", [])
    edges = sum(len(d.get("dependsOn", ())) for d in bill.get("dependencies", ()))

    def having(key: str) -> int:
        return sum(1 for c in components if c.get(key))

    files = [any(r.get("hashes") for r in c.get("externalReferences", ())) for c in components]
    hashed = sum(bool(c.get("hashes")) or file for c, file in zip(components, files, strict=True))
    counts = (len(components), edges, hashed, having("licenses"), having("supplier"), having("evidence"))
    return " ".join(f"{count:>7}" for count in counts)


def score(output: Path) -> str:
    """cdx-validate's SCVS and CRA, in percent; it reads 1.6 and later, so older documents are taken for 1.6."""
    if shutil.which("cdx-validate") is None:
        return "-"
    bill = json.loads(output.read_bytes())
    if bill["specVersion"] < "1.6":
        output.write_text(json.dumps({**bill, "specVersion": "1.6"}), "utf-8")
    report = output.with_suffix(".score")
    command = ["cdx-validate", "-i", str(output), "--no-schema", "--no-deep", "-r", "json", "-o", str(report)]
    subprocess.run(command, capture_output=True, check=False)
    found = {b["id"]: b["scorePct"] for b in json.loads(report.read_bytes())["benchmarks"]}
    return f"{found['scvs']:>4} {found['cra']:>4}"


def main() -> None:
    """Print one line a tool and input."""
    heads = ("components", "edges", "hashes", "licences", "supplier", "places")
    print(f"{'tool':16}" + " ".join(f"{head[:7]:>7}" for head in heads) + "  SCVS  CRA   clock processor  MiB")
    for place in sys.argv[1:] or ["."]:
        print(place)
        with tempfile.TemporaryDirectory() as scratch:
            for tool, command in commands(place, f"{scratch}/bom.json").items():
                print(f"{tool:16}{line(command, Path(scratch, 'bom.json'))}", flush=True)


def line(command: list[str], output: Path) -> str:
    """One row, or why there is none."""
    if shutil.which(command[0]) is None:
        return f" {command[0]} is not here"
    measured = measure(command, output)
    if isinstance(measured, str):
        return f" {measured}"
    said = contents(json.loads(output.read_bytes()))
    return f"{said} {score(output)} {measured.clock:6.2f} s {measured.processor:6.2f} s {measured.memory:5}"


if __name__ == "__main__":
    main()
