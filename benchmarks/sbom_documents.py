"""How long `sbom check` and `sbom diff` take, whole process, and whether it grows in line with the document.

python benchmarks/sbom_documents.py
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = (100, 345, 1_711, 10_000, 50_000)
COMMANDS = {
    "check": ["check", "old.json", "--quiet"],
    "check, BSI": ["check", "old.json", "--quiet", "--profile", "sbom-bsi", "--format", "json"],
    "diff": ["diff", "old.json", "new.json", "--format", "json"],
}


def document(count: int, moved: int) -> bytes:
    """A tree of components, each needing two more; every tenth has its version moved on by `moved`."""
    versions = [f"1.0.{n + (moved if n % 10 == 0 else 0)}" for n in range(count)]
    refs = [f"pkg:npm/a{n}@{version}" for n, version in enumerate(versions)]
    components = [
        {
            "type": "library",
            "bom-ref": ref,
            "name": f"a{n}",
            "version": versions[n],
            "hashes": [{"alg": "SHA-512", "content": "ab" * 64}],
            "licenses": [{"license": {"id": "MIT"}}],
            "purl": ref,
        }
        for n, ref in enumerate(refs)
    ]
    needs = [
        {"ref": ref, "dependsOn": [refs[k] for k in (2 * n + 1, 2 * n + 2) if k < count]} for n, ref in enumerate(refs)
    ]
    shop = {"type": "application", "bom-ref": "shop", "name": "shop", "version": "1"}
    value = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": "2024-05-01T12:00:00Z", "component": shop},
        "components": components,
        "dependencies": [{"ref": "shop", "dependsOn": refs[:1]}, *needs],
    }
    return json.dumps(value, indent=1).encode()


def measure(folder: Path, arguments: list[str], runs: int) -> tuple[float, int]:
    """Median seconds of the processor, and the peak memory in MiB. Findings may close the gate (exit 1)."""
    processor, peak = [], 0
    command = [sys.executable, "-m", "ci_guard", "sbom", *arguments, "--output", "out"]
    for _ in range(runs):
        with subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in {0, 1}:
            raise RuntimeError(f"{arguments}: exit {process.returncode}")
        processor.append(usage.ru_utime + usage.ru_stime)
        peak = max(peak, usage.ru_maxrss)
    return statistics.median(processor), peak // 1024


def main() -> None:
    """Print one line a measurement."""
    for count in SIZES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "old.json").write_bytes(document(count, 0))
            (folder / "new.json").write_bytes(document(count, 1))
            for title, arguments in COMMANDS.items():
                seconds, memory = measure(folder, arguments, 5 if count < 10_000 else 1)
                print(f"{count:6} components  {title:10}  {seconds:6.2f} s processor  {memory:5} MiB")


if __name__ == "__main__":
    main()
