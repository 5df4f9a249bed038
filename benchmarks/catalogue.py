"""What a rule costs: the time to judge a folder of manifests by more and more rules, in one process.

    python benchmarks/catalogue.py DIR

Prints, for growing numbers of rules drawn at random (seed 1): seconds of processor time (the better of two), MB/s and
findings; and the slope between the first and the last, in milliseconds for a rule and a megabyte.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from pathlib import Path

from ci_guard.engine.catalogue import load_catalogue
from ci_guard.pipeline.manifests.file import Linted, ManifestLinter
from ci_guard.pipeline.policy.choice import RuleChoice


def judge(files: list[tuple[str, bytes]], left_out: tuple[str, ...]) -> tuple[float, int]:
    """Seconds of processor time and findings with every rule but those of `left_out`."""
    into = Linted()
    linter = ManifestLinter(RuleChoice(profile="all", ignore=left_out), into)
    gc.collect()
    gc.disable()
    start = time.process_time()
    for path, data in files:
        linter.lint(path, data)
    seconds = time.process_time() - start
    gc.enable()
    return seconds, len(into.judged.findings)


def main() -> None:
    """Read the folder, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in {".yaml", ".yml", ".json"})
    files = [(str(p.relative_to(folder)), p.read_bytes()) for p in paths]
    megabytes = sum(len(data) for _, data in files) / 1e6
    rules = load_catalogue().rules
    ids = [id for id, rule in rules.items() if not rule.needs_repo and not rule.by_code]
    random.Random(1).shuffle(ids)
    measured = {}
    for count in (1, len(ids) // 8, len(ids) // 4, len(ids) // 2, len(ids)):
        left_out = tuple(rules.keys() - set(ids[:count]))
        seconds, findings = min(judge(files, left_out) for _ in range(2))
        measured[count] = seconds
        print(f"{count:4} rules: {seconds:.2f} s, {megabytes / seconds:.1f} MB/s, {findings} findings")
    (least, least_time), *_, (most, most_time) = measured.items()
    print(f"{(most_time - least_time) / (most - least) / megabytes * 1000:.2f} ms for a rule and a megabyte")


if __name__ == "__main__":
    main()
