"""Whether reading locks grows in line with them: seconds of the processor at 100, 1,000, 10,000 and 50,000 entries.

python benchmarks/lock_growth.py [PARSER …]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ci_guard.sbom.lockfiles import read_lock
from ci_guard.sbom.lockfiles.lock import Lock

SIZES = (100, 1_000, 10_000, 50_000)
DIGEST = "a" * 64


def cargo_lock(n: int) -> str:
    entry = (
        '[[package]]\nname = "p{0}"\nversion = "1.0.0"\nsource = "registry+https://index.example"\nchecksum = "{1}"\n'
    )
    parts = [entry.format(i, DIGEST) + f'dependencies = [\n "p{i * 7 % n}",\n]\n\n' for i in range(n)]
    return "version = 4\n" + "".join(parts)


def go_mod(n: int) -> str:
    return "module x\ngo 1.22\nrequire (\n" + "".join(f"\texample.org/p{i} v1.0.{i}\n" for i in range(n)) + ")\n"


def gemfile_lock(n: int) -> str:
    gems = "".join(f"    p{i} (1.0.{i})\n      p{i * 7 % n}\n" for i in range(n))
    return f"GEM\n  remote: https://gems.example/\n  specs:\n{gems}\nDEPENDENCIES\n  p1\n"


def composer_lock(n: int) -> str:
    return json.dumps(
        {"packages": [{"name": f"a/p{i}", "version": "1", "require": {f"a/p{i * 7 % n}": "*"}} for i in range(n)]},
        indent=1,
    )


def nuget_lock(n: int) -> str:
    entries = {
        f"p{i}": {"type": "Transitive", "resolved": "1.0", "dependencies": {f"p{i * 7 % n}": "1"}} for i in range(n)
    }
    return json.dumps({"version": 1, "dependencies": {"net8.0": entries}}, indent=1)


def gradle_lockfile(n: int) -> str:
    return "".join(f"g:p{i}:1.0=runtimeClasspath\n" for i in range(n))


def gradle_verification(n: int) -> str:
    file = f'<artifact name="p.jar"><sha256 value="{DIGEST}"/></artifact>'
    entries = "".join(f'<component group="g" name="p{i}" version="1">{file}</component>\n' for i in range(n))
    return f"<verification-metadata><components>\n{entries}</components></verification-metadata>"


def pom_xml(n: int) -> str:
    entry = "<dependency><groupId>g</groupId><artifactId>p{0}</artifactId><version>1</version></dependency>\n"
    entries = "".join(map(entry.format, range(n)))
    return f"<project><artifactId>x</artifactId><dependencies>\n{entries}</dependencies></project>"


def dockerfile(n: int) -> str:
    stage = "FROM a.example/p{0}:1 AS s{0}\nCOPY --from=b.example/p{0} \\\n a b\n"
    return "".join(stage.format(i) for i in range(n // 2))


MADE: dict[str, Callable[[int], str]] = {
    made.__name__: made
    for made in (
        *(cargo_lock, composer_lock, dockerfile, gemfile_lock, go_mod),
        *(gradle_lockfile, gradle_verification, nuget_lock, pom_xml),
    )
}


def seconds(module: str, size: int) -> float:
    """The processor's time for one reading, without making the text."""
    data = MADE[module](size).encode()
    start = time.process_time()
    lock = read_lock("folder/lock", data, module=module)
    spent = time.process_time() - start
    if not isinstance(lock, Lock) or len(lock.components) < size:
        raise RuntimeError(f"{module}: {size} entries were not read")
    return spent


if __name__ == "__main__":
    print(
        f"{'parser':22}"
        + "".join(f"{size:>10,}" for size in SIZES)
        + "   µs an entry, smallest and largest of the last three"
    )
    for module in sys.argv[1:] or MADE:
        seconds(module, SIZES[0])  # the imports
        spent = [seconds(module, size) for size in SIZES]
        each = [1e6 * s / size for s, size in zip(spent, SIZES, strict=True)][1:]
        print(f"{module:22}" + "".join(f"{s:10.3f}" for s in spent) + f"   {min(each):.0f} to {max(each):.0f}")
