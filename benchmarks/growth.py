"""Whether cost grows in proportion to the input: the same job at 1×, 10× and 100×, as a table and a plot.

    python benchmarks/growth.py [--repeat 3] [--plot build/growth.svg]

Inputs are made from examples/shop: one file with N copies of its Deployment (named apart), N files of it, and a
package-lock.json of N packages. Each run is a whole process; the bare start is subtracted in the column "per unit".
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
US = [sys.executable, "-I", "-m", "ci_guard"]
DEPLOYMENT = (ROOT / "examples/shop/k8s/orders/deployment.yaml").read_text("utf-8").split("\n---\n")[0]
FACTORS = (1, 10, 100)
COLOURS = ("#2563eb", "#dc2626", "#059669")


def main() -> int:
    """Measure, print, plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--plot", type=Path, default=ROOT / "build/growth.svg")
    args = parser.parse_args()
    series = {name: [timed(job, factor, args.repeat) for factor in FACTORS] for name, job in JOBS.items()}
    bare = statistics.median(seconds([*US, "--version"]) for _ in range(args.repeat))
    print(f"{'job':<28}" + "".join(f"{f'{f}×':>10}" for f in FACTORS) + f"{'per unit ms, 10× / 100×':>28}")
    for name, times in series.items():
        units = " / ".join(f"{(t - bare) / f * 1000:.2f}" for f, t in zip(FACTORS[1:], times[1:], strict=True))
        print(f"{name:<28}" + "".join(f"{t * 1000:>8.0f}ms" for t in times) + f"{units:>28}")
    args.plot.parent.mkdir(parents=True, exist_ok=True)
    args.plot.write_text(plot(series), "utf-8")
    print(f"plot: {args.plot}")
    return 0


def seconds(command: Sequence[str | Path], cwd: Path = ROOT) -> float:
    """Wall time of one process. Raises RuntimeError when it broke."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr[-300:]}")
    return took


def timed(job: Callable[[Path, int], list[str]], factor: int, repeat: int) -> float:
    """Median wall time of a job at a size."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*US, *job(Path(folder), factor)]
        return statistics.median(seconds(command, Path(folder)) for _ in range(repeat))


def one_file(folder: Path, factor: int) -> list[str]:
    """One file of 20 · factor documents."""
    (folder / "all.yaml").write_text("\n---\n".join(deployment(n) for n in range(20 * factor)))
    return ["lint", "--quiet", "all.yaml"]


def many_files(folder: Path, factor: int) -> list[str]:
    """20 · factor files of one document."""
    for number in range(20 * factor):
        (folder / f"{number}.yaml").write_text(deployment(number))
    return ["lint", "--quiet", "."]


def package_lock(folder: Path, factor: int) -> list[str]:
    """A lock of 50 · factor packages, each needing the next two."""
    count = 50 * factor
    packages: dict[str, object] = {"": {"name": "root", "version": "1.0.0", "dependencies": {"p0": "*"}}}
    for n in range(count):
        needs = {f"p{m}": "*" for m in (n + 1, n + 2) if m < count}
        url = f"https://registry.npm.example/p{n}/-/p{n}-1.0.{n}.tgz"
        packages[f"node_modules/p{n}"] = {
            "version": f"1.0.{n}", "resolved": url, "integrity": "sha512-" + "A" * 86 + "==", "dependencies": needs,
        }  # fmt: skip
    lock = {"name": "root", "version": "1.0.0", "lockfileVersion": 3, "packages": packages}
    (folder / "package-lock.json").write_text(json.dumps(lock, indent=2))
    (folder / "package.json").write_text('{"name": "root", "version": "1.0.0", "dependencies": {"p0": "*"}}')
    return ["sbom", "create", "--output", "sbom.json"]


def deployment(number: int) -> str:
    """The shop's flawed Deployment under another name."""
    return DEPLOYMENT.replace("name: orders\n", f"name: orders-{number}\n", 1)


JOBS = {"lint, one file": one_file, "lint, many files": many_files, "sbom, package-lock": package_lock}


def plot(series: dict[str, list[float]]) -> str:
    """Both axes logarithmic: proportional growth is a line that never climbs steeper than the grey one."""
    low, high = min(min(t) for t in series.values()), max(max(t) for t in series.values())
    floor, decades = math.floor(math.log10(low)), max(1, math.ceil(math.log10(high)) - math.floor(math.log10(low)))

    def place(factor: float, took: float) -> str:
        return f"{80 + math.log10(factor) * 220:.0f},{300 - (math.log10(took) - floor) / decades * 260:.0f}"

    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 350" font-family="sans-serif" font-size="13">']
    out.append('<rect width="760" height="350" fill="white"/>')
    for step in range(decades + 1):
        y = 300 - step / decades * 260
        out.append(
            f'<path d="M80 {y:.0f}H530" stroke="#ddd"/><text x="10" y="{y + 4:.0f}">{10.0 ** (floor + step):g} s</text>'
        )
    out += [f'<text x="{70 + math.log10(f) * 220:.0f}" y="325">{f}×</text>' for f in FACTORS]
    start = 10.0**floor
    ends = f"{place(1, start)} {place(10.0**decades, start * 10.0**decades)}"
    out.append(f'<polyline points="{ends}" stroke="#bbb" fill="none" stroke-dasharray="4"/>')
    for number, (name, times) in enumerate(series.items()):
        points = " ".join(place(f, t) for f, t in zip(FACTORS, times, strict=True))
        out.append(f'<polyline points="{points}" stroke="{COLOURS[number]}" stroke-width="2" fill="none"/>')
        out.append(f'<text x="550" y="{60 + 20 * number}" fill="{COLOURS[number]}">{name}</text>')
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    sys.exit(main())
