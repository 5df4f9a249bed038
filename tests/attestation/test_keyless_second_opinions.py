"""The `sigstore` package judges the same bundles: what it accepts we accept too, and the other way round.

It reads fewer shapes and checks less in places; `ONLY_WE` and `ONLY_THEY` name each difference with its cause, so
that a change on either side shows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy

from tests.attestation.loopback import ARTIFACT, IDENTITY, ISSUER, make
from tests.attestation.test_keyless_bundles import BROKEN, GOOD, OURS, STRANGERS, examine

ONLY_WE = {
    "blob-rekor-v1-v0.1-promise-only": "InvalidBundle",
    "only-the-new-issuer-extension": "does not contain OIDCIssuer",
    "dsse-rekor-v1-intoto-0.0.1": "Integrated time only supported",
    "dsse-rekor-v1-intoto-0.0.2": "Integrated time only supported",
}
ONLY_THEY = {
    "certificate-with-two-names": "any of several names may be the one",
    "proof-with-another-size": "the checkpoint's size is not compared with the proof's",
    "checkpoint-with-extra-lines-at-the-end": "lines that are no signatures are passed over",
    "sct-before-the-log": "a certificate transparency log's validity is not compared with its timestamp",
}


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Verifier:
    root = Path(tmp_path_factory.mktemp("root")) / "trusted_root.json"
    root.write_text(json.dumps(OURS.trusted_root()))
    return Verifier(trusted_root=TrustedRoot.from_file(str(root)))


def theirs(verifier: Verifier, bundle: dict[str, Any]) -> str:
    """ "" when `sigstore` accepts, else why not; it lets many kinds of exceptions out."""
    identity = policy.Identity(identity=IDENTITY, issuer=ISSUER)
    try:
        read = Bundle.from_json(json.dumps(bundle))
        if "dsseEnvelope" in bundle:
            verifier.verify_dsse(read, identity)
        else:
            verifier.verify_artifact(ARTIFACT, read, identity)
    except Exception as problem:  # noqa: BLE001, its own base class does not cover them
        return f"{type(problem).__name__}: {problem}"
    return ""


@pytest.mark.parametrize("name", [*GOOD, *BROKEN])
def test_the_same_verdict(name: str, verifier: Verifier) -> None:
    recipe = GOOD[name] if name in GOOD else BROKEN[name][0]
    bundle = make(OURS, recipe, STRANGERS)
    ours, other = examine(bundle), theirs(verifier, bundle)
    if name in ONLY_WE:
        assert ours.verified
        assert ONLY_WE[name] in other
    elif name in ONLY_THEY:
        assert not ours.verified
        assert not other, ONLY_THEY[name]
    else:
        assert ours.verified == (not other), f"ours: {ours.reason or 'good'}; sigstore: {other or 'good'}"
