"""How fast documents are read, beside PyYAML's own safe loader, which knows no positions.

    python benchmarks/read.py [--repeat 7] FOLDER…

Told is the median of CPU time (the machine may be busy) over all files, in MB/s, after one round to warm up: reading
to values with the parse tree at hand, the same and locating every scalar, and `yaml.load_all` with CSafeLoader.
Files that PyYAML refuses are left out for all three. The last lines show that cost grows linearly with size.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import yaml

from ci_guard.model.location import NodePath
from ci_guard.source.document import Document
from ci_guard.source.reader import read


def scalars(value: Any, path: NodePath = ()) -> Iterator[NodePath]:
    """Paths of all scalars of a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from scalars(item, (*path, key))
    if not isinstance(value, (dict, list)):
        yield path


def ours(data: bytes) -> None:
    for _ in read("f", data, "kubernetes"):
        pass


def ours_located(data: bytes) -> None:
    for document in read("f", data, "kubernetes"):
        if isinstance(document, Document):
            for path in scalars(document.value):
                document.locate(path)


def pyyaml(data: bytes) -> None:
    for _ in yaml.load_all(data, yaml.CSafeLoader):
        pass


def readable(data: bytes) -> bool:
    try:
        pyyaml(data)
    except (yaml.YAMLError, ValueError):
        return False
    return True


def seconds(read_one: Callable[[bytes], None], files: list[bytes]) -> float:
    started = time.process_time()
    for data in files:
        read_one(data)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--repeat", type=int, default=7)
    arguments = parser.parse_args()
    paths = sorted(p for folder in arguments.folders for s in ("yaml", "yml") for p in folder.rglob(f"*.{s}"))
    files = [data for data in (path.read_bytes() for path in paths if path.is_file()) if readable(data)]
    size = sum(map(len, files)) / 1e6
    print(f"{len(files)} files, {size:.1f} MB, {len(paths) - len(files)} left out")
    runs: dict[str, list[float]] = {}
    readers = {"read": ours, "read and locate every scalar": ours_located, "PyYAML CSafeLoader": pyyaml}
    for round_number in range(arguments.repeat + 1):
        for name, read_one in readers.items():
            spent = seconds(read_one, files)
            if round_number:
                runs.setdefault(name, []).append(spent)
    for name, spent in runs.items():
        print(f"{name:30} {size / statistics.median(spent):6.1f} MB/s  (best {size / min(spent):.1f})")
    document = (
        b"---\n" + b"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n" + b"  - {name: a, image: b, ports: [1]}\n" * 50
    )
    for times in (1, 10, 100, 1000):
        data = document * times
        spent = min(seconds(ours, [data]) for _ in range(3))
        print(f"{len(data) / 1e6:8.3f} MB  {spent * 1e3:9.2f} ms  {len(data) / spent / 1e6:6.1f} MB/s")


if __name__ == "__main__":
    main()
