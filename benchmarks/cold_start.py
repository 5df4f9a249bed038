"""How long one start takes and how much memory it needs, beside two peers on the same files in the same run.

    make bench
    python benchmarks/cold_start.py [--repeat 7] [--peers FOLDER] [--corpora FOLDER] [--json FILE]

Each command is a whole new process. Rounds are interleaved (every command once, then every command again), after one
round that only warms the disk cache; told are the median and the fastest wall time, the median processor time (all
that is comparable on a machine that is busy with something else) and the peak memory of the largest process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "examples/shop/k8s/orders/deployment.yaml"
NO_MANIFEST = ROOT / "examples/shop/.github/workflows/ci.yml"
US = [sys.executable, "-I", "-m", "ci_guard"]
CONFIG = ["--config", ROOT / "examples/shop/.ci-guard.yaml"]  # our own leaves the examples out
# Budgets of the design: milliseconds (over the bare interpreter where "over"), megabytes.
BUDGETS = {"--version": "bare + 30 ms", "one manifest": "120 ms, 50 MB", "no manifest": "bare + 40 ms"}


@dataclass(slots=True)
class Measured:
    """One command, and what its runs took."""

    what: str
    who: str
    command: Sequence[str | Path]
    exits: tuple[int, ...] = (0, 1)
    seconds: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    peak: int = 0

    def once(self, *, keep: bool) -> None:
        """One run. Raises RuntimeError when it ends with an exit code that is no verdict."""
        started = time.perf_counter()
        with subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            complaint = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in self.exits:
            raise RuntimeError(f"{self.who}, {self.what}: exit {process.returncode}: {complaint.decode()[-300:]}")
        if keep:
            self.seconds.append(seconds)
            self.worked.append(usage.ru_utime + usage.ru_stime)
            self.peak = max(self.peak, usage.ru_maxrss)  # KiB on Linux

    @property
    def row(self) -> dict[str, object]:
        """What is told of it."""
        return {
            "what": self.what,
            "who": self.who,
            "median_ms": round(statistics.median(self.seconds) * 1000, 1),
            "fastest_ms": round(min(self.seconds) * 1000, 1),
            "cpu_ms": round(statistics.median(self.worked) * 1000, 1),
            "peak_mb": round(self.peak / 1024, 1),
            "runs": len(self.seconds),
        }


def main() -> int:
    """Measure, print a table, and write JSON where asked."""
    args = arguments()
    # A start that fails would look quick: an exit of 1 is a verdict, and also what a missing module ends in.
    if "ci-guard" not in subprocess.run([*US, "--version"], capture_output=True, text=True, check=False).stdout:
        print(f"ci-guard is not installed for {sys.executable}: use `make bench`")
        return 2
    peers = args.peers if (args.peers / "bin").is_dir() else None
    if peers is None:
        print(f"peers are not installed in {args.peers}: `make bench` does that; measuring ourselves only")
    # Away from any configuration, which would be one more file to read.
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        rows = measured(cold(peers), args.repeat)
    os.chdir(ROOT)
    if args.corpora and args.corpora.is_dir():
        rows += measured(corpora(args.corpora), args.repeat)
        rows += measured(slow_peers(args.corpora, peers), args.repeat if args.all else 1)
    else:
        print("corpora skipped: --corpora or CI_GUARD_SHARED names the folder")
    show(rows)
    if args.json:
        about = {"python": platform.python_version(), "machine": platform.platform(), "cores": os.cpu_count()}
        args.json.write_text(json.dumps({"about": about, "rows": rows}, indent=2) + "\n")
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    shared = os.environ.get("CI_GUARD_SHARED")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--peers", type=lambda name: Path(name).absolute(), default=ROOT / "build/bench-venv")
    parser.add_argument("--corpora", type=Path, default=Path(shared, "data/corpora") if shared else None)
    parser.add_argument("--all", action="store_true", help="repeat the slow peers, too (tens of minutes)")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def cold(peers: Path | None) -> list[Measured]:
    """Starts on next to nothing, in the current folder."""
    manifest, no_manifest = (Path(shutil.copy(path, Path.cwd())).name for path in (MANIFEST, NO_MANIFEST))
    runs = [
        Measured("bare interpreter", "python", [sys.executable, "-I", "-c", "pass"]),
        Measured("--version", "ci-guard", [*US, "--version"]),
        Measured("one manifest", "ci-guard", [*US, "lint", *CONFIG, MANIFEST], exits=(1,)),
        Measured("no manifest", "ci-guard", [*US, "lint", *CONFIG, NO_MANIFEST], exits=(0,)),
    ]
    if peers:
        for what, path in [("one manifest", manifest), ("no manifest", no_manifest)]:
            runs.append(Measured(what, "yamllint", [peers / "bin/yamllint", path]))
            runs.append(
                Measured(
                    what, "checkov", [peers / "bin/checkov", "--compact", "--quiet", "--skip-download", "-f", path]
                )
            )
        runs.append(Measured("--version", "yamllint", [peers / "bin/yamllint", "--version"]))
        runs.append(Measured("--version", "checkov", [peers / "bin/checkov", "--version"]))
    return runs


def corpora(folder: Path) -> list[Measured]:
    """A large tree; 3 is allowed because real repos hold files that cannot be judged."""
    return [
        Measured(f"tree, {megabytes(folder):.1f} MB", "ci-guard", [*US, "lint", "--quiet", folder], exits=(0, 1, 3))
    ]


def slow_peers(folder: Path, peers: Path | None) -> list[Measured]:
    """The same tree by the peers, which take minutes."""
    what = f"tree, {megabytes(folder):.1f} MB"
    if not peers:
        return []
    return [
        Measured(what, "yamllint", [peers / "bin/yamllint", folder]),
        Measured(
            what,
            "checkov",
            [peers / "bin/checkov", "--compact", "--quiet", "--skip-download", "--framework=kubernetes", "-d", folder],
        ),
    ]


def megabytes(folder: Path) -> float:
    """Size of the files below `folder` that are YAML or JSON, in 10^6 bytes."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.suffix in {".yaml", ".yml", ".json"}) / 1e6


def measured(runs: list[Measured], repeat: int) -> list[dict[str, object]]:
    """Run them in interleaved rounds."""
    for number in range(repeat + 1):
        for run in runs:
            if number or repeat > 1:  # a single run has no warming round
                run.once(keep=number > 0)
    return [run.row for run in runs]


def show(rows: list[dict[str, object]]) -> None:
    """A table for people."""
    print(f"{'what':<18} {'who':<10} {'median ms':>10} {'fastest':>9} {'cpu ms':>8} {'peak MB':>8} {'runs':>5}  budget")
    for row in sorted(rows, key=lambda row: str(row["what"])):
        budget = BUDGETS.get(str(row["what"]), "") if row["who"] == "ci-guard" else ""
        print(
            f"{row['what']:<18} {row['who']:<10} {row['median_ms']:>10} {row['fastest_ms']:>9} {row['cpu_ms']:>8}"
            f" {row['peak_mb']:>8} {row['runs']:>5}  {budget}"
        )


if __name__ == "__main__":
    sys.exit(main())
