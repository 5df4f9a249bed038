"""Real cosign on the other side of a real registry: it verifies what we attach, and we what it attaches.

`make interop` builds the programs and names their folder: CI_GUARD_INTEROP; and CI_GUARD_GO_REGISTRY.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ci_guard import cli
from tests.interop.peers import COSIGN, no_cosign
from tests.services.loopback_registry import debian_registry, go_registry
from tests.services.test_images import Place, user  # noqa: F401 - a fixture

pytestmark = no_cosign
TYPE = ("--type", "cyclonedx")


def public_root() -> str:
    """Any trusted root will do: cosign wants one for bundles, also where a key alone decides."""
    found = importlib.util.find_spec("sigstore")
    assert found and found.origin
    (path,) = Path(found.origin).parent.glob("_store/https%3A%2F%2Ftuf-repo-cdn.sigstore.dev/trusted_root.json")
    return str(path)


@pytest.fixture(params=["debian", "go"])
def place(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    user: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Place]:
    with ExitStack() as stack:
        registry = debian_registry(tmp_path) if request.param == "debian" else go_registry()
        place = Place(stack.enter_context(registry), user, capsys)
        stack.enter_context(place.images.http)
        for key in ("cosign.key", "cosign.pub"):
            (user / key).unlink()
        assert cli.main(["keygen"]) == 0  # cosign reads sealed keys only
        (user / "sbom.json").write_text('{"bomFormat": "CycloneDX"}')
        yield place


def cosign(program: str, place: Place, *arguments: str) -> None:
    command = [program, *arguments, "--allow-http-registry", place.at().removeprefix("oci://")]
    environ = {**os.environ, "COSIGN_PASSWORD": "", "HOME": str(place.home)}
    done = subprocess.run(
        command, cwd=place.home, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("attach", ["both", "bundle", "tag"])
@pytest.mark.parametrize("program", COSIGN, ids=lambda path: Path(path).name)
def test_cosign_verifies_what_we_attach(place: Place, program: str, attach: str) -> None:
    assert place.sign("--attach", attach)[0] == 0
    attest = ("--predicate", "sbom.json", *TYPE, "--key", "cosign.key", "--attach", attach)
    assert place.run("attest", place.at(), *attest)[0] == 0
    trust = ("--key", "cosign.pub", "--insecure-ignore-tlog=true", "--trusted-root", public_root())
    older = ("--new-bundle-format=false",) if attach == "tag" else ()
    cosign(program, place, "verify", *trust, *older)
    cosign(program, place, "verify-attestation", *TYPE, *trust, *older)


@pytest.mark.parametrize("older", [False, True], ids=["as-it-likes", "at-tags"])
@pytest.mark.parametrize("program", COSIGN, ids=lambda path: Path(path).name)
def test_we_verify_what_cosign_attaches(place: Place, program: str, older: bool) -> None:
    modern = Path(program).name.endswith("3")
    unlogged = ("--tlog-upload=false", "--yes", *(("--use-signing-config=false",) if modern else ()))
    formats = ("--new-bundle-format=false",) if older else ()
    cosign(program, place, "sign", "--key", "cosign.key", *unlogged, *formats)
    cosign(program, place, "attest", "--key", "cosign.key", *unlogged, *formats, *TYPE, "--predicate", "sbom.json")
    code, told = place.verify()
    assert code == 0, told
    code, told = place.verify(*TYPE)
    assert code == 0, told
    code, told = place.verify(key="other")
    assert code == 1, told
