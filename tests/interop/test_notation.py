"""Real `notation` and a real registry: what it signs we verify, and whatever it refuses we refuse.

`make interop` builds it and names its folder: CI_GUARD_INTEROP.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.interop.peers import needs, peer
from tests.services.loopback_registry import debian_registry, go_registry, own_registry
from tests.services.test_images import Place, user  # noqa: F401 - a fixture

NOTATION = peer("notation")


class Notation:
    """The program with a configuration of its own, in which the certificate `acme` is trusted."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.folder = place.home / "config" / "notation"
        self.run("cert", "generate-test", "--default", "acme")
        self.policy()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "HOME": str(self.place.home), "XDG_CONFIG_HOME": str(self.place.home / "config")}
        command = [NOTATION, *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    def policy(self, level: str = "strict", **changed: Any) -> None:
        statement = {
            "name": "all",
            "registryScopes": ["*"],
            "signatureVerification": {"level": level},
            "trustStores": ["ca:acme"],
            "trustedIdentities": ["*"],
            **changed,
        }
        document = {"version": "1.0", "trustPolicies": [statement]}
        (self.folder / "trustpolicy.json").write_text(json.dumps(document))

    def sign(self, *arguments: str, form: str = "jws") -> None:
        done = self.run("sign", "--insecure-registry", "--signature-format", form, *arguments, self.at())
        assert done.returncode == 0, done.stderr

    def at(self) -> str:
        return self.place.at().removeprefix("oci://")

    def verdicts(self) -> tuple[int, int]:
        """Exit codes, theirs and ours."""
        theirs = self.run("verify", "--insecure-registry", self.at())
        return theirs.returncode, self.ours()[0]

    def ours(self) -> tuple[int, str]:
        policy, store = str(self.folder / "trustpolicy.json"), str(self.folder / "truststore")
        return self.place.run("verify", self.place.at(), "--trust-policy", policy, "--trust-store", store)


CORPUS = Path(__file__).parents[1] / "attestation" / "notary"


@needs("notary")
def test_notations_library_agrees_or_the_case_says_why_not() -> None:
    folders = sorted(path.parent for path in CORPUS.glob("*/*/expected.json"))
    names = "".join(f"{folder}\n" for folder in folders)
    done = subprocess.run([peer("notary"), str(CORPUS)], input=names, capture_output=True, text=True, check=True)
    expected = [json.loads((folder / "expected.json").read_text())["notation"] for folder in folders]
    judged = dict(zip((str(folder) for folder in folders), done.stdout.split(), strict=True))
    assert judged == dict(zip((str(folder) for folder in folders), expected, strict=True))


@pytest.fixture(params=["own", "debian", "go"])
def notation(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    user: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Notation]:
    with ExitStack() as stack:
        if request.param == "own":
            host = stack.enter_context(own_registry()).host
        else:
            host = stack.enter_context(debian_registry(tmp_path) if request.param == "debian" else go_registry())
        place = Place(host, user, capsys)
        stack.enter_context(place.images.http)
        yield Notation(place)


@needs("notation")
def test_we_verify_what_notation_signs(notation: Notation) -> None:
    assert notation.verdicts() == (1, 1), "nothing is signed yet"
    notation.sign()
    assert notation.verdicts() == (0, 0), notation.ours()[1]
    notation.policy(trustedIdentities=["x509.subject: C=US, ST=WA, O=Notary, CN=acme"])
    assert notation.verdicts() == (0, 0), notation.ours()[1]
    notation.policy(trustedIdentities=["x509.subject: C=US, ST=WA, O=Notary, CN=eve"])
    assert notation.verdicts() == (1, 1)
    notation.policy("audit", trustedIdentities=["x509.subject: C=US, ST=WA, O=Notary, CN=eve"])
    assert notation.verdicts() == (0, 0)
    assert "somebody unknown" in notation.ours()[1]


@needs("notation")
def test_expiry_and_other_authorities(notation: Notation) -> None:
    notation.sign("--expiry", "1s")
    for level, code in (("strict", 1), ("permissive", 0)):
        notation.policy(level)
        subprocess.run(["sleep", "1.1"], check=True)
        assert notation.verdicts() == (code, code)
    notation.run("cert", "generate-test", "eve")
    notation.policy(trustStores=["ca:eve"])
    assert notation.verdicts() == (1, 1)


@needs("notation")
def test_a_signature_in_cose_is_not_judged(notation: Notation) -> None:
    notation.sign(form="cose")
    assert notation.verdicts() == (0, 3)
    notation.sign()
    assert notation.verdicts() == (0, 0), "one good signature is enough"
