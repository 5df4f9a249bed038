"""The configuration: cases as folders, agreement with the published schema, precedence, and no other exception."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.config import values
from ci_guard.config.globs import matches
from ci_guard.config.loader import (
    CONFIG_KEYS,
    RULE_KEYS,
    SERVICE_KEYS,
    SIGNER_KEYS,
    SUPPRESSION_KEYS,
    load,
    read_config,
)
from ci_guard.config.problems import problems
from ci_guard.config.settings import config_path, switch
from ci_guard.config.types import Config, SuppressionEntry
from ci_guard.model.errors import ConfigError

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE.parent.parent / "docs/schemas/config.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)
CASES = sorted((HERE / "cases").iterdir())
UNSET = {Config: Config(), SuppressionEntry: SuppressionEntry("")}


def plain(value: Any, *, top: bool = True) -> Any:
    """What differs from the defaults, as JSON has it."""
    if hasattr(value, "__match_args__"):
        blank = UNSET.get(type(value))  # of a rule's setting nothing goes without saying
        members = {name: getattr(value, name) for name in value.__match_args__ if name not in {"source", "location"}}
        return {name: plain(m) for name, m in members.items() if blank is None or m != getattr(blank, name)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    return str(value) if value is not None and not isinstance(value, bool | int | float | str) else value


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    data = (case / ".ci-guard.yaml").read_bytes()
    if "config" in expected:
        assert plain(read_config(data, ".ci-guard.yaml")) == expected["config"]
        return
    with pytest.raises(ConfigError) as error:
        read_config(data, ".ci-guard.yaml")
    assert str(error.value) == expected.get("error", str(error.value))
    assert str(error.value).startswith(expected.get("error-begins", ""))
    assert error.value.exit_code == 2


# Values near the edge of what is allowed: right ones, near misses, wrong types.
TEXTS = """
high never critical latest v1.30 v1.0 v1.07 v2.1 1.30 default pss-baseline Bad_Name a/b ../a /a a\\b . .. a/../b
**/*.yaml
registry.example registry.example:5000/x https://registry.example 2026-12-31 2026-02-30 2026-1-1 20261231
privileged-container -x x- é
"""
WORDS = st.sampled_from([*TEXTS.split(), "", " ", "a b"]) | st.text(max_size=6)
SCALARS = WORDS | st.none() | st.booleans() | st.sampled_from([0, 1, 1.0, 2, -1, 1.5])
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))


def members(properties: dict[str, Any], given_values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mappings that mostly use known keys."""
    return st.dictionaries(st.sampled_from([*properties, "unknown"]), given_values, max_size=4)


SUPPRESSION = members(SCHEMA["$defs"]["suppression"]["properties"], SCALARS)
RULE = members(SCHEMA["$defs"]["rule"]["properties"], SCALARS | st.dictionaries(st.text(max_size=3), SCALARS))
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "version": SCALARS,
        "profile": SCALARS,
        "pod-security-version": SCALARS,
        "fail-on": SCALARS,
        "paths": st.lists(WORDS, max_size=3) | JSON,
        "exclude": st.lists(WORDS, max_size=3) | JSON,
        "baseline": SCALARS,
        "registries": st.lists(WORDS, max_size=3) | JSON,
        "suppressions": st.lists(SUPPRESSION | JSON, max_size=2) | JSON,
        "rules": st.dictionaries(WORDS, RULE | JSON, max_size=2) | JSON,
        "unknown": SCALARS,
    },
)
TINY = st.sampled_from(sorted(SCHEMA["properties"])).flatmap(lambda key: JSON.map(lambda value: {key: value}))


def loads(data: bytes) -> bool:
    try:
        read_config(data, ".ci-guard.yaml")
    except ConfigError:
        return False
    return True


NAMES = st.sampled_from(["keys/a.pub", "/a", "", " ", "me@shop.example", "https://issuer.example"]) | SCALARS
SIGNER = members(SCHEMA["$defs"].get("signer", {}).get("properties") or dict.fromkeys(SIGNER_KEYS), NAMES)
PATTERNS = st.sampled_from(["registry.example/team/**", "**/app", "registry.example/*", "a"])
IMAGE = st.fixed_dictionaries(
    {},
    optional={
        "match": st.lists(PATTERNS | SCALARS, max_size=2),
        "signed-by": st.lists(SIGNER | JSON, max_size=2),
        "attested": st.lists(NAMES, max_size=2),
        "unknown": SCALARS,
    },
)
HOSTS = st.sampled_from(["registry.example", "*.registry.example:5000", "http://x", "10.0.0.0/8"]) | SCALARS
MORE = st.fixed_dictionaries(
    {},
    optional={
        "images": st.lists(IMAGE | JSON, max_size=2) | JSON,
        "services": members(dict.fromkeys(SERVICE_KEYS), st.lists(HOSTS, max_size=2) | JSON),
        "advisories-max-age": st.integers(-1, 40_000) | SCALARS,
        "kubernetes-version": st.sampled_from(["1.30.2", "v1.30.2-eks", "1.30", "2.0.0"]) | SCALARS,
        "repo-may": st.lists(st.sampled_from(["exclude", "params", "extends"]) | SCALARS, max_size=2),
        **{key: st.lists(NAMES, max_size=2) for key in ("advisories", "vex", "vex-products", "rule-paths")},
        **{key: NAMES for key in ("ratchet", "extends")},
    },
)


def as_yaml(value: Any) -> bytes:
    """JSON that is YAML as well: no pairs of surrogates, and nothing raw that YAML takes for unprintable."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() or ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in text).encode()


@given(CONFIG | MORE | TINY | JSON)
def test_loader_and_schema_agree_and_every_refusal_has_its_problems(value: Any) -> None:
    data = as_yaml(value)
    assert loads(data) == VALIDATOR.is_valid(value) == (problems(data, ".ci-guard.yaml") == [])


def test_the_schema_knows_every_key() -> None:
    assert set(SCHEMA["properties"]) == set(CONFIG_KEYS)
    assert set(SCHEMA["$defs"]["suppression"]["properties"]) == set(SUPPRESSION_KEYS)
    assert set(SCHEMA["$defs"]["rule"]["properties"]) == set(RULE_KEYS)


def test_all_problems_are_named_at_once() -> None:
    data = (HERE / "many-problems.yaml").read_bytes()
    lines = [number for number, line in enumerate(data.decode().splitlines(), start=1) for _ in range(line.count("!"))]
    found = problems(data, "f.yaml")
    assert [error.line for error in found] == lines, [str(error) for error in found]
    assert all(str(error).startswith(f"f.yaml:{error.line}: ") for error in found)


@pytest.mark.parametrize("case", [c for c in CASES if "config" in json.loads((c / "expected.json").read_text())])
def test_good_cases_fit_the_schema(case: Path) -> None:
    import yaml

    loader = yaml.BaseLoader  # text only: version and booleans are checked by the property above
    raw = yaml.load((case / ".ci-guard.yaml").read_bytes(), loader)
    if isinstance(raw, dict):
        assert set(raw) <= set(SCHEMA["properties"])


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_config_or_a_config_error(data: bytes) -> None:
    loads(data)


def test_precedence_is_option_environment_file_default() -> None:
    file = b"fail-on: low\nprofile: pss-baseline\n"
    environ = {"CI_GUARD_FAIL_ON": "medium", "CI_GUARD_BASELINE": "", "CI_GUARD_SELECT": "rule-a, rule-b"}
    assert load(None, "", {}, {}) == Config()
    assert load(file, "f", {}, {"fail_on": None}).fail_on == "low"
    assert load(file, "f", environ, {}).fail_on == "medium"
    config = load(file, "f", environ, {"fail_on": "never", "select": None, "ignore": "rule-c"})
    assert (config.fail_on, config.profile, config.baseline) == ("never", "pss-baseline", "")
    assert (config.select, config.ignore) == (("rule-a", "rule-b"), ("rule-c",))


@pytest.mark.parametrize(
    ("environ", "options", "message"),
    [
        (
            {"CI_GUARD_FAIL_ON": "hgih"},
            {},
            "CI_GUARD_FAIL_ON: expected one of critical, high, medium, low, note, never",
        ),
        ({}, {"pod_security_version": "1.30"}, "--pod-security-version: expected latest or a version such as v1.30"),
        ({}, {"select": "a,B"}, "--select: expected a rule id"),
    ],
)
def test_wrong_option_or_variable_is_named(environ: dict[str, str], options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        load(None, "", environ, options)


def test_the_configuration_is_found_by_option_environment_or_name() -> None:
    assert config_path({}, {}) == (".ci-guard.yaml", False)
    assert config_path({"config": None}, {"CI_GUARD_CONFIG": "a.yaml"}) == ("a.yaml", True)
    assert config_path({"config": "b.yaml"}, {"CI_GUARD_CONFIG": "a.yaml"}) == ("b.yaml", True)


def test_switches_know_yes_and_no() -> None:
    assert switch("online", {"online": True}, {"CI_GUARD_ONLINE": "0"})
    assert switch("online", {"online": None}, {"CI_GUARD_ONLINE": "yes"})
    assert not switch("online", {}, {"CI_GUARD_ONLINE": "false"})
    with pytest.raises(ConfigError, match="CI_GUARD_ONLINE"):
        switch("online", {}, {"CI_GUARD_ONLINE": "perhaps"})


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("deploy", "deploy/a/b.yaml", True),
        ("deploy/", "deploy/a.yaml", True),
        ("./deploy", "deploy/a.yaml", True),
        ("deploy", "other/deploy/a.yaml", False),
        ("**/deploy", "other/deploy/a.yaml", True),
        ("**/deploy", "deploy/a.yaml", True),
        ("*.yaml", "a.yaml", True),
        ("*.yaml", "deploy/a.yaml", False),
        ("**/*.yaml", "a.yaml", True),
        ("**/*.yaml", "deploy/x/a.yaml", True),
        ("a/**/z.yaml", "a/z.yaml", True),
        ("a/**/z.yaml", "a/b/c/z.yaml", True),
        ("a/**/z.yaml", "a/b/c/y.yaml", False),
        ("**", "anything/at/all", True),
        ("a/**", "a/b", True),
        ("a/**", "ab/c", False),
        ("a/?.yaml", "a/b.yaml", True),
        ("a/[bc].yaml", "a/d.yaml", False),
        ("a*c", "a/c", False),
    ],
)
def test_globs(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@given(st.text(max_size=30), st.text(max_size=30))
def test_globs_never_raise(pattern: str, path: str) -> None:
    assert matches(pattern, path) in {True, False}


@given(st.text(max_size=20))
def test_values_raise_value_errors_only(text: str) -> None:
    for parse in (values.fail_on, values.rule_id, values.registry, values.relative_path, values.day):
        try:
            parse(text)
        except ValueError as error:
            assert str(error)
