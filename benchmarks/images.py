"""How long the bill of materials of an image takes, whole process, and whether it grows in line with the layer.

python benchmarks/images.py          # 50, 100, 200 and 400 MB in one layer, plain, gzip and zstd; then `/`
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests.sbom.images.image_building import ImageFiles, layer_tar  # noqa: E402 - the path is set above

PACKAGE = """Package: package-{n}
Status: install ok installed
Architecture: amd64
Source: source-{s}
Version: 1.{n}-1
Depends: package-{d} (>= 1), package-0

"""


def layer(megabytes: int) -> bytes:
    """A layer: 100 files and 15 packages a megabyte, some of the files with the first bytes of a program."""
    numbers = random.Random(megabytes)
    packages = megabytes * 15
    rows = (PACKAGE.format(n=n, s=n // 3, d=n // 2) for n in range(packages))
    entries: list[dict[str, Any]] = [{"path": "etc/os-release", "text": "ID=debian\nVERSION_ID=12\n"}]
    entries.append({"path": "var/lib/dpkg/status", "text": "".join(rows)})
    for number in range(megabytes * 100):
        head = b"\x7fELF" if number % 20 == 0 else b""
        content = (head.ljust(64, b"\0") + numbers.randbytes(5_000)).ljust(10_000, b"x")
        path = f"usr/share/{number % 200}/file-{number}"
        entries.append({"path": path, "bytes": content, "executable": number % 20 == 0})
    return layer_tar(entries)


def measure(place: str) -> tuple[float, float, int]:
    """Seconds on the clock and of the processor, and peak memory in MiB, of one `sbom create`."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "ci_guard",
            "sbom",
            "create",
            place,
            "--quiet",
            "--output",
            f"{folder}/bom.json",
        ]
        start = time.perf_counter()
        with subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):
        raise RuntimeError(f"{place}: exit {process.returncode}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def main() -> None:
    """Print one line a measurement."""
    for megabytes in (50, 100, 200, 400):
        for packing in ("plain", "gzip", "zstd") if megabytes == 200 else ("plain",):
            with tempfile.TemporaryDirectory() as folder:
                # In a process of its own: a child starts with the memory of its parent, and would be charged for it.
                subprocess.run([sys.executable, __file__, folder, str(megabytes), packing], check=True)
                tell(f"{megabytes} MB {packing}", measure(f"oci:{folder}"))
    tell("rootfs:/", measure("rootfs:/"))


def make(folder: str, megabytes: str, packing: str) -> None:
    """Write a layout of one layer."""
    image = ImageFiles()
    image.index([image.manifest([layer(int(megabytes))], packing)])
    image.write_folder(Path(folder))


def tell(name: str, measured: tuple[float, float, int]) -> None:
    """One line."""
    print(f"{name:16} {measured[0]:7.2f} s  {measured[1]:7.2f} s of the processor  {measured[2]:5} MiB", flush=True)


if __name__ == "__main__":
    make(*sys.argv[1:]) if len(sys.argv) > 1 else main()
