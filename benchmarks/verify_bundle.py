"""How long verifying a bundle takes: a whole process, one call in a warm one, and how both grow with the statement.

    python benchmarks/verify_bundle.py [--repeat 9]

Budgets of the design: 150 ms cold, 2 ms warm. `openssl dgst -verify` of the same signature is the floor of what a new
process costs; the bare interpreter is ours.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ci_guard.attestation import dsse, keyfile, statement  # noqa: E402
from ci_guard.attestation.artifact import DigestArtifact  # noqa: E402
from ci_guard.attestation.signing import sign_statement  # noqa: E402
from ci_guard.attestation.verification import verify  # noqa: E402

SIGNER = keyfile.generate()
DATA = b"artifact" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()


def bundle(subjects: int) -> bytes:
    """A signed statement about that many artifacts; ours is the last one."""
    named = [(f"file-{n}", hashlib.sha256(str(n).encode()).hexdigest()) for n in range(subjects - 1)]
    about = statement.subjects([*named, ("artifact", DIGEST)])
    return sign_statement(statement.Statement(about, "https://slsa.dev/provenance/v1", {}), SIGNER)


def median_ms(action: Callable[[], object], repeat: int) -> float:
    """Median wall-clock milliseconds of an action."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        action()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def process(command: Sequence[str], folder: Path) -> Callable[[], object]:
    """A whole new process that must succeed."""
    return lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True)


def cold(folder: Path, repeat: int) -> None:
    """Print what new processes cost."""
    data = bundle(1)
    envelope = json.loads(data)["dsseEnvelope"]
    (folder / "artifact").write_bytes(DATA)
    (folder / "bundle.json").write_bytes(data)
    (folder / "key.pub").write_bytes(SIGNER.verifying_key.pem())
    (folder / "signed").write_bytes(dsse.pae(dsse.IN_TOTO, base64.b64decode(envelope["payload"])))
    (folder / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["verify", str(folder / "artifact"), "--bundle", str(folder / "bundle.json")]
    ours = [sys.executable, "-m", "ci_guard", *command, "--key", str(folder / "key.pub")]
    openssl = ["openssl", "dgst", "-sha256", "-verify", "key.pub", "-signature", "signature", "signed"]
    print(f"cold  ci-guard verify       {median_ms(process(ours, ROOT), repeat):8.1f} ms")
    print(f"cold  bare interpreter      {median_ms(process([sys.executable, '-I', '-c', ''], ROOT), repeat):8.1f} ms")
    print(f"cold  openssl dgst -verify  {median_ms(process(openssl, folder), repeat):8.1f} ms")


def warm(repeat: int) -> None:
    """Print what one call costs, by number of subjects."""
    artifact = DigestArtifact(DIGEST, "artifact")
    for subjects in (1, 10, 100, 1_000, 10_000):
        data = bundle(subjects)
        elapsed = median_ms(lambda data=data: verify(data, artifact, SIGNER.verifying_key), repeat)  # type: ignore[misc]
        print(f"warm  {subjects:>6,} subjects, {len(data):>10,} bytes {elapsed:8.2f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as folder:
        cold(Path(folder), repeat)
    warm(repeat)


if __name__ == "__main__":
    main()
