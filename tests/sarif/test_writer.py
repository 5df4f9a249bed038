"""What we write is SARIF 2.1.0 by the standard's schema and by Microsoft's multitool, and says what it must."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings

from ci_guard.model.finding import Severity
from ci_guard.model.record import replace
from ci_guard.sarif.encoding import without_links
from ci_guard.sarif.fingerprint import line_hashes
from ci_guard.sarif.reader import read
from ci_guard.sarif.taxonomy import Taxon, Taxonomy
from ci_guard.sarif.writer import write
from tests import made_reports as made
from tests.sarif.multitool import flaws

CATEGORIES = ("pod-security", "images", "dependencies", "workflows", "provenance")
STANDARD = Taxonomy(
    name="pod-security-standards",
    title="Pod Security Standards",
    version="v1.37",
    guid="2f0e0bfc-3a4e-4f6a-9a3c-3d6b9a3d7c11",
    organization="Kubernetes",
    information_uri="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
    comprehensive=True,
    taxa=tuple(
        Taxon(i, i, f"check {i}", properties={"level": "baseline", "since": "v1.0"})
        for i in ("hostNamespaces", "privileged", "sysctls")
    ),
)


@cache
def schema() -> Any:
    return jsonschema_rs.validator_for(
        json.loads((Path(__file__).parent / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    )


def log(report: Any = made.REPORT, **options: Any) -> dict[str, Any]:
    data = write(report, made.read, categories=CATEGORIES, taxonomies=(STANDARD,), **options)
    value: dict[str, Any] = json.loads(data)
    schema().validate(value)
    return value


def results(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [r for run in value["runs"] for r in run["results"]]


def by_rule(value: dict[str, Any], rule: str) -> dict[str, Any]:
    return next(r for r in results(value) if r["ruleId"] == rule)


def test_one_run_a_category_and_empty_ones_are_kept() -> None:
    runs = log()["runs"]
    assert [run["automationDetails"]["id"] for run in runs] == [
        "ci-guard/manifests/",
        "ci-guard/dependencies/",
        "ci-guard/provenance/",
        "ci-guard/workflows/",
    ]
    assert [len(run["results"]) for run in runs] == [6, 1, 0, 0]
    assert {run["columnKind"] for run in runs} == {"unicodeCodePoints"}
    assert {run["tool"]["driver"]["semanticVersion"] for run in runs} == {"0.1.0"}


def test_rules_say_what_code_scanning_shows() -> None:
    rules = {r["id"]: r for r in log()["runs"][0]["tool"]["driver"]["rules"]}
    rule = rules["privileged-container"]
    assert rule["properties"]["security-severity"] == "9.5"
    assert rule["properties"]["precision"] == "high"
    assert rule["properties"]["tags"] == [
        "security",
        "pod-security",
        "pod-security/privileged",
        "cis-k8s/5.2.2",
        "mitre/T1611",
        "nist-800-53r5/CM-7",
    ]
    assert rule["defaultConfiguration"]["level"] == "error"
    assert "owns the node" in rule["help"]["text"]
    assert "**Remedy.**" in rule["help"]["markdown"]
    assert rules["image-tag-latest"]["properties"]["security-severity"] == "5.5"
    assert rules["image-tag-latest"]["defaultConfiguration"]["level"] == "warning"
    assert rules["image-tag-latest"]["help"]["text"]


def test_tags_are_ten_and_direct_controls_come_first() -> None:
    controls = {"nist-800-53r5": {f"CM-{n}": "related" for n in range(20)}, "slsa": {"Build-L3": "direct"}}
    meta = replace(made.PRIVILEGED, controls=controls, tags=("cwe",))
    report = replace(made.REPORT, rules={**made.RULES, meta.key: meta})
    rules = {r["id"]: r for r in log(report)["runs"][0]["tool"]["driver"]["rules"]}
    tags = rules["privileged-container"]["properties"]["tags"]
    assert tags[:5] == ["security", "cwe", "pod-security", "pod-security/privileged", "slsa/Build-L3"]
    assert len(tags) == 10


def test_an_explicit_warning_is_kept() -> None:
    assert by_rule(log(), "image-tag-latest")["level"] == "warning"
    assert by_rule(log(), "image-tag-latest")["kind"] == "fail"


def test_relationships_point_at_the_taxon_they_name() -> None:
    run = log()["runs"][0]
    taxonomies = run["taxonomies"]
    seen = 0
    for rule in run["tool"]["driver"]["rules"]:
        for relation in rule.get("relationships", []):
            target = relation["target"]
            taxonomy = taxonomies[target["toolComponent"]["index"]]
            assert taxonomy["name"] == target["toolComponent"]["name"]
            assert taxonomy["guid"] == target["toolComponent"]["guid"]
            assert taxonomy["taxa"][target["index"]]["id"] == target["id"]
            seen += 1
    assert seen == 6
    pod_security = next(t for t in taxonomies if t["name"] == "pod-security-standards")
    assert (pod_security["version"], pod_security["guid"]) == (STANDARD.version, STANDARD.guid)
    assert pod_security["taxa"][1]["properties"] == {"level": "baseline", "since": "v1.0"}
    assert [t["id"] for t in pod_security["taxa"]] == [
        "hostNamespaces",
        "privileged",
        "sysctls",
        "capabilities_baseline",
    ]


def test_suppressed_and_implied_results_are_marked_and_not_uploaded() -> None:
    accepted = by_rule(log(), "host-network")["suppressions"]
    assert [(s["kind"], s["justification"]) for s in accepted] == [("inSource", "the exporter needs it")]
    implied = next(r for r in results(log()) if "NET_RAW" in r["message"]["text"])
    assert implied["suppressions"][0]["kind"] == "external"
    uploaded = results(log(suppressed=False))
    assert len(uploaded) == 5
    assert not any("suppressions" in r for r in uploaded)


def test_sensitive_source_never_appears() -> None:
    assert b"hunter2" not in write(made.REPORT, made.read)


def test_line_hash_and_own_fingerprint() -> None:
    prints = by_rule(log(), "privileged-container")["partialFingerprints"]
    assert prints["primaryLocationLineHash"] == line_hashes(made.MANIFEST)[14 - 1]
    assert re.fullmatch(r"[0-9a-f]{64}", prints["ciGuardResource/v1"])
    assert "primaryLocationLineHash" not in by_rule(log(), "secret-in-env")["partialFingerprints"]


def test_too_many_results_are_cut_for_upload_and_said() -> None:
    low = replace(made.FINDINGS[4], severity=Severity.LOW)
    report = replace(made.REPORT, findings=(low,) * 25_010 + (made.FINDINGS[0],))
    run = json.loads(write(report, made.read, suppressed=False))["runs"][0]
    assert len(run["results"]) == 25_000
    assert run["results"][0]["ruleId"] == "privileged-container", "the worst first"
    said = [n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]]
    assert any("25,011 results; the 25,000 most severe" in text for text in said)


def test_what_could_not_be_judged_is_said() -> None:
    broken = replace(
        made.REPORT, unjudged=(*made.REPORT.unjudged, made.Unjudged("", "advisories", "the service failed"))
    )
    first = log(broken)["runs"][0]["invocations"][0]
    assert first["executionSuccessful"] is False
    levels = [n["level"] for n in first["toolExecutionNotifications"]]
    assert levels == ["warning", "error", "note"]
    assert log()["runs"][0]["invocations"][0]["executionSuccessful"] is True


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(made.reports)
def test_any_report_is_valid_deterministic_and_free_of_controls(report: made.Report) -> None:
    data = write(report, made.read, taxonomies=(STANDARD,))
    assert data == write(report, made.read, taxonomies=(STANDARD,))
    assert all(byte == 10 or 32 <= byte < 127 for byte in data)
    value = json.loads(data)
    json.dumps(value, ensure_ascii=False).encode("utf-8")  # no lone surrogate, which strict parsers refuse
    schema().validate(value)
    for found in results(value):
        uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9/\-._~!$&'()*+,;=@%]+", uri)
        text = found["message"]["text"]
        assert text
        assert text.isprintable()
        assert not re.search(r"(?<!\\)\](?=\()", without_links(text)), "no link but our own"


@pytest.mark.slow
def test_multitool_finds_no_error(tmp_path: Path) -> None:
    for number, options in enumerate(({}, {"suppressed": False})):
        file = tmp_path / f"{number}.sarif"
        file.write_bytes(write(made.REPORT, made.read, categories=CATEGORIES, taxonomies=(STANDARD,), **options))
        assert not flaws(file)


def test_related_places_are_linked_from_the_message() -> None:
    hostile = replace(made.place(2, "kind"), note="a [b](7) \\ \x1b")
    finding = replace(made.FINDINGS[0], related=(hostile, made.place(9, "hostNetwork")))
    data = write(replace(made.REPORT, findings=(finding,)), made.read)
    (found,) = results(json.loads(data))
    assert found["message"]["text"].endswith(r" (see [a \[b\](7) \\ \\u{1b}](1), [orders/deployment.yaml:9](2))")
    assert [place["id"] for place in found["relatedLocations"]] == [1, 2]
    schema().validate(json.loads(data))
    assert read(data, "f").findings[0].message == finding.message
