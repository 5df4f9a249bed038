"""Fields, types and API versions of built-in kinds: each folder in cases/ is one file and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.engine.catalogue import load_catalogue
from ci_guard.engine.selection import RuleOverride
from ci_guard.kubernetes.manifests import ManifestDocument, read_manifests
from ci_guard.kubernetes.resources import resources_of
from ci_guard.kubernetes.schema import Schemas, load
from ci_guard.kubernetes.structure import UnknownField, flaws
from ci_guard.kubernetes.suggestion import nearest, suggest
from ci_guard.kubernetes.versions import minor_of
from ci_guard.model.errors import ConfigError
from ci_guard.model.finding import Finding
from ci_guard.model.record import replace
from ci_guard.pipeline.lint import LintRequest, lint_bytes
from ci_guard.pipeline.manifests.structure import RULES as RULES_OF_STRUCTURE
from ci_guard.pipeline.manifests.structure import StructureJudge
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.source.document import Document
from ci_guard.source.reader import read

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "rules"
CASES = sorted(p for p in (HERE / "cases").iterdir() if p.is_dir())
OURS = ("unknown-field", "unknown-security-field", "wrong-type", "removed-api-version", "deprecated-api-version")

CATALOGUE = load_catalogue()


def judged(data: bytes, path: str = "input.yaml", version: str = "") -> list[Finding]:
    """What only the rules about structure say, by their places."""
    overrides = {
        r: RuleOverride(params={"kubernetesVersion": version}) for r in RULES_OF_STRUCTURE if version and r in OURS
    }
    selection = CATALOGUE.select("all", overrides=overrides)
    judge = StructureJudge(replace(selection, rules={rule: selection.rules[rule] for rule in OURS}))
    items = [i for i in read_manifests(path, data) if isinstance(i, ManifestDocument)]
    found = [f for item in items for resource in item.resources for f in judge.judge(resource, ())]
    return sorted(found, key=lambda f: (f.location.region.start_line, f.location.region.start_column))  # type: ignore[union-attr]


def test_a_wrong_type_is_said_once() -> None:
    data = (HERE / "cases" / "misplaced-and-misspelt" / "input.yaml").read_bytes()
    request = LintRequest(HERE, ("input.yaml",), RuleChoice(profile="all"))
    found = [f.path for f in lint_bytes(request, "input.yaml", data).judged.findings if f.rule == "wrong-type"]
    assert sorted(found) == sorted(f.path for f in judged(data) if f.rule == "wrong-type")


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Path) -> None:
    expected = yaml.safe_load((case / "expected.yaml").read_text("utf-8"))
    path = next(p for p in case.iterdir() if p.stem == "input")
    found = judged(path.read_bytes(), path.name, expected.get("version", ""))
    said = [f"{f.location.region.start_line}:{f.location.region.start_column} {f.rule}: {f.message}" for f in found]  # type: ignore[union-attr]
    assert said == expected["findings"]


@pytest.mark.parametrize("rule", [r for r in OURS if r != "wrong-type"])
def test_the_examples_of_a_rule_are_its_tests(rule: str) -> None:
    (path,) = RULES.glob(f"*/{rule}.yaml")
    examples = yaml.safe_load(path.read_text("utf-8"))["examples"]
    for text in examples["good"]:
        assert judged(text.encode()) == []
    for text in examples["bad"]:
        marked = [n for n, line in enumerate(text.splitlines(), 1) if "# finding" in line]
        assert [(f.rule, f.location.region.start_line) for f in judged(text.encode())] == [(rule, n) for n in marked]  # type: ignore[union-attr]


def good_examples() -> Iterator[Any]:
    for path in sorted(RULES.glob("*/*.yaml")):
        rule = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
        for number, example in enumerate(rule.get("examples", {}).get("good", []), 1):
            yield pytest.param(example, id=f"{path.stem}-{number}")


@pytest.mark.parametrize("example", list(good_examples()))
def test_the_good_examples_of_all_rules_would_be_accepted(example: Any) -> None:
    text, path = (
        (example, "input.yaml") if isinstance(example, str) else (example["text"], example.get("path", "a.yaml"))
    )
    assert [f"{f.rule}: {f.message}" for f in judged(text.encode(), path) if not f.rule.endswith("api-version")] == []


def document(text: str) -> Document:
    (found,) = read("input.yaml", text.encode(), "kubernetes")
    assert isinstance(found, Document)
    return found


def flaws_of(value: Any, minor: int = 0) -> list[Any]:
    holder = document("a: 1\n")
    return [flaw for r in resources_of(holder, value) for flaw in flaws(r, load(), minor)]


def fields_in(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field of an object but those of free-form maps."""
    free = {"labels", "annotations", "matchLabels", "limits", "requests", "nodeSelector"}
    if isinstance(value, dict):
        for key, child in value.items():
            if not way or way[-1] not in free:
                yield (*way, key)
            yield from fields_in(child, (*way, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from fields_in(child, (*way, index))


DEPLOYMENT = yaml.safe_load((HERE / "deployment.yaml").read_text("utf-8"))
FIELDS = [way for way in fields_in(DEPLOYMENT) if way not in (("apiVersion",), ("kind",))]
CONTEXT = {"securityContext", "runAsNonRoot", "privileged", "capabilities", "readOnlyRootFilesystem", "hostNetwork"}


def test_the_deployment_is_clean_and_rich() -> None:
    assert flaws_of(DEPLOYMENT) == []
    assert len({way[-1] for way in FIELDS}) > 90


def slips(name: str) -> set[str]:
    """`name` with one letter dropped, doubled, swapped with the next, or of the other case."""
    found = {name[:i] + name[i + 1 :] for i in range(len(name))} | {
        name[:i] + name[i] + name[i:] for i in range(len(name))
    }
    found |= {name[:i] + name[i + 1] + name[i] + name[i + 2 :] for i in range(len(name) - 1)}
    found |= {name[:i] + name[i].swapcase() + name[i + 1 :] for i in range(len(name))}
    return found - {name, ""}


@pytest.mark.parametrize("way", FIELDS, ids=lambda w: ".".join(map(str, w)))
def test_every_slip_in_every_field_is_found(way: tuple[Any, ...]) -> None:
    *parents, name = way
    for slip in slips(name):
        broken = deepcopy(DEPLOYMENT)
        owner = broken
        for key in parents:
            owner = owner[key]
        if slip in owner or any(slip == other[-1] for other in FIELDS if other[:-1] == way[:-1]):
            continue
        owner[slip] = owner.pop(name)
        found = [f for f in flaws_of(broken) if isinstance(f, UnknownField)]
        assert [f.path for f in found] == [(*parents, slip)], slip
        suggestion = suggest(found[0], load())
        if len(name) > 4:
            assert suggestion.name, slip
        if name in CONTEXT:
            assert suggestion.security, slip


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
names = st.sampled_from(sorted({way[-1] for way in FIELDS if isinstance(way[-1], str)}))
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=5), inner, max_size=6),
    max_leaves=30,
)
kinds = st.sampled_from(
    sorted(
        line.split("\t")[1]
        for line in (HERE.parents[1] / "ci_guard/kubernetes/schemas/builtin.tsv").read_text("utf-8").splitlines()
        if line.startswith("kind")
    )
)


@given(kinds, st.dictionaries(names, trees, max_size=5), st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_any_tree_is_judged(kind: str, value: dict[str, Any], minor: int) -> None:
    api_version, name = kind.split(" ")
    for flaw in flaws_of({**value, "apiVersion": api_version, "kind": name}, minor):
        if isinstance(flaw, UnknownField):
            suggest(flaw, load())


@given(st.sampled_from(FIELDS), trees)
@settings(max_examples=300, deadline=None)
def test_any_value_at_any_field_is_judged(way: tuple[Any, ...], value: Any) -> None:
    broken = deepcopy(DEPLOYMENT)
    owner = broken
    for key in way[:-1]:
        owner = owner[key]
    owner[way[-1]] = value
    for flaw in flaws_of(broken):
        assert flaw.path[: len(way)] == way


def test_the_lines_of_a_secret_are_not_shown() -> None:
    found = judged(b"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {pin: 1234}\npassword: hunter2\n")
    assert [f.location.snippet for f in found] == ["", ""]


def test_a_version_that_is_none_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="kubernetesVersion"):
        judged(b"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {}\n", version="newest")


@pytest.mark.parametrize(
    ("text", "minor"),
    [("v1.29", 29), ("1.30", 30), ("1.31.4", 31), ("any", 0), ("latest", 37), ("29", None), (1.3, None)],
)
def test_versions(text: object, minor: int | None) -> None:
    assert minor_of(text) == minor


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("securityContxt", "securityContext"),
        ("SecurityContext", "securityContext"),
        ("security_context", "securityContext"),
        ("sceurityContext", "securityContext"),
        ("replicas", ""),
        ("ip", ""),
        ("", ""),
    ],
)
def test_the_nearest_name(name: str, meant: str) -> None:
    assert nearest(name, ["securityContext", "containers", "iq"]) == meant


def schema_types(schemas: Schemas) -> Iterator[tuple[str, str]]:
    text = (HERE.parents[1] / "ci_guard/kubernetes/schemas/builtin.tsv").read_text("utf-8")
    for line in text.splitlines()[2:]:
        sort, name, *_ = line.split("\t")
        yield sort, name


def test_every_type_of_the_data_is_there() -> None:
    schemas = load()
    assert (schemas.oldest, schemas.newest) == (25, 37)
    for sort, name in schema_types(schemas):
        if sort == "kind":
            kind = schemas.kind(*name.split(" "))
            assert kind is not None
            assert {"apiVersion", "kind"} <= schemas.fields(kind.type).keys(), name
        else:
            for field in schemas.fields(name).values():
                assert re.fullmatch(r"(\[\]|\{\})*([sbinqx*]|[\w./-]+)", field.type)
                if "/" in field.type:
                    schemas.fields(field.element)


def test_the_rules_know_their_parameter() -> None:
    selection = load_catalogue().select("all")
    assert selection.params("removed-api-version") == {"kubernetesVersion": "latest"}
    assert selection.params("unknown-field") == {"kubernetesVersion": "any"}
