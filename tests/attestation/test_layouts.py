"""Supply chains in `layouts/`: good ones hold, broken ones are refused by their own step; in-toto is asked as well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto.models._signer import load_public_key_from_file
from in_toto.models.metadata import Metadata
from in_toto.verifylib import in_toto_verify

from ci_guard import cli
from ci_guard.attestation.intoto import read_key
from ci_guard.attestation.layout import STEPS, Chain, examine
from ci_guard.attestation.verdict import Result
from ci_guard.model.errors import InputError, VerificationError
from ci_guard.pipeline.verification.layout import Demand, verify_layout
from tests.attestation.test_bundle_cases import Bytes

CASES = Path(__file__).parent / "layouts"
KEY = CASES / "owner.pub"
FOLDERS = sorted(path.parent for path in CASES.glob("*/*/expected.json"))


def facts(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_supply_chains(folder: Path) -> None:
    expected = facts(folder)
    wanted = Bytes(expected.get("artifact", (CASES / "product").read_text()).encode())
    demand = Demand(folder / "root.layout", (KEY,))
    if expected["step"] == "unjudged":
        with pytest.raises(InputError, match="inspections"):
            verify_layout(demand, wanted, {})
        return
    verdict = verify_layout(demand, wanted, {})
    assert [step.number for step in verdict.steps] == list(range(1, len(verdict.steps) + 1))
    if expected["step"]:
        assert (verdict.verified, verdict.steps[-1].name) == (False, expected["step"]), verdict.reason
        assert verdict.steps[-1].result is Result.REFUSED
    else:
        assert verdict.verified, verdict.reason
        assert [step.name for step in verdict.steps] == list(STEPS)
    warned = [step.name for step in verdict.steps if step.result is Result.WARNED]
    assert warned == ([expected["warned"]] if "warned" in expected else [])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what it uses to record files
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_in_toto_agrees_or_the_case_says_why_not(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its library, in process: what it accepts beyond us is named `accepts` in a broken case."""
    key = load_public_key_from_file(str(KEY))
    monkeypatch.chdir(tmp_path)  # it runs inspections where it is, and writes links
    try:
        in_toto_verify(Metadata.load(str(folder / "root.layout")), {key["keyid"]: key}, link_dir_path=str(folder))
        accepted = "accepts"
    except Exception:  # noqa: BLE001 - it has no common base
        accepted = "refuses"
    assert accepted == facts(folder)["in-toto"]


@pytest.mark.parametrize("name", ["good/dsse", "good/sublayout", "broken/source-swapped"])
def test_in_totos_command_agrees(name: str, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("in-toto-verify")
    command = [program, "--layout", CASES / name / "root.layout", "--verification-keys", KEY]
    command += ["--link-dir", CASES / name]
    theirs = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode
    ours = cli.main(["verify", "--layout", str(CASES / name / "root.layout"), "--layout-key", str(KEY), "--quiet"])
    assert (theirs, ours) == ((0, 0) if name.startswith("good") else (1, 1))


def test_inspections_run_only_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = ["--layout", str(CASES / "broken/inspections/root.layout"), "--layout-key", str(KEY)]
    (tmp_path / "product").mkdir()
    (tmp_path / "product" / "app").write_bytes((CASES / "product").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert cli.main(["verify", *layout]) == 3
    assert not list(tmp_path.rglob("looked"))
    assert cli.main(["verify", "product/app", *layout, "--run-inspections", "product"]) == 0
    assert [path.parent.name for path in tmp_path.rglob("looked")] == ["product"], "where it was told, not where we are"


def test_an_inspection_gets_no_secrets_and_cannot_hide_files(tmp_path: Path) -> None:
    folder = tmp_path / "product"
    folder.mkdir()
    demand = Demand(CASES / "broken/inspections/root.layout", (KEY,), inspect_in=folder)
    environ = {**os.environ, "CI_GUARD_KEY_PASSWORD": "secret", "GH_TOKEN": "secret"}
    assert verify_layout(demand, None, environ).verified
    (folder / "away").symlink_to(tmp_path)
    with pytest.raises(InputError, match="links are not followed"):
        verify_layout(demand, None, environ)


def test_words_and_formats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["verify", str(CASES / "product"), "--layout-key", str(KEY), "--layout"]
    assert cli.main([*command, str(CASES / "good/another-command/root.layout")]) == 0
    out = capsys.readouterr().out
    assert " 7 commands        WARNING  step 'write' ran 'emacs', expected 'vi app.c'" in out
    assert "verified: supply chain of" in out
    broken = str(CASES / "broken/expired/root.layout")
    assert cli.main([*command, broken, "--format", "json"]) == 1
    (bundle,) = json.loads(capsys.readouterr().out)["bundles"]
    assert (bundle["verified"], bundle["steps"][-1]["name"]) == (False, "expiry")
    assert cli.main([*command, broken, "--format", "sarif", "--output", str(tmp_path / "v.sarif")]) == 1
    (run,) = json.loads((tmp_path / "v.sarif").read_text())["runs"]
    assert "the layout expired at 2020-01-01T00:00:00Z" in run["results"][0]["message"]["text"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--layout", "good/dsse/root.layout"], 2),
        (["--layout-key", "owner.pub"], 2),
        (["--layout", "good/dsse/root.layout", "--layout-key", "owner.pub", "--key", "owner.pub"], 2),
        (["--layout", "good/dsse/root.layout", "--layout-key", "owner.pub", "--builder-id", "x"], 2),
        (["--layout", "good/dsse/root.layout", "--layout-key", "owner.pub", "--trust-store", "."], 2),
        (["--layout", "good/dsse/root.layout", "--layout-key", "owner.pub", "--layout-key", "owner.pub"], 2),
        (["--layout", "absent", "--layout-key", "owner.pub"], 3),
        (["--layout", "good/dsse/root.layout", "--layout-key", "product"], 3),
        (["--layout", "good/dsse/root.layout", "--layout-key", "owner.pub", "--link-dir", "absent"], 3),
        (["--layout", "good/dsse/root.layout", "--layout-key", "stranger.pub"], 1),
        (["--layout", "good/dsse/root.layout", "--layout-key", "owner.pub", "--layout-key", "stranger.pub"], 1),
        (["--layout", "good/dsse/root.layout", "--layout-key", "owner.pub", "--link-dir", "good/metablock"], 0),
    ],
)
def test_command_line(arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    assert cli.main(["verify", *arguments]) == code


CHAIN = Chain({"": {}}, lambda folder, name: None, datetime(2026, 1, 1, tzinfo=UTC))
SEEDS = [json.loads(path.read_bytes()) for path in sorted(CASES.glob("good/*/root.layout"))]
LINKS = [json.loads(path.read_bytes()) for path in sorted(CASES.glob("good/*/*.link"))]
SCALARS = st.none() | st.booleans() | st.integers(-2, 9) | st.text(max_size=8) | st.just("9" * 5000)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(deeper for key, child in inside for deeper in places(child, (*at, key)))]


def with_change(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    copy = value.copy()
    copy[at[0]] = with_change(value[at[0]], at[1:], new)
    return copy


@st.composite
def changed(draw: st.DrawFn, seeds: list[Any]) -> bytes:
    value = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 3))):
        value = with_change(value, draw(st.sampled_from(places(value))), draw(ANYTHING))
    return json.dumps(value).encode()


REAL = read_key(KEY.read_bytes(), "owner.pub")


@settings(deadline=None, max_examples=150)
@given(changed(SEEDS) | st.binary(max_size=200))
def test_any_layout_is_a_verdict(data: bytes) -> None:
    try:
        verdict = examine(data, Chain({str(REAL["keyid"]): REAL}, CHAIN.links, CHAIN.now), None)
    except InputError as unjudged:
        assert "inspections" in str(unjudged)
        return
    assert not verdict.verified, "nothing has links"


@settings(deadline=None, max_examples=150)
@given(changed(LINKS) | st.binary(max_size=200), st.data())
def test_any_link_is_a_verdict(link: bytes, data: st.DataObject) -> None:
    layout = (CASES / "good/metablock/root.layout").read_bytes()
    names = sorted(path.name for path in (CASES / "good/metablock").glob("*.link"))
    hostile = data.draw(st.sampled_from(names))

    def links(folder: tuple[str, ...], name: str) -> bytes | None:
        path = CASES.joinpath("good/metablock", *folder, name)
        return link if name == hostile else path.read_bytes() if path.exists() else None

    try:
        examine(layout, Chain({str(REAL["keyid"]): REAL}, links, CHAIN.now), None)
    except VerificationError:
        pytest.fail("a verdict, not an exception")
