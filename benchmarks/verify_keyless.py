"""How long verifying a keyless bundle takes, beside the `sigstore` package and sigstore-js on the same bundle and root.

    python benchmarks/verify_keyless.py [--repeat 9]

The bundles are of the loopback Sigstore of the tests. Cold is a whole process through the command line; warm is one
call in a process that has verified before; both in processor time. Budgets of the design: 150 ms cold, 2 ms warm.
CI_GUARD_NODE_SIGSTORE names the folder whose node_modules has @sigstore/verify; else that column stays empty.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ci_guard.attestation import keyless, trustedroot  # noqa: E402
from ci_guard.attestation.artifact import DigestArtifact  # noqa: E402
from ci_guard.attestation.identity import IdentityPolicy  # noqa: E402
from tests.attestation.loopback import ARTIFACT, IDENTITY, ISSUER, Recipe, Sigstore, make  # noqa: E402

OURS = Sigstore()
NODE = os.environ.get("CI_GUARD_NODE_SIGSTORE", "")
RECIPES = {
    "rekor v1, promise and proof": Recipe(),
    "rekor v1, and a timestamp": Recipe(timestamps=(2,)),
    "rekor v2, timestamp": Recipe(log="v2", timestamps=(2,)),
}


def median_ms(action: Callable[[], object], repeat: int) -> float:
    """Median milliseconds of processor time, of this process and its children: other work does not count."""
    return medians_ms([action], repeat)[0]


def medians_ms(actions: Sequence[Callable[[], object]], repeat: int) -> list[float]:
    """The same for several, in turn: what makes the machine slower for a while does so for all of them."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(repeat):
        for action, taken in zip(actions, times, strict=True):
            started = processor_time()
            action()
            taken.append((processor_time() - started) * 1000)
    return [statistics.median(taken) for taken in times]


def processor_time() -> float:
    """Seconds, user and system."""
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + of_children.ru_utime + of_children.ru_stime


def process(*command: str) -> Callable[[], object]:
    """A whole new process that must succeed."""
    return lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def javascript(folder: Path, times: int) -> list[str]:
    """The command that verifies so many times with sigstore-js, [] without it."""
    if not NODE:
        return []
    files = [str(folder / name) for name in ("root.json", "bundle.json", "pod.yaml")]
    return ["node", str(ROOT / "benchmarks" / "verify_keyless.cjs"), NODE, *files, str(times)]


def cold(folder: Path, recipe: Recipe, repeat: int) -> tuple[float, float, float]:
    """Milliseconds of ours, of sigstore's command line, and of a script around sigstore-js."""
    (folder / "pod.yaml").write_bytes(ARTIFACT)
    (folder / "bundle.json").write_text(json.dumps(make(OURS, recipe)))
    root = OURS.trusted_root()
    (folder / "root.json").write_text(json.dumps(root))
    config = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": root,
        "signingConfig": {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"},
    }
    services = {"rekorTlogUrls": [], "caUrls": [], "oidcUrls": [], "tsaUrls": []}
    selector = {"rekorTlogConfig": {"selector": "ANY"}, "tsaConfig": {"selector": "ANY"}}
    config["signingConfig"] |= {**services, **selector}
    (folder / "config.json").write_text(json.dumps(config))
    artifact, bundle = str(folder / "pod.yaml"), ["--bundle", str(folder / "bundle.json")]
    ours = ["-m", "ci_guard", "verify", artifact, *bundle, "--trusted-root", str(folder / "root.json")]
    who = ["--cert-identity", IDENTITY, "--cert-oidc-issuer", ISSUER]
    peer = ["-m", "sigstore", "--trust-config", str(folder / "config.json"), "verify", "identity", *bundle, artifact]
    return (
        median_ms(process(sys.executable, *ours, *who), repeat),
        median_ms(process(sys.executable, *peer, *who), repeat),
        median_ms(process(*script), repeat) if (script := javascript(folder, 0)) else math.nan,
    )


def warm(folder: Path, repeat: int) -> tuple[float, float, float]:
    """Milliseconds of one call, ours, sigstore's and sigstore-js's, from the bundle's bytes."""
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier, policy

    data = (folder / "bundle.json").read_bytes()
    roots = trustedroot.read((folder / "root.json").read_bytes(), "root")
    trust = keyless.Trust(roots, IdentityPolicy(ISSUER, IDENTITY))
    thing = DigestArtifact(hashlib.sha256(ARTIFACT).hexdigest(), "pod.yaml")
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(folder / "root.json")))
    identity = policy.Identity(identity=IDENTITY, issuer=ISSUER)

    def theirs() -> None:
        verifier.verify_artifact(ARTIFACT, Bundle.from_json(data), identity)

    keyless.verify(data, thing, trust)
    theirs()
    script = javascript(folder, repeat * 20)
    node = subprocess.run(script, check=True, capture_output=True, text=True).stdout if script else "nan"
    ours, peer = medians_ms((lambda: keyless.verify(data, thing, trust), theirs), repeat * 20)
    return ours, peer, float(node)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    repeat = parser.parse_args().repeat
    interpreter = median_ms(process(sys.executable, "-I", "-c", ""), repeat)
    print(f"bare interpreter {interpreter:.0f} ms")
    print(f"{'':<32} {'ci-guard':>12} {'sigstore':>12} {'sigstore-js':>12}")
    with tempfile.TemporaryDirectory() as name:
        for label, recipe in RECIPES.items():
            both = (("cold", cold(Path(name), recipe, repeat)), ("warm", warm(Path(name), repeat)))
            for kind, times in both:
                print(f"{kind} {label:<27} " + " ".join(f"{time_taken:9.2f} ms" for time_taken in times))


if __name__ == "__main__":
    main()
