"""How long a bill of materials takes, whole process, and whether it grows in line with the lock.

python benchmarks/sbom.py            # the two budgets, then 1x, 10x, 100x
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from made_locks import package_lock, uv_lock

ROOT = Path(__file__).resolve().parent.parent
RUNS = 7


def measure(name: str, data: bytes, document_format: str, runs: int = RUNS) -> tuple[float, int]:
    """Median seconds of a whole `sbom create`, and the bytes of the document."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        command = [sys.executable, "-m", "ci_guard", "sbom", "create", "--quiet", "--format", document_format]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        seconds, size = [], 0
        for _ in range(runs):
            start = time.perf_counter()
            done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=True)
            seconds.append(time.perf_counter() - start)
            size = len(done.stdout)
    return statistics.median(seconds), size


def main() -> None:
    """Print one line a measurement."""
    cases = [("uv.lock", 345, uv_lock(345), 0.4), ("package-lock.json", 2050, package_lock(2050), 1.0)]
    for name, size, data, budget in cases:
        for document_format in ("cyclonedx", "spdx"):
            seconds, written = measure(name, data, document_format)
            print(f"{name:18} {size:6} {document_format:10} {seconds:6.3f} s (budget {budget} s), {written:,} bytes")
    for factor in (1, 10, 50):
        count = 100 * factor
        for name, data in (("uv.lock", uv_lock(count)), ("package-lock.json", package_lock(count))):
            seconds, _ = measure(name, data, "cyclonedx", 3)
            print(f"{name:18} {count:6} cyclonedx  {seconds:6.3f} s, {len(data):,} bytes read")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"peak memory of the largest: {peak // 1024} MB")


if __name__ == "__main__":
    main()
