"""Every good bundle in `cases/good` is accepted, every one in `cases/broken` is refused, by its own step."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ci_guard.attestation.keys import read_public_key
from ci_guard.attestation.policy import Expectations
from ci_guard.attestation.verdict import Result
from ci_guard.attestation.verification import STEPS, examine, verify
from ci_guard.engine.predicate import ConfinedPredicateJudge
from ci_guard.model.errors import VerificationError

CASES = Path(__file__).parent / "cases"
KEY = read_public_key((CASES / "key.pub").read_bytes(), "key.pub")


@dataclass(frozen=True)
class Bytes:
    """An artifact in memory."""

    data: bytes
    name: str = "artifact"

    def digest(self, algorithm: str) -> bytes | None:
        return hashlib.new(algorithm, self.data).digest()


ARTIFACT = Bytes((CASES / "artifact").read_bytes())


def folders(kind: str) -> list[Path]:
    return sorted(path for path in (CASES / kind).iterdir() if path.is_dir())


def read(folder: Path) -> tuple[bytes, dict[str, Any], Expectations]:
    expected = json.loads((folder / "expected.json").read_text())
    demanded = Expectations(
        expected.get("type", ""),
        expected.get("builder", ""),
        expected.get("build_type", ""),
        expected.get("source", ""),
        expected.get("parameters"),
        tuple(expected.get("expressions", ())),
        ConfinedPredicateJudge(),
    )
    return (folder / "bundle.sigstore.json").read_bytes(), expected, demanded


@pytest.mark.parametrize("folder", folders("good"), ids=lambda p: p.name)
def test_good_bundles_are_accepted(folder: Path) -> None:
    data, _, demanded = read(folder)
    verdict = verify(data, ARTIFACT, KEY, demanded)
    assert verdict.verified
    assert verdict.identity == f"key {KEY.hint}"
    assert [step.number for step in verdict.steps] == list(range(1, len(STEPS) + 1))
    assert [step.name for step in verdict.steps] == list(STEPS)
    assert all(step.detail for step in verdict.steps)
    assert {s.name for s in verdict.steps if s.result is Result.HELD} >= {"bundle", "key", "content", "signature"}


@pytest.mark.parametrize("folder", folders("broken"), ids=lambda p: p.name)
def test_broken_bundles_are_refused_by_their_own_step(folder: Path) -> None:
    data, expected, demanded = read(folder)
    verdict = examine(data, ARTIFACT, KEY, demanded)
    assert not verdict.verified
    assert verdict.statement is None, "nothing of a refused bundle is handed out"
    assert verdict.identity == ""
    last = verdict.steps[-1]
    assert (last.name, last.result) == (expected["step"], Result.REFUSED)
    assert expected["says"] in verdict.reason
    assert last.detail == verdict.reason
    assert all(step.result is not Result.REFUSED for step in verdict.steps[:-1])
    with pytest.raises(VerificationError) as raised:
        verify(data, ARTIFACT, KEY, demanded)
    assert raised.value.step == expected["step"]


def test_every_step_that_can_refuse_has_a_case() -> None:
    steps = {json.loads((f / "expected.json").read_text())["step"] for f in folders("broken")}
    assert steps == set(STEPS) - {"log", "time"}  # without a trusted root it is never judged


@pytest.mark.parametrize("folder", folders("good"), ids=lambda p: p.name)
def test_good_bundles_do_not_hold_for_another_artifact(folder: Path) -> None:
    data, _, demanded = read(folder)
    verdict = examine(data, Bytes(b"another"), KEY, demanded)
    assert not verdict.verified
    assert verdict.steps[-1].name in {"content", "signature", "subject"}
