"""`deps pin --online` against a registry and a git server on loopback, and the lock that it leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest

from ci_guard import cli
from tests.services.faulty import answer, serving
from tests.services.loopback_registry import digest, own_registry
from tests.services.test_git_refs import repository, upload_pack

ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema_rs.validator_for(json.loads((ROOT / "docs/schemas/digests.schema.json").read_bytes()))
MANIFEST = b'{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}'
OTHER = MANIFEST + b"\n"
INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GITHUB_EVENT_NAME", "GITHUB_ACTIONS", "CI_PIPELINE_SOURCE", "GH_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / ".ci-guard.yaml").write_text("version: 1\nservices: {hosts: [127.0.0.1]}\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    folder = tmp_path / "git"
    folder.mkdir()
    made = repository(folder)
    with serving(upload_pack(folder)) as server:
        yield f"127.0.0.1:{server.port}", made


def hooks(host: str, rev: str) -> str:
    return f"repos:\n- repo: http://{host}/team/hooks\n  rev: {rev}\n  hooks: [{{id: a}}]\n"


def test_actions_are_pinned_to_the_release_that_a_tag_is(
    work: Path,
    git_server: tuple[str, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    host, made = git_server
    monkeypatch.setenv("GITHUB_SERVER_URL", f"http://{host}")
    (work / ".github/workflows").mkdir(parents=True)
    ci = work / ".github/workflows/ci.yml"
    steps = [f"    - uses: Team/tool@{ref}\n" for ref in ("v1", "v1.0.0", "main")]
    ci.write_text("jobs:\n  a:\n    steps:\n" + "".join(steps))
    (work / ".pre-commit-config.yaml").write_text(hooks(host, "v1"))
    assert cli.main(["deps", "pin", "--online", "--write-lock"]) == 3, "main is no tag"
    said = capsys.readouterr().out
    assert "Team/tool@main: not pinned:" in said
    assert "has no tag main; a branch is not pinned" in said
    lines = ci.read_text().splitlines()
    assert lines[3:] == [
        f"    - uses: Team/tool@{made['v1']} # v1.1.0",
        f"    - uses: Team/tool@{made['v1.0.0']} # v1.0.0",
        "    - uses: Team/tool@main",
    ]
    assert f"rev: {made['v1']}  # frozen: v1\n" in (work / ".pre-commit-config.yaml").read_text()
    lock = json.loads((work / ".ci-guard.digests.json").read_bytes())
    SCHEMA.validate(lock)
    assert lock["commits"]["github.com/team/tool@v1.1.0"] == made["v1.1.0"]


def test_images_are_pinned_by_their_registry_and_anew_when_asked(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with own_registry() as registry:
        registry.manifests["team/app", "v1"] = (INDEX, MANIFEST)
        pod = work / "pod.yaml"
        image = f"{registry.host}/team/app:v1"
        text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: a, image: 'IMAGE'}]\n"
        pod.write_text(text.replace("IMAGE", image))
        assert cli.main(["deps", "pin", "--online", "--write-lock"]) == 0
        assert pod.read_text() == text.replace("IMAGE", f"{image}@{digest(MANIFEST)}")
        asked = len(registry.log)
        registry.manifests["team/app", "v1"] = (INDEX, OTHER)
        assert cli.main(["deps", "pin", "--online", "--check"]) == 0, "what is pinned is not asked again"
        assert len(registry.log) == asked
        assert cli.main(["deps", "pin", "--online", "--check", "--write-lock"]) == 1
        assert digest(MANIFEST) in pod.read_text()
        assert cli.main(["deps", "pin", "--online", "--write-lock"]) == 0
        assert pod.read_text() == text.replace("IMAGE", f"{image}@{digest(OTHER)}")
        lock = json.loads((work / ".ci-guard.digests.json").read_bytes())
        SCHEMA.validate(lock)
        assert lock["images"] == {image: digest(OTHER)}
        pod.write_text(text.replace("IMAGE", image))
        assert cli.main(["deps", "pin"]) == 0, "the lock knows, nobody is asked"
        assert pod.read_text() == text.replace("IMAGE", f"{image}@{digest(OTHER)}")
    capsys.readouterr()


def test_one_that_cannot_be_asked_loses_no_other(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with own_registry() as registry, serving(lambda call, peer: peer.sendall(answer(404))) as broken:
        registry.manifests["team/app", "v1"] = (INDEX, MANIFEST)
        (work / "Dockerfile").write_text(f"FROM {registry.host}/team/app:v1\nFROM {registry.host}/team/none:v1\n")
        (work / ".pre-commit-config.yaml").write_text(hooks(f"127.0.0.1:{broken.port}", "v1"))
        assert cli.main(["deps", "pin", "--online"]) == 3
        assert digest(MANIFEST) in (work / "Dockerfile").read_text()
    said = capsys.readouterr().out
    assert "Dockerfile:2:" in said
    assert ".pre-commit-config.yaml:3: v1: not pinned:" in said
    assert said.splitlines()[-1] == "1 pinned now in 1 files, 0 pinned before, 2 left"


def test_a_file_cannot_have_an_address_asked(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / ".ci-guard.yaml").unlink()
    with serving(lambda call, peer: peer.sendall(answer(404))) as server:
        (work / "Dockerfile").write_text(f"FROM 127.0.0.1:{server.port}/team/app:v1\n")
        (work / ".pre-commit-config.yaml").write_text(hooks(f"localhost:{server.port}", "v1"))
        assert cli.main(["deps", "pin", "--online"]) == 3
        assert not server.calls
    assert capsys.readouterr().out.count("is an address and no name") == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("m.txt", "node 22 sha256:1234\nnode 22 x\n", "m.txt:2: expected a name, a version"),
        ("m.txt", "NODE 22 sha256:" + "1" * 64 + "\n", "m.txt:1: NODE:22 is no image"),
        ("m.json", '{"schema": "ci-guard/digests/1", "images": {"node:22": "latest"}}', "'node:22': expected"),
        ("m.json", '{"schema": "ci-guard/digests/1",\n "commits": {"a/b@v1": 1}}', "'a/b@v1': expected"),
        ("m.json", '{"schema": 2}', "ci-guard/digests/1"),
        ("m.json", "{", "is no lock of digests"),
    ],
)
def test_a_wrong_map_is_named(
    work: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, words: str
) -> None:
    (work / name).write_text(content)
    assert cli.main(["deps", "pin", "--map", name]) == 2
    assert words in capsys.readouterr().err


def test_without_any_source_nothing_is_done(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["deps", "pin"]) == 2
    assert "nothing says what to pin to" in capsys.readouterr().err
