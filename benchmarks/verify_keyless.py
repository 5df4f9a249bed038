"""How long verifying a keyless bundle takes, beside the `sigstore` package on the same bundle and root.

    python benchmarks/verify_keyless.py [--repeat 9]

The bundles are of the loopback Sigstore of the tests. Cold is a whole process through the command line; warm is one
call in a process that has verified before. Budgets of the design: 150 ms cold, 2 ms warm.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ci_guard.attestation import keyless, trustedroot  # noqa: E402
from ci_guard.attestation.artifact import DigestArtifact  # noqa: E402
from ci_guard.attestation.identity import IdentityPolicy  # noqa: E402
from tests.attestation.loopback import ARTIFACT, IDENTITY, ISSUER, Recipe, Sigstore, make  # noqa: E402

OURS = Sigstore()
RECIPES = {"rekor v1, promise and proof": Recipe(), "rekor v2, timestamp": Recipe(log="v2", timestamps=(2,))}


def median_ms(action: Callable[[], object], repeat: int) -> float:
    """Median wall-clock milliseconds of an action."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        action()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def process(*command: str) -> Callable[[], object]:
    """A whole new process that must succeed."""
    return lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def cold(folder: Path, recipe: Recipe, repeat: int) -> tuple[float, float]:
    """Milliseconds of ours and of sigstore's command line."""
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
    )


def warm(folder: Path, repeat: int) -> tuple[float, float]:
    """Milliseconds of one call, ours and sigstore's, from the bundle's bytes."""
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
    return median_ms(lambda: keyless.verify(data, thing, trust), repeat * 20), median_ms(theirs, repeat * 20)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    repeat = parser.parse_args().repeat
    interpreter = median_ms(process(sys.executable, "-I", "-c", ""), repeat)
    print(f"bare interpreter {interpreter:.0f} ms")
    print(f"{'':<30} {'ci-guard':>12} {'sigstore':>12}")
    with tempfile.TemporaryDirectory() as name:
        for label, recipe in RECIPES.items():
            both = (("cold", cold(Path(name), recipe, repeat)), ("warm", warm(Path(name), repeat)))
            for kind, (ours, theirs) in both:
                print(f"{kind} {label:<27} {ours:9.2f} ms {theirs:9.2f} ms")


if __name__ == "__main__":
    main()
