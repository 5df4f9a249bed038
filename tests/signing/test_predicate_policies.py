"""What is demanded of a predicate: build type, source, external parameters, expressions; and what is refused for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard import cli
from ci_guard.attestation.policy import same_json

PARAMETERS: dict[str, Any] = {"ref": "refs/heads/main", "flags": ["-O2"], "debug": False, "level": 1}
PREDICATE = {
    "buildDefinition": {
        "buildType": "https://acme.example/build/v1",
        "externalParameters": PARAMETERS,
        "resolvedDependencies": [
            {"uri": "https://mirror.example/base"},
            {"uri": "git+https://github.com/acme/app@refs/heads/main", "digest": {"gitCommit": "1" * 40}},
        ],
    },
    "runDetails": {"builder": {"id": "https://acme.example/builder"}},
}
ALLOWED = {
    "build type": ["--build-type", "https://acme.example/build/v1"],
    "source with ref": ["--source", "git+https://github.com/acme/app@refs/heads/main"],
    "source without ref": ["--source", "https://github.com/acme/app"],
    "parameters": ["--external-parameters", "parameters.json"],
    "expression": ["--policy-expression", "predicate.buildDefinition.externalParameters.level == 1"],
    "two expressions": ["--policy-expression", "true", "--policy-expression", "has(predicate.runDetails)"],
    "file": ["--predicate-policy", "policy.cel"],
}
REFUSED = {
    "build type": (["--build-type", "https://acme.example/v2"], "the build type is 'https://acme.example/build/v1'"),
    "other source": (["--source", "https://github.com/acme/ap"], "expected 'https://github.com/acme/ap'"),
    "other ref": (["--source", "https://github.com/acme/app@refs/heads/x"], "it was built from"),
    "false": (["--policy-expression", "predicate.runDetails.builder.id == 'me'"], "it is not true of the predicate"),
    "absent field": (["--policy-expression", "predicate.nothing.there == 1"], "it is not true of the predicate"),
    "second is false": (["--policy-expression", "true", "--policy-expression", "1 == 2"], "1 == 2"),
}
TEN = "[0,1,2,3,4,5,6,7,8,9]"
BROKEN = {
    "no expression": (["--policy-expression", "predicate."], "in: predicate."),
    "no boolean": (["--policy-expression", "1 + 1"], "the type must be bool, not"),
    "not boolean in the end": (["--policy-expression", "predicate.runDetails"], "no bool"),
    "unknown name": (["--policy-expression", "object.metadata"], "object"),
    "too much": (["--policy-expression", f"{TEN}.all(a, " * 9 + "predicate != 1" + ")" * 9], "could not be judged"),
    "no file": (["--predicate-policy", "nothing"], "nothing: No such file"),
    "no object": (["--external-parameters", "policy.cel"], "policy.cel"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed artifact with provenance."""
    folder = Path(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CI_GUARD_KEY_PASSWORD", "")
        for name in ("GITHUB_EVENT_NAME", "CI_PIPELINE_SOURCE"):
            patch.delenv(name, raising=False)
        Path("app.tar").write_bytes(b"artifact")
        Path("predicate.json").write_text(json.dumps(PREDICATE))
        Path("parameters.json").write_text(json.dumps(PARAMETERS))
        policy = "// who built it\npredicate.runDetails.builder.id.startsWith('https://acme.example/')\n"
        Path("policy.cel").write_text(policy)
        assert cli.main(["keygen"]) == 0
        kind = ["--predicate", "predicate.json", "--type", "slsaprovenance1", "--output", "bundle.json"]
        assert cli.main(["attest", "app.tar", *kind, "--key", "cosign.key"]) == 0
        assert cli.main(["sign", "app.tar", "--key", "cosign.key"]) == 0
    return folder


@pytest.fixture
def there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


def verify(*arguments: str, bundle: str = "bundle.json") -> int:
    return cli.main(["verify", "app.tar", "--bundle", bundle, "--key", "cosign.pub", *arguments])


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("name", ALLOWED)
def test_what_it_says_is_accepted(name: str) -> None:
    assert verify(*ALLOWED[name]) == 0
    assert verify(*ALLOWED[name], bundle="app.tar.sigstore.json") == 1, "a plain signature says nothing"


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("name", REFUSED)
def test_what_it_does_not_say_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, words = REFUSED[name]
    assert verify(*arguments) == 1
    assert words in capsys.readouterr().out


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_judged_is_no_verdict(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, words = BROKEN[name]
    assert verify(*arguments) == 3
    assert words in capsys.readouterr().err


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"extra": 1}, "'extra' is missing"),
        ({"level": True}, "'level' is '1', expected True"),
        ({"debug": 0}, "'debug' is 'False', expected 0"),
        ({"flags": ["-O2", "-g"]}, "'flags' is"),
        ({"level": None}, "'level' is '1', expected None"),
        ({"ref": ...}, "'ref' was not expected"),
    ],
)
def test_external_parameters_are_all_or_nothing(
    change: dict[str, Any], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = {name: value for name, value in {**PARAMETERS, **change}.items() if value is not ...}
    (tmp_path / "p.json").write_text(json.dumps(wanted))
    assert verify("--external-parameters", str(tmp_path / "p.json")) == 1
    assert words in capsys.readouterr().out


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3, width=16) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=1), inner, max_size=3),
    max_leaves=6,
)


def canonical(value: Any) -> str:
    """Canonical text; 1.0 and -0.0 are written as 1 and 0."""

    def number(text: str) -> float:
        return int(float(text)) if float(text).is_integer() else float(text)

    return json.dumps(json.loads(json.dumps(value), parse_float=number), sort_keys=True)


@given(VALUES, VALUES)
def test_sameness_is_that_of_json(one: Any, other: Any) -> None:
    assert same_json(one, other) == (canonical(one) == canonical(other))
    assert same_json(one, json.loads(json.dumps(one)))
