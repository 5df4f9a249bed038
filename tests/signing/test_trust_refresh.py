"""Trusted roots from a TUF repository: only when asked for, kept in the user's cache, verified whenever read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, Root

from ci_guard import cli
from ci_guard.pipeline.verification import trust
from tests.attestation.loopback_services import PERSON, Services
from tests.attestation.loopback_tuf import Repository

BUNDLE = ["--bundle", "app.tar.sigstore.json"]


@pytest.fixture(scope="module")
def running() -> Iterator[Services]:
    with Services() as services:
        yield services


@pytest.fixture
def repository(running: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A fresh repository of the instance, an artifact, and a bundle for it."""
    running.faults.clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("GITHUB_EVENT_NAME", "CI_PIPELINE_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    running.write(tmp_path)
    (tmp_path / "app.tar").write_bytes(b"artifact")
    made = Repository()
    made.publish(targets(running))
    running.tuf = made.files
    (tmp_path / "tuf-root.json").write_bytes(made.root)
    assert cli.main(["sign", "app.tar", "--trust-config", "trust2.json", "--identity-token", "token"]) == 0
    running.asked.clear()
    return made


def targets(services: Services) -> dict[str, bytes]:
    config = services.signing_config(2)
    return {
        "trusted_root.json": json.dumps(services.ours.trusted_root()).encode(),
        "signing_config.v0.2.json": json.dumps(config).encode(),
    }


def verify(services: Services, *arguments: str) -> int:
    who = ["--cert-identity", PERSON, "--cert-oidc-issuer", services.issuer]
    source = ["--tuf-url", f"{services.base}/tuf", "--tuf-root", "tuf-root.json"]
    return cli.main(["verify", "app.tar", *BUNDLE, *who, *source, *arguments])


def test_only_online(repository: Repository, running: Services, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(running) == 2
    assert "add --online" in capsys.readouterr().err
    assert not running.asked
    assert verify(running, "--online") == 0
    assert "(through TUF): its newest key is of 2024-07-01, " in (out := capsys.readouterr().out)
    assert "; fresh until 20" in out
    assert running.asked["tuf"] >= 5
    who = ["--cert-identity", PERSON, "--cert-oidc-issuer", running.issuer, "--trusted-root", "root.json"]
    running.asked.clear()
    assert cli.main(["verify", "app.tar", *BUNDLE, *who]) == 0, "with the file alone no socket is opened"
    assert not running.asked
    assert "; not refreshed" in capsys.readouterr().out


def test_signing_with_what_the_instance_publishes(repository: Repository, running: Services, tmp_path: Path) -> None:
    (tmp_path / "app.tar.sigstore.json").unlink()
    source = ["--tuf-url", f"{running.base}/tuf", "--tuf-root", "tuf-root.json"]
    assert cli.main(["sign", "app.tar", *source, "--identity-token", "token"]) == 0
    assert verify(running, "--online") == 0
    del repository.files["/tuf/1.targets.json"]
    repository.publish({"trusted_root.json": targets(running)["trusted_root.json"]})
    assert cli.main(["sign", "app.tar", *source, "--identity-token", "token"]) == 3


def test_a_root_that_changed_counts_from_the_next_refresh(
    repository: Repository, running: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(running, "--online") == 0
    other = running.ours.trusted_root()
    other["tlogs"] = other["tlogs"][:1]
    repository.publish({"trusted_root.json": json.dumps(other).encode()})
    assert verify(running, "--online") == 1
    assert "knows no log" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ("expired", "expired"),
        ("rolled-back", "rollback"),
        ("other-root", "does not hold"),
        ("changed-target", "does not hold"),
        ("no-target", "has no trusted_root.json"),
        ("no-timestamp", "trust root repository"),
    ],
)
def test_a_repository_that_does_not_hold(
    repository: Repository, running: Services, flaw: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if flaw == "expired":
        repository.publish(targets(running), days=-1)
    elif flaw == "rolled-back":
        old = repository.files["/tuf/timestamp.json"]
        repository.publish(targets(running))
        assert verify(running, "--online") == 0
        repository.files["/tuf/timestamp.json"] = old
        words = "does not hold"
    elif flaw == "other-root":
        (tmp_path / "tuf-root.json").write_bytes(Repository().root)
    elif flaw == "changed-target":
        name = next(path for path in repository.files if path.endswith("trusted_root.json"))
        repository.files[name] = repository.files[name][:-1] + b" "
    elif flaw == "no-target":
        repository.publish({})
    else:
        del repository.files["/tuf/timestamp.json"]
    capsys.readouterr()
    assert verify(running, "--online") == 3
    err = capsys.readouterr().err
    assert words in err
    assert "trust root repository" in err


@pytest.mark.parametrize("fault", ["down", "400", "half-answer", "wrong-answer"])
def test_a_repository_that_fails(
    repository: Repository, running: Services, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from ci_guard.model.errors import ServiceError
    from ci_guard.services.sigstore_calls import Calling
    from ci_guard.services.sigstore_trust import refresh

    running.faults["tuf"] = fault
    how = Calling(20, inside=True, waits=(0.02,))
    with pytest.raises(ServiceError, match="trust root repository"):
        refresh(f"{running.base}/tuf", repository.root, Path("cache"), how)


@pytest.mark.parametrize("profile", ["public-good", "github"])
def test_the_bootstraps_are_roots_of_tuf(profile: str) -> None:
    """From these `--online` starts: each is signed by its own keys, as many as it demands."""
    source = trust.instance(profile)
    root = Metadata[Root].from_bytes(source.bootstrap)
    root.verify_delegate("root", root)
    assert source.url.startswith("https://tuf-repo")
    assert not source.inside, "a public address"
