"""How long a bill of materials takes, whole process, and whether it grows in line with the lock.

python benchmarks/sbom.py            # the two budgets, then 100 to 50,000 packages
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from made_locks import package_lock, pnpm_lock, poetry_lock, uv_lock, yarn_lock

from ci_guard.source.files import SIZE_LIMIT

ROOT = Path(__file__).resolve().parent.parent
RUNS = 7
TOML = ("uv.lock", "poetry.lock")
TOML_LIMIT = 16 * 1024 * 1024  # bytes
SIZES = (100, 1_000, 10_000, 50_000)
GROWING = {
    "uv.lock": lambda count: uv_lock(count, wheels=0),
    "package-lock.json": package_lock,
    "pnpm-lock.yaml": lambda count: pnpm_lock(min(count, 20_000)),  # YAML is read up to 500,000 nodes
    "yarn.lock": yarn_lock,
    "poetry.lock": poetry_lock,
}


def measure(name: str, data: bytes, document_format: str, runs: int = RUNS) -> tuple[float, float, int]:
    """Median seconds of a whole `sbom create`: on the clock, and of the processor; and the peak memory in KiB.

    On a busy machine the clock says more about the others; the processor's time is what the budget is held against.
    """
    clock, processor, peak = [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        command = [sys.executable, "-m", "ci_guard", "sbom", "create", "--quiet", "--format", document_format]
        command += ["--output", "bom.json"]
        for _ in range(runs):
            start = time.perf_counter()
            with subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise RuntimeError(f"{name}: exit {process.returncode}")
            (Path(folder) / "bom.json").unlink()
            clock.append(time.perf_counter() - start)
            processor.append(usage.ru_utime + usage.ru_stime)
            peak = max(peak, usage.ru_maxrss)
    return statistics.median(clock), statistics.median(processor), peak


def main() -> None:
    """Print one line a measurement."""
    cases = [("uv.lock", 345, uv_lock(345), 0.4), ("package-lock.json", 2050, package_lock(2050), 1.0)]
    for name, size, data, budget in cases:
        for document_format in ("cyclonedx", "spdx"):
            tell(name, size, document_format, measure(name, data, document_format), f"budget {budget} s")
    for name, make in GROWING.items():
        for count in SIZES:
            data = make(count)
            if len(data) > (TOML_LIMIT if name in TOML else SIZE_LIMIT):
                print(f"{name:18} {count:6} is more than is read: {len(data):,} bytes")
                continue
            runs = 3 if count < 10_000 else 1
            tell(name, count, "cyclonedx", measure(name, data, "cyclonedx", runs), f"{len(data):,} bytes read")


def tell(name: str, size: int, document_format: str, measured: tuple[float, float, int], more: str) -> None:
    """One line."""
    clock, processor, peak = measured
    times = f"{clock:6.3f} s clock, {processor:6.3f} s processor, {peak // 1024:4} MB"
    print(f"{name:18} {size:6} {document_format:10} {times} ({more})")


if __name__ == "__main__":
    main()
