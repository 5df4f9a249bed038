"""Rule files: shape and schema agree, errors name file and line, and what makes no sense is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.engine import building, documentation, rulefile, yamlfile
from ci_guard.engine.catalogue import load_catalogue, rules_folder
from ci_guard.engine.ownrules import OwnFile
from ci_guard.engine.ruleformat import RULE, schema
from ci_guard.model.errors import CiGuardError, ConfigError, UsageError
from ci_guard.pipeline.rules_test import test_rules as run_examples


def own(path: Path) -> OwnFile:
    return OwnFile(str(path), path.read_bytes())


FILES = [found.text for found in building.rule_files(rules_folder())]
VALIDATOR = jsonschema.Draft202012Validator(schema())

GOOD = """\
id: flawed-name
title: Container has a flawed name
since: 0.1.0
severity: low
each: container
require: "container.?name.orValue('') != params.name"
params: {name: flawed}
at: name
message: 'container "{container.name}" is flawed'
threat:
  stride: [tampering]
  dread: {damage: 1, reproducibility: 1, exploitability: 1, affected-users: 1, discoverability: 1}
why: It is.
remedy: Rename it.
references: [https://kubernetes.io/]
examples:
  good:
  - |
    {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: api, image: i}]}}
  bad:
  - |
    apiVersion: v1
    kind: Pod
    metadata: {name: a}
    spec:
      containers:
      - name: flawed # finding
        image: i
"""


def rule_at(tmp_path: Path, text: str, name: str = "flawed-name") -> Path:
    path = tmp_path / "reliability" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads((rules_folder() / "schema.json").read_text()) == schema()


@pytest.mark.parametrize("text", FILES, ids=lambda t: t["id"])
def test_shipped_rules_fit_the_schema(text: dict[str, Any]) -> None:
    VALIDATOR.validate(text)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path below `value`."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, member in members for p in places(member, (*path, key)))]


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_loader_and_schema_agree_on_mutated_rules(data: st.DataObject) -> None:
    text = copy.deepcopy(data.draw(st.sampled_from(FILES)))
    path = data.draw(st.sampled_from([p for p in places(text) if p]))
    owner = text
    for part in path[:-1]:
        owner = owner[part]
    change = data.draw(st.sampled_from(["remove", "replace", "add"]))
    strange = st.sampled_from([None, True, 0, 11, -1, 1.5, "", "x", "v1.07", "a b", [], [""], {}, {"x": 1}, ["x", 1]])
    if change == "remove":
        del owner[path[-1]]
    elif change == "replace":
        owner[path[-1]] = data.draw(strange)
    elif isinstance(owner, dict):
        owner[data.draw(st.sampled_from(["unknown", "require", "judge", "clauses", "add", "severity"]))] = "code"
    else:
        owner.append(data.draw(strange))
    # JSON Schema calls 1.0 an integer; we do not, and YAML never writes one for the other.
    assert VALIDATOR.is_valid(text) == (not list(RULE.flaws(text))), (path, change)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_loader_and_schema_agree_on_anything(value: Any) -> None:
    assert VALIDATOR.is_valid(value) == (not list(RULE.flaws(value)))


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("severity: low", "severity: lowest", 4, "severity: expected one of critical, high"),
        ("damage: 1,", "damage: 11,", 12, "threat.dread.damage: expected a whole number from 1 to 10"),
        ("damage: 1, ", "", 12, "threat.dread: expected the key 'damage'"),
        ("title: Container", "titel: Container", 2, "titel: expected one of the keys"),
        ("require:", "when:", 1, "exactly one of the keys require, clauses, judge"),
        ("id: flawed-name", "id: other-name", 1, "differs from the file's name"),
        ("at: name", "at: 'a b'", 6, "is no path"),
        ("params.name", "params.nome", 6, "nome"),
        ("params.name", "volume.name", 6, "volume: not known to `each: container`"),
        ("{container.name}", "{container.name", 6, "brace"),
        ("each: container\n", "", 1, "a rule says in `each`"),
        ("  bad:\n", "  bed:\n", 20, "examples.bed: expected one of the keys good, bad"),
        ("title: Container has a flawed name", "id: again", 2, "the key 'id' is there twice"),
        ("title: Container has a flawed name", "title: [", 4, ""),
        ("params: {name: flawed}", "params: {}", 7, "params: expected a map"),
        ("remedy: Rename it.", "remedy: x\nfix: {set: {'a b': 1}}", 15, "is no path"),
        ("remedy: Rename it.", "remedy: x\nfix: {set: {a: [1]}}", 15, "fix.set.a: expected"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    path = rule_at(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        rulefile.read(path)
    assert str(caught.value).startswith(f"{path}:{line}: "), str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("require", "words"),
    [
        ("container.?name", "exactly bool"),
        ("container.?x.orValue(false)", "exactly bool"),
        ("container.name ==", "Syntax error"),
        ("[1].reverse() == [1]", "reverse(): only cel-cpp has it"),
        ("container.?x.optMap(x, x == 1).orValue(true)", "optMap(): cel-cpp binds its variable wrongly"),
        ("sets.contains([1], [1])", "sets: cel-cpp has no sets library"),
        ("container.name in ['a', 1]", "a list literal of several types"),
        ("container.name != 'a\\\\0b'", "NUL"),
        ("nobody.knows == 1", "undeclared reference"),
    ],
)
def test_expressions_that_are_refused(tmp_path: Path, require: str, words: str) -> None:
    given = yaml.safe_load(GOOD)
    given["require"] = require.replace("\\\\", "\\")
    path = rule_at(tmp_path, yaml.safe_dump(given))
    with pytest.raises(ConfigError, match=r"flawed-name\.yaml:\d+: ") as caught:
        load_catalogue([own(path)])
    assert words in str(caught.value)


def test_a_sensitive_rule_must_not_tell_values(tmp_path: Path) -> None:
    text = GOOD.replace("severity: low", "severity: low\nsensitive: true")
    assert rulefile.read(rule_at(tmp_path, text)).meta.sensitive
    with pytest.raises(ConfigError, match="sensitive"):
        rulefile.read(rule_at(tmp_path, text.replace("{container.name}", "{container.image}")))


def test_revisions_come_in_order(tmp_path: Path) -> None:
    late_first = "revisions: [{since: v1.9, when: 'true'}, {since: v1.8, when: 'true'}]\n"
    with pytest.raises(ConfigError, match="oldest first"):
        rulefile.read(rule_at(tmp_path, GOOD + late_first))


def test_own_rules_judge_beside_the_shipped_ones(tmp_path: Path) -> None:
    path = rule_at(tmp_path, GOOD)
    catalogue = load_catalogue([own(path)])
    assert catalogue.meta("flawed-name").title == "Container has a flawed name"
    assert "flawed-name" in catalogue.select("all").rules
    assert catalogue.digest != load_catalogue().digest
    with pytest.raises(ConfigError, match=r"host-pid\.yaml:1: the id 'host-pid' is that of a shipped rule"):
        load_catalogue([own(rule_at(tmp_path, GOOD.replace("flawed-name", "host-pid"), "host-pid"))])
    with pytest.raises(ConfigError, match="is that of another own rule"):
        load_catalogue([own(path), own(path)._replace(path="other/flawed-name.yaml")])


def test_portable_is_found_out(tmp_path: Path) -> None:
    found = rulefile.read(rule_at(tmp_path, GOOD))
    assert building.entry(found)["portable"] is True
    joined = GOOD.replace("container.?name.orValue('') != params.name", "grants.size() == 0 || params.name == ''")
    entry = building.entry(rulefile.read(rule_at(tmp_path, joined)))
    assert entry["portable"] is False and "grants" in entry["not-portable"][0]


def test_examples_must_hold(tmp_path: Path) -> None:
    (good,) = run_examples(rules_folder(), [rule_at(tmp_path, GOOD)])
    assert (good.flaws, good.examples) == ([], 2)
    starts = GOOD.replace(
        "container.?name.orValue('') != params.name", "!container.?name.orValue('').startsWith('flawed')"
    )
    for old, new, flaw in (
        ("flawed # finding", "flawed", "a bad example marks"),
        ("flawed # finding", "fine # finding", "line 6 should have a finding"),
        ("[{name: api,", "[{name: flawed,", "line 1 should have no finding"),
        ("[{name: api,", "[{name: [api],", "could not be judged"),
    ):
        (result,) = run_examples(rules_folder(), [rule_at(tmp_path, starts.replace(old, new))])
        assert any(flaw in f for f in result.flaws), (new, result.flaws)


def test_a_fix_must_mend_its_own_bad_example(tmp_path: Path) -> None:
    def flaws(fix: str) -> list[str]:
        (result,) = run_examples(
            rules_folder(), [rule_at(tmp_path, GOOD.replace("references:", f"fix: {fix}\nreferences:"))]
        )
        return result.flaws

    assert flaws("{set: {name: api}}") == []
    assert flaws("{set: {image: i2}}") == ["bad example 1: the fix does not mend flawed-name in line 6"]
    assert flaws("{set: {name: api}, when: 'false'}") == ["the fix mends no bad example"]
    assert any("exactly bool" in flaw for flaw in flaws("{set: {name: api}, when: container.?x}"))


def test_a_started_rule_passes_its_own_test(tmp_path: Path) -> None:
    path = rule_at(tmp_path, documentation.skeleton("new-rule"), "new-rule")
    (result,) = run_examples(rules_folder(), [path])
    assert result.flaws == []


def test_a_rule_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run_examples(rules_folder(), [tmp_path / "none.yaml"])
    with pytest.raises(ConfigError, match="cannot be read"):
        rulefile.read(tmp_path / "none.yaml")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_a_place(data: bytes) -> None:
    try:
        file = yamlfile.parse(data, "rule.yaml")
        file.insist(RULE)
    except CiGuardError as error:
        assert str(error).startswith("rule.yaml")
