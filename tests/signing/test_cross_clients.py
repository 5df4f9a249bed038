"""Who verifies what whom signed: this project, the `sigstore` package, sigstore-js; the table in docs/support.md.

Everything is signed anew against services on this machine. The table says what was measured, and is compared with it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sigstore import __version__ as sigstore_version
from sigstore.dsse import StatementBuilder, Subject
from sigstore.models import Bundle, ClientTrustConfig, TrustedRoot
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier, policy

from ci_guard.attestation import keyfile, keyless, trustedroot, verification
from ci_guard.attestation.identity import IdentityPolicy
from ci_guard.attestation.signing import sign_artifact, sign_statement
from ci_guard.attestation.statement import Statement, subjects
from ci_guard.pipeline.signing.keyless import open_keyless, witnessed
from ci_guard.pipeline.signing.signer_options import KeylessOptions
from tests.attestation.loopback_services import PERSON, Services

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "support.md"
SCRIPT = Path(__file__).parent / "sigstore_js.cjs"
DATA = b"artifact"
DIGEST = hashlib.sha256(DATA).hexdigest()
TYPE = "https://acme.example/p"
IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = Statement(subjects([("app", DIGEST)]), TYPE, {"a": 1})
SHAPES = [(rekor, content) for rekor in (1, 2) for content in ("blob", "DSSE")]
VERIFIERS = ("ci-guard", "sigstore-python", "sigstore-js")
MARKS = ("<!-- cross-clients -->", "<!-- /cross-clients -->")
Key = keyfile.generate()
NODE = os.environ.get("CI_GUARD_NODE_SIGSTORE", "")
VERSIONS = {"sign": "4.1.1", "verify": "4.1.3"}
"""Of sigstore-js, as tools/npm locks them and the page names them; others verify less."""


def has_node() -> bool:
    """Whether sigstore-js is here, in the versions that the table is about."""
    files = {name: Path(NODE, "node_modules", "@sigstore", name, "package.json") for name in VERSIONS}
    if not NODE or shutil.which("node") is None or not all(file.is_file() for file in files.values()):
        return False
    return {name: json.loads(file.read_text("utf-8"))["version"] for name, file in files.items()} == VERSIONS


WITH_NODE = has_node()


class Bytes:
    name = "app"

    def digest(self, algorithm: str) -> bytes | None:
        return hashlib.new(algorithm, DATA).digest()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Services, Path]]:
    folder = Path(tmp_path_factory.mktemp("instance"))
    with Services() as running:
        running.write(folder)
        fill(running)
        yield running, folder


def fill(services: Services) -> None:
    """Some entries of others: of the very first one sigstore-js leaves the index out, and sigstore-python wants it."""
    for leaves in services.logs.values():
        leaves.extend(b"neighbour %d" % number for number in range(3))


def ours(services: Services, folder: Path, *, with_key: bool) -> Callable[[int, str], bytes]:
    def sign(rekor: int, content: str) -> bytes:
        options = KeylessOptions(str(folder / "token"), folder / f"trust{rekor}.json")
        who = witnessed(Key, options, {}) if with_key else open_keyless(options, {}, terminal=False)
        return sign_artifact(Bytes(), who) if content == "blob" else sign_statement(STATEMENT, who)

    return sign


def theirs(services: Services, folder: Path) -> Callable[[int, str], bytes]:
    def sign(rekor: int, content: str) -> bytes:
        config = ClientTrustConfig.from_json((folder / f"trust{rekor}.json").read_text())
        statement = StatementBuilder().subjects([Subject(name="app", digest={"sha256": DIGEST})])
        made = statement.predicate_type(TYPE).predicate({"a": 1}).build()
        with SigningContext.from_trust_config(config).signer(IdentityToken(services.token())) as signer:
            bundle = signer.sign_artifact(DATA) if content == "blob" else signer.sign_dsse(made)
        return str(bundle.to_json()).encode()

    return sign


def javascript(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One run of node for all tasks: starting it takes longer than what it does."""
    command = ["node", str(SCRIPT), NODE]
    done = subprocess.run(command, input=json.dumps(tasks), capture_output=True, text=True, check=True, timeout=120)
    return list(json.loads(done.stdout))


def js_signed(services: Services) -> dict[tuple[int, str], bytes | str]:
    payload = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "app", "digest": {"sha256": DIGEST}}]}
    statement = json.dumps({**payload, "predicateType": TYPE, "predicate": {"a": 1}}).encode()
    tasks = []
    for rekor, content in SHAPES:
        data = base64.b64encode(DATA if content == "blob" else statement).decode()
        kind = "" if content == "blob" else IN_TOTO
        task = {"do": "sign", "base": services.base, "rekor": rekor, "token": services.token()}
        tasks.append({**task, "payloadType": kind, "data": data})
    return {
        shape: json.dumps(result["value"]).encode() if result["value"] else str(result["error"])
        for shape, result in zip(SHAPES, javascript(tasks), strict=True)
    }


def by_us(bundle: bytes, services: Services, *, with_key: bool) -> str:
    roots = trustedroot.read(json.dumps(services.ours.trusted_root()).encode(), "root")
    if with_key:
        return verification.examine(bundle, Bytes(), Key.verifying_key, roots=roots).reason
    trust = keyless.Trust(roots, IdentityPolicy(services.issuer, PERSON))
    return keyless.examine(bundle, Bytes(), trust).reason


def by_them(bundle: bytes, services: Services, folder: Path, content: str) -> str:
    try:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(folder / "root.json")))
        read, identity = Bundle.from_json(bundle), policy.Identity(identity=PERSON, issuer=services.issuer)
        if content == "blob":
            verifier.verify_artifact(DATA, read, identity)
        else:
            verifier.verify_dsse(read, identity)
    except Exception as problem:  # noqa: BLE001, its errors have no common base
        return f"{type(problem).__name__}: {problem}"
    return ""


def by_javascript(bundle: bytes, services: Services, content: str, *, with_key: bool) -> dict[str, Any]:
    data = base64.b64encode(DATA).decode() if content == "blob" else None
    task = {"do": "verify", "root": services.ours.trusted_root(), "bundle": json.loads(bundle), "data": data}
    return (
        {**task, "key": Key.verifying_key.pem().decode()}
        if with_key
        else {**task, "identity": PERSON, "issuer": services.issuer}
    )


def measured(services: Services, folder: Path) -> dict[tuple[str, int, str], dict[str, str]]:
    """(signer, Rekor's version, content) -> verifier -> "" or why not; "signing" where there is no bundle."""
    signers: dict[str, Callable[[int, str], bytes | str]] = {
        "ci-guard, keyless": ours(services, folder, with_key=False),
        "ci-guard, key": ours(services, folder, with_key=True),
        "sigstore-python": theirs(services, folder),
    }
    if WITH_NODE:
        made = js_signed(services)
        signers["sigstore-js"] = lambda rekor, content: made[rekor, content]
    table: dict[tuple[str, int, str], dict[str, str]] = {}
    tasks: list[tuple[tuple[str, int, str], dict[str, Any]]] = []
    for name, sign in signers.items():
        for rekor, content in SHAPES:
            row, bundle, with_key = (name, rekor, content), sign(rekor, content), name.endswith("key")
            if isinstance(bundle, str):
                table[row] = {"signing": bundle}
                continue
            table[row] = {"ci-guard": by_us(bundle, services, with_key=with_key)}
            table[row]["sigstore-python"] = by_them(bundle, services, folder, content)
            tasks.append((row, by_javascript(bundle, services, content, with_key=with_key)))
    if WITH_NODE:
        for (row, _), result in zip(tasks, javascript([task for _, task in tasks]), strict=True):
            table[row]["sigstore-js"] = result["error"]
    return table


def documented() -> dict[tuple[str, int, str], list[str]]:
    text = PAGE.read_text("utf-8").split(MARKS[0])[1].split(MARKS[1])[0]
    rows = [re.split(r" *\| *", line.strip("| ")) for line in text.splitlines() if line.startswith("| ")][1:]
    return {(row[0], int(row[1]), row[2]): row[3:] for row in rows if not row[0].startswith("--")}


def test_the_table_is_what_was_measured(services: tuple[Services, Path]) -> None:
    table, page = measured(*services), documented()
    assert f"sigstore-python {sigstore_version}" in PAGE.read_text("utf-8"), "the page names the version that was run"
    for row, cells in table.items():
        for number, verifier in enumerate(VERIFIERS):
            if verifier in cells or "signing" in cells:
                good = cells.get(verifier, "signing") == ""
                assert (page[row][number] == "yes") == good, (row, verifier, cells)
    if not WITH_NODE:
        pytest.skip("the cells of sigstore-js: CI_GUARD_NODE_SIGSTORE names no folder with its locked versions")
    assert all(f"`@sigstore/{name}` {version}" in PAGE.read_text("utf-8") for name, version in VERSIONS.items())
    assert set(page) == set(table)
