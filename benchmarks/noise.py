"""What the rules say of repositories as they are: the loudest, a sample of each to read, and who fails the gate.

    python benchmarks/noise.py DIR [--profile all] [--rules 30] [--sample 20] [--seed 1]
    python benchmarks/noise.py DIR --profile default --workloads

DIR holds one repository a folder. Of each of the loudest rules `--sample` findings are drawn, the same for the
same seed, and printed with their lines, for a person to read; docs/noise.md says what was read. `--workloads` counts
the resources with pods that have a finding at `high` or above, and the rules that find it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

WORKLOADS = frozenset(
    {"Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"}
)
HERE = Path(__file__).resolve().parents[1]
Finding = dict[str, Any]


def findings(repo: Path, profile: str) -> list[Finding]:
    """What a run over one repository shows and gates."""
    options = ["--all", ".", "--profile", profile, "--fail-on", "never", "--format", "json"]
    run = subprocess.run(
        [sys.executable, "-m", "ci_guard", "lint", *options],
        cwd=repo,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(HERE)},
    )
    return [f for f in json.loads(run.stdout)["findings"] if not f["impliedBy"] and not f["suppressed"]]


def workloads(repo: Path) -> int:
    """How many resources with pods a repository has: those that some rule about every pod finds."""
    every = {"required-annotation-missing", "required-label-missing", "runtime-class-not-sandboxed", "dns-config-ndots"}
    return len({owner(f) for f in findings(repo, "all") if f["rule"] in every and f["subject"]["kind"] in WORKLOADS})


def owner(finding: Finding) -> tuple[str, str, str]:
    """File, kind and name of what a finding is about."""
    return finding["location"]["path"], finding["subject"]["kind"], finding["subject"]["name"]


def read(by_rule: dict[str, list[tuple[str, Finding]]], rules: int, sample: int, seed: int) -> None:
    """Print the samples of the loudest rules."""
    for rule in sorted(by_rule, key=lambda r: -len(by_rule[r]))[:rules]:
        found = by_rule[rule]
        print(f"\n{rule}: {len(found)}")
        for repo, finding in random.Random(f"{seed} {rule}").sample(found, min(sample, len(found))):
            place = finding["location"]
            line = (place.get("region") or {}).get("startLine", 1)
            print(f"  {repo}/{place['path']}:{line}: {place['snippet'].strip()}\n    {finding['message']}")


def fail(repo: Path, found: Iterable[Finding]) -> None:
    """Print how many workloads of a repository fail at `high`, and by which rules."""
    grave = [f for f in found if f["severity"] in {"high", "critical"} and f["subject"]["kind"] in WORKLOADS]
    by = Counter(f["rule"] for f in grave).most_common()
    failing = len({owner(f) for f in grave})
    print(f"| {repo.name} | {workloads(repo)} | {failing} | {', '.join(f'{rule} {n}' for rule, n in by)} |")


def main() -> None:
    """Read the arguments, judge every repository, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profile", default="all")
    for name, number in (("--rules", 30), ("--sample", 20), ("--seed", 1)):
        parser.add_argument(name, type=int, default=number)
    parser.add_argument("--workloads", action="store_true")
    options = parser.parse_args()
    by_rule: dict[str, list[tuple[str, Finding]]] = {}
    for repo in sorted(p for p in options.folder.iterdir() if p.is_dir()):
        found = findings(repo, options.profile)
        if options.workloads:
            fail(repo, found)
        for finding in found:
            by_rule.setdefault(finding["rule"], []).append((repo.name, finding))
    if not options.workloads:
        read(by_rule, options.rules, options.sample, options.seed)


if __name__ == "__main__":
    main()
