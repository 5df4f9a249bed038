"""Settings of package managers against what is wrong with them; a case is a folder with a file and `expected.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.engine.messages import LONGEST_VALUE
from ci_guard.sbom.settings import SETTINGS, read_settings, reader_of, subjects
from ci_guard.source.files import SIZE_LIMIT
from tests.sbom.test_deps_check import checked, ci_guard, lines

CASES = sorted((Path(__file__).parent / "settings").iterdir())
NOTHING = {"confuses": "", "insecure": "", "unchecked": "", "loose": "", "secret": False}


def file_of(case: Path) -> str:
    """The one file of a case that is judged, from the case's folder."""
    (found,) = [p for p in case.rglob("*") if p.is_file() and p.name != "expected.json"]
    return found.relative_to(case).as_posix()


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    name = file_of(case)
    found = read_settings(name, (case / name).read_bytes())
    if "broken" in expected:
        assert found.broken is not None
        assert found.broken.location.region is not None
        assert found.broken.location.region.start_line == expected["broken"]
        return
    assert found.broken is None
    observed: list[dict[str, Any]] = []
    for setting in found.settings:
        assert setting.location.region is not None
        facts = {key: value for key, value in setting.facts().items() if value and key != "tool"}
        assert all(len(value) <= LONGEST_VALUE for value in facts.values() if isinstance(value, str)), "cut in messages"
        observed.append({"line": setting.location.region.start_line, **facts})
    assert sorted(observed, key=json.dumps) == sorted(expected["settings"], key=json.dumps)
    assert all(set(NOTHING) < set(setting.facts()) for setting in found.settings)


def test_every_reader_has_a_case() -> None:
    assert {reader_of(file_of(case)) for case in CASES} == set(SETTINGS.values())


SEEDS = [(file_of(case), (case / file_of(case)).read_bytes()) for case in CASES]


@settings(max_examples=300, deadline=None)
@given(seed=st.sampled_from(SEEDS), draw=st.data())
def test_any_bytes_give_settings_or_the_place_where_it_breaks(seed: tuple[str, bytes], draw: st.DataObject) -> None:
    name, good = seed
    start = draw.draw(st.integers(0, len(good)))
    end = min(len(good), start + draw.draw(st.integers(0, 40)))
    data = good[:start] + draw.draw(st.binary(max_size=12)) + good[end:]
    found = read_settings(name, data)
    for subject in subjects(found):
        json.dumps(subject.variables)
    assert found.broken is None or found.broken.reason


@settings(max_examples=60, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda c: (
            st.lists(c)
            | st.dictionaries(st.sampled_from(["url", "repositories", "config", "canonical", "http-basic"]), c)
        ),
        max_leaves=8,
    )
)
def test_any_json_gives_settings(value: object) -> None:
    read_settings("composer.json", json.dumps(value).encode())


def test_what_is_secret_is_in_no_output(tmp_path: Path) -> None:
    """Whatever rules judge, in every format: neither a token, nor a password in an address, nor the line with it."""
    (tmp_path / ".npmrc").write_text(
        "//registry.example/:_authToken=tok3n-value\nregistry=http://u:passw0rd@r.example/\n"
    )
    (tmp_path / "requirements.txt").write_text(
        "--extra-index-url http://u:passw0rd@i.example/simple\nidna==3.10\ntool @ https://u:passw0rd@f.example/t-1.tar.gz\n"
    )
    (tmp_path / "bunfig.toml").write_text('[install.scopes]\na = { url = "http://r.example", token = "tok3n-value" }\n')
    (tmp_path / "uv.toml").write_text('allow-insecure-host = ["u:passw0rd@h.example"]\n')
    (tmp_path / "package-lock.json").write_text(  # one line, two entries
        '{"lockfileVersion": 3, "packages": {"": {}, "node_modules/a": {"version": "1.0.0"}, "node_modules/b": '
        '{"version": "1.0.0", "resolved": "http://u:passw0rd@r.example/b/-/b-1.0.0.tgz"}}}'
    )
    hidden = ("--ignore", "credential-in-package-settings")
    for output, more in (("text", ()), *((name, hidden) for name in ("text", "json", "sarif", "markdown"))):
        done = ci_guard(tmp_path, "deps", "check", "--format", output, "--no-color", *more)
        assert done.returncode == 1, done.stderr
        assert b"tok3n-value" not in done.stdout + done.stderr, (output, more)
        assert b"passw0rd" not in done.stdout + done.stderr, (output, more)


def test_settings_are_judged_on_their_line(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r base.txt\n")
    (tmp_path / "base.txt").write_text("--extra-index-url https://i.example/simple\nidna==3.10\n")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = {{ name }}\n")
    (tmp_path / ".npmrc").write_text("# the proxy\nstrict-ssl=false\n")
    code, report = checked(tmp_path)
    assert code == 1
    assert lines(report) == [
        ("dependency-without-hash", "base.txt", 2),
        ("index-allows-confusion", "base.txt", 1),
        ("package-source-without-tls", ".npmrc", 2),
    ]
    (not_read,) = [u for u in report["unjudged"] if u["subject"] == "pyproject.toml"]
    assert not_read["location"]["region"]["startLine"] == 2


def test_settings_that_cannot_be_read_are_not_passed(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("idna==3.10\n")
    with (tmp_path / ".npmrc").open("wb") as stream:
        stream.truncate(SIZE_LIMIT + 1)
    _, report = checked(tmp_path)
    (not_read,) = [u for u in report["unjudged"] if u["subject"] == ".npmrc"]
    assert "larger than" in not_read["reason"]


@pytest.mark.parametrize("filler", [" ", "=", "a", "-", "%a", "${", "<", "\t#", "://", "@"])
@pytest.mark.parametrize("name", [".npmrc", "pip.conf", "requirements.txt"])
def test_no_line_is_slow(name: str, filler: str) -> None:
    """A pattern that goes back and forth would need minutes for these, and pytest be stopped."""
    for line in (f"registry{filler * 100_000}", f"registry = x{filler * 100_000}x", f"--index-url{filler * 100_000}"):
        read_settings(name, line.encode())
