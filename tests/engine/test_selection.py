"""Which rules judge: profiles, options, configuration, versions; and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ci_guard.engine.catalogue import Catalogue
from ci_guard.engine.rule import minor_version
from ci_guard.engine.selection import RuleOverride
from ci_guard.model.errors import CiGuardError, ConfigError, UsageError
from tests.engine.judging import CATALOGUE


def changed(change: Callable[[dict[str, Any]], None]) -> Catalogue:
    catalog = json.loads((CATALOGUE.folder / "catalog.json").read_bytes())
    change(catalog)
    return Catalogue(CATALOGUE.folder, catalog, {})


def test_profiles() -> None:
    names = {"default", "pss-baseline", "pss-restricted", "cis-kubernetes", "nsa-cisa", "all"}
    names |= {"sbom-ntia", "sbom-cisa-2025", "sbom-bsi"}
    assert CATALOGUE.profiles.keys() == names
    default = CATALOGUE.select("default")
    for rule in default.rules.values():
        if rule.rule.check and CATALOGUE.checks[rule.rule.check].level == "restricted":
            assert rule.severity == "medium"
    restricted = CATALOGUE.select("pss-restricted")
    assert restricted.severity("may-run-as-root") == "high"
    assert {"host-path-volume", "seccomp-unconfined"}.isdisjoint(restricted.rules), "overridden at this level"
    baseline = CATALOGUE.select("pss-baseline")
    assert "host-path-volume" in baseline.rules and "may-run-as-root" not in baseline.rules
    everything = CATALOGUE.select("all", repo_wide=True)
    assert set(everything.rules) == set(CATALOGUE.rule_ids)
    for profile in CATALOGUE.profiles:
        rules = CATALOGUE.select(profile).rules
        assert {"unreadable-input", "wrong-type", "duplicate-key", "suppression-without-reason"} <= rules.keys()
        assert "action-not-pinned" in rules or profile.startswith("sbom-")


def test_select_and_ignore_take_rules_and_folders() -> None:
    more = CATALOGUE.select("pss-baseline", select=["image-without-digest"])
    assert "image-without-digest" in more.rules and "image-latest-or-no-tag" not in more.rules
    assert "image-latest-or-no-tag" in CATALOGUE.select("pss-baseline", select=["images"]).rules
    assert "host-pid" not in CATALOGUE.select("default", ignore=["pod-security"]).rules
    assert "host-pid" not in CATALOGUE.select("default", ignore=["host-pid"], select=["host-pid"]).rules


def test_repo_wide_rules_judge_only_whole_repos() -> None:
    assert "violates-namespace-pod-security" not in CATALOGUE.select("default").rules
    assert "violates-namespace-pod-security" in CATALOGUE.select("default", repo_wide=True).rules


def test_categories() -> None:
    selection = CATALOGUE.select("default", categories={"workflows"})
    assert {r.rule.category for r in selection.rules.values()} == {"workflows"}


def test_overrides() -> None:
    selection = CATALOGUE.select(
        "default",
        overrides={
            "host-pid": RuleOverride(enabled=False),
            "host-ipc": RuleOverride(severity="note"),
            "unsafe-sysctls": RuleOverride(params={"allowed": ["kernel.msgmax"]}),
        },
    )
    assert "host-pid" not in selection.rules
    assert selection.severity("host-ipc") == "note"
    assert 'in ["kernel.msgmax"]' in selection.rules["unsafe-sysctls"].clauses[0].require
    assert (
        "privileged-container"
        in CATALOGUE.select(
            "pss-baseline", ignore=[], overrides={"privileged-container": RuleOverride(enabled=True)}
        ).rules
    )


@pytest.mark.parametrize(
    ("wishes", "error", "words"),
    [
        ({"profile": "no-such"}, ConfigError, "there are: all, cis-kubernetes, default, nsa-cisa, pss-baseline, pss-"),
        ({"select": ["no-such-rule"]}, UsageError, "no-such-rule"),
        ({"ignore": ["no-such-rule"]}, UsageError, "no-such-rule"),
        ({"overrides": {"no-such-rule": RuleOverride()}}, ConfigError, "no-such-rule"),
        ({"overrides": {"host-pid": RuleOverride(params={"x": 1})}}, ConfigError, "it has: none"),
        ({"overrides": {"unsafe-sysctls": RuleOverride(params={"allowed": "x"})}}, ConfigError, "expected a list"),
        ({"pod_security_version": "1.30"}, UsageError, "write v1.N or latest"),
        ({"pod_security_version": "v1.030"}, UsageError, "write v1.N or latest"),
        ({"pod_security_version": "v1.30.2"}, UsageError, "write v1.N or latest"),
        ({"pod_security_version": "v1.30\n"}, UsageError, "write v1.N or latest"),
    ],
)
def test_what_is_refused(wishes: dict[str, Any], error: type[CiGuardError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        CATALOGUE.select(**wishes)
    assert caught.value.exit_code == 2


def test_versions() -> None:
    assert minor_version("latest") == 37 == minor_version("v1.37")
    newer = CATALOGUE.select("default", pod_security_version="v1.99")
    assert newer.pod_security_version == "v1.37"
    (notice,) = newer.notices
    assert "v1.99" in notice.message
    assert CATALOGUE.select("default").notices == ()
    assert "host-probe-or-lifecycle-host" not in CATALOGUE.select("default", pod_security_version="v1.33").rules
    assert "host-probe-or-lifecycle-host" in CATALOGUE.select("default", pod_security_version="v1.34").rules


def test_preview_rules_are_capped() -> None:
    catalogue = changed(lambda c: c["rules"]["host-pid"].update({"status": "preview"}))
    assert catalogue.select("default").severity("host-pid") == "low"
    raised = catalogue.select("default", overrides={"host-pid": RuleOverride(severity="high")})
    assert raised.severity("host-pid") == "high"


def test_rules_that_are_off_by_default() -> None:
    catalogue = changed(lambda c: c["rules"]["host-pid"].update({"default": False}))
    assert "host-pid" not in catalogue.select("default").rules
    assert "host-pid" in catalogue.select("default", select=["host-pid"]).rules
    assert "host-pid" in catalogue.select("all").rules


def test_needs_names_what_rules_read() -> None:
    assert {"pod", "container", "image", "object"} <= CATALOGUE.select("all").needs
    assert "object" not in CATALOGUE.select("pss-baseline").needs
    assert "grants" not in CATALOGUE.select("pss-baseline").needs


def test_the_digest_is_of_what_decides() -> None:
    assert CATALOGUE.digest == changed(lambda c: None).digest
    assert CATALOGUE.digest != changed(lambda c: c["rules"].pop("host-pid")).digest
    assert CATALOGUE.digest.startswith("sha256:")


def test_a_framework_profile_has_the_rules_that_name_it() -> None:
    named = {id: CATALOGUE.meta(id).controls.get("nsa-cisa", {}) for id in CATALOGUE.rule_ids}
    wanted = {
        id
        for id, controls in named.items()
        if "direct" in controls.values() or (controls and CATALOGUE.rules[id].on_by_default)
    }
    chosen = CATALOGUE.select("nsa-cisa", repo_wide=True).rules
    whole = {"dependencies", "sbom", "provenance", "workflows", "input", "policy"}
    assert {id for id, s in chosen.items() if s.rule.category not in whole} == wanted
    assert {"may-run-as-root", "rbac-wildcard-verbs", "etcd-without-tls"} <= chosen.keys()
    assert all(s.severity == s.rule.severity for s in chosen.values() if s.rule.status != "preview")
