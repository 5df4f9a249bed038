"""The predicates, against what GitHub's own generator writes and what SLSA asks for."""

from __future__ import annotations

import pytest

from ci_guard.attestation.policy import PREDICATE_TYPES, builder_id, predicate_type
from ci_guard.attestation.provenance import LOCAL_BUILDER, LocalBuild, predicate
from ci_guard.attestation.statement import Statement
from ci_guard.model.errors import UsageError

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/app",
    "GITHUB_WORKFLOW_REF": "acme/app/.github/workflows/ci.yml@refs/heads/main",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SHA": "0" * 40,
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REPOSITORY_ID": "101",
    "GITHUB_REPOSITORY_OWNER_ID": "7",
    "RUNNER_ENVIRONMENT": "github-hosted",
    "GITHUB_RUN_ID": "99",
    "GITHUB_RUN_ATTEMPT": "1",
}
# Made by GitHub's own generator (@actions/attest 3, buildSLSAProvenancePredicate) from these values.
GOLDEN = {
    "buildDefinition": {
        "buildType": "https://actions.github.io/buildtypes/workflow/v1",
        "externalParameters": {
            "workflow": {
                "ref": "refs/heads/main",
                "repository": "https://github.com/acme/app",
                "path": ".github/workflows/ci.yml",
            }
        },
        "internalParameters": {
            "github": {
                "event_name": "push",
                "repository_id": "101",
                "repository_owner_id": "7",
                "runner_environment": "github-hosted",
            }
        },
        "resolvedDependencies": [
            {"uri": "git+https://github.com/acme/app@refs/heads/main", "digest": {"gitCommit": "0" * 40}}
        ],
    },
    "runDetails": {
        "builder": {"id": "https://github.com/acme/app/.github/workflows/ci.yml@refs/heads/main"},
        "metadata": {"invocationId": "https://github.com/acme/app/actions/runs/99/attempts/1"},
    },
}
LOCAL = LocalBuild(("ci-guard", "run", "."), "1" * 40, "", "2026-01-01T00:00:00Z")


def test_github_actions_writes_githubs_own_fields() -> None:
    assert predicate(GITHUB, LOCAL) == (GOLDEN, "")


@pytest.mark.parametrize("name", sorted(set(GITHUB) - {"GITHUB_ACTIONS"}))
def test_a_missing_value_is_said_and_never_guessed(name: str) -> None:
    written, why = predicate({**GITHUB, name: ""}, LOCAL)
    assert why == f"the environment lacks {name}"
    assert written["runDetails"]["builder"]["id"] == LOCAL_BUILDER


def test_act_is_not_github() -> None:
    written, why = predicate({**GITHUB, "ACT": "true"}, LOCAL)
    assert "act" in why
    assert written["runDetails"]["builder"]["id"] == LOCAL_BUILDER


def test_a_local_run_claims_what_it_knows() -> None:
    written, why = predicate({}, LOCAL)
    assert why == ""
    assert written["buildDefinition"]["externalParameters"] == {"command": ["ci-guard", "run", "."]}
    assert written["buildDefinition"]["resolvedDependencies"] == [{"digest": {"gitCommit": "1" * 40}}]
    assert written["runDetails"]["metadata"] == {"finishedOn": "2026-01-01T00:00:00Z"}
    bare, _ = predicate({}, LocalBuild())
    assert bare["buildDefinition"]["resolvedDependencies"] == []


@pytest.mark.parametrize("value", [{}, LOCAL], ids=["github", "local"])
def test_slsa_finds_what_it_requires(value: object) -> None:
    written, _ = predicate(GITHUB if value == {} else {}, LOCAL)
    assert written["buildDefinition"]["buildType"].startswith("https://")
    assert isinstance(written["buildDefinition"]["externalParameters"], dict)
    statement = Statement((), PREDICATE_TYPES["slsaprovenance1"], written)
    assert builder_id(statement) == written["runDetails"]["builder"]["id"]


def test_predicate_types_by_name_or_uri() -> None:
    assert predicate_type("cyclonedx") == "https://cyclonedx.org/bom"
    assert predicate_type("https://example.com/p/v1") == "https://example.com/p/v1"
    assert predicate_type("urn:x:y") == "urn:x:y"
    for wrong in ("", "slsa", "no scheme", "://x", "https:", "ht tp:x"):
        with pytest.raises(UsageError, match="no predicate type"):
            predicate_type(wrong)


GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": "https://gitlab.example/acme/app",
    "CI_PROJECT_ID": "7",
    "CI_CONFIG_PATH": ".gitlab-ci.yml",
    "CI_COMMIT_SHA": "1" * 40,
    "CI_COMMIT_REF_NAME": "v1.0",
    "CI_COMMIT_TAG": "v1.0",
    "CI_PIPELINE_SOURCE": "push",
    "CI_JOB_NAME": "build",
    "CI_JOB_URL": "https://gitlab.example/acme/app/-/jobs/9",
    "CI_RUNNER_ID": "3",
}


def test_gitlab() -> None:
    made, why = predicate(GITLAB, LocalBuild())
    assert why == ""
    assert made["buildDefinition"]["externalParameters"] == {
        "pipeline": {
            "project": "https://gitlab.example/acme/app",
            "ref": "refs/tags/v1.0",
            "config": ".gitlab-ci.yml",
            "job": "build",
        }
    }
    assert made["buildDefinition"]["resolvedDependencies"][0]["uri"].endswith("acme/app@refs/tags/v1.0")
    assert made["runDetails"]["builder"]["id"] == "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/tags/v1.0"
    made, _ = predicate({**GITLAB, "CI_COMMIT_TAG": ""}, LocalBuild())
    assert made["buildDefinition"]["externalParameters"]["pipeline"]["ref"] == "refs/heads/v1.0"
    made, why = predicate({**GITLAB, "CI_RUNNER_ID": ""}, LocalBuild())
    assert (made["runDetails"]["builder"]["id"], why) == (LOCAL_BUILDER, "the environment lacks CI_RUNNER_ID")


def test_the_builder_is_whom_the_certificate_names() -> None:
    signer = "https://github.com/acme/shared/.github/workflows/build.yml@refs/tags/v1"
    made, _ = predicate(GITHUB, LocalBuild(), signer)
    assert made["runDetails"]["builder"] == {"id": signer}
