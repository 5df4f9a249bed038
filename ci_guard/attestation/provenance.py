"""SLSA provenance v1: how the subjects came about, as far as the builder can know.

Three build types. On GitHub Actions exactly the fields that GitHub's own generator writes, because GitHub's
attestation service refuses others; on GitLab CI a build type of ours (docs/buildtypes/gitlab-ci-v1.md); everywhere else
our local one, which claims no more than that somebody ran ci-guard on a commit. Nothing is guessed: an environment
that lacks a value is none of the first two.
Source: https://slsa.dev/spec/v1.1/provenance, https://actions.github.io/buildtypes/workflow/v1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ci_guard import HOME_URL, TOOL_NAME, __version__
from ci_guard.attestation.policy import PREDICATE_TYPES
from ci_guard.model.record import record

PREDICATE_TYPE = PREDICATE_TYPES["slsaprovenance1"]
GITHUB_BUILD_TYPE = "https://actions.github.io/buildtypes/workflow/v1"
GITLAB_BUILD_TYPE = f"{HOME_URL}/buildtypes/gitlab-ci/v1"
LOCAL_BUILD_TYPE = f"{HOME_URL}/buildtypes/local/v1"
LOCAL_BUILDER = f"{HOME_URL}/builders/local/v1"

_GITHUB = (
    "GITHUB_SERVER_URL",
    "GITHUB_REPOSITORY",
    "GITHUB_WORKFLOW_REF",
    "GITHUB_REF",
    "GITHUB_SHA",
    "GITHUB_EVENT_NAME",
    "GITHUB_REPOSITORY_ID",
    "GITHUB_REPOSITORY_OWNER_ID",
    "RUNNER_ENVIRONMENT",
    "GITHUB_RUN_ID",
    "GITHUB_RUN_ATTEMPT",
)
"""What the GitHub predicate is made of."""
_GITLAB = (
    "CI_PROJECT_URL",
    "CI_PROJECT_ID",
    "CI_CONFIG_PATH",
    "CI_COMMIT_SHA",
    "CI_COMMIT_REF_NAME",
    "CI_PIPELINE_SOURCE",
    "CI_JOB_NAME",
    "CI_JOB_URL",
    "CI_RUNNER_ID",
)
"""What the GitLab predicate is made of."""


@record
class LocalBuild:
    """What is known of a run outside GitHub Actions.

    `command` is the command line as given (it must carry no secret); `commit` the commit id of the tree, "" when
    there is none; `source_uri` where that commit can be fetched, "" when unknown; `finished_on` RFC 3339, "" to
    leave it out.
    """

    command: Sequence[str] = ()
    commit: str = ""
    source_uri: str = ""
    finished_on: str = ""


def predicate(environ: Mapping[str, str], local: LocalBuild, builder: str = "") -> tuple[Mapping[str, Any], str]:
    """The provenance predicate, and "" or what kept a CI run from being described as one.

    `builder` is the workflow that the certificate names as the signer, where a certificate signs: GitHub's generator
    takes the builder from the same token, and in a reusable workflow the environment names the caller instead.
    """
    if environ.get("GITLAB_CI") == "true":
        missing = [name for name in _GITLAB if not environ.get(name)]
        if missing:
            return _local(local), f"the environment lacks {', '.join(missing)}"
        return _gitlab(environ), ""
    if environ.get("GITHUB_ACTIONS") != "true":
        return _local(local), ""
    if environ.get("ACT"):
        return _local(local), "this is act, not GitHub Actions"
    missing = [name for name in _GITHUB if not environ.get(name)]
    if missing:
        return _local(local), f"the environment lacks {', '.join(missing)}"
    return _github(environ, builder), ""


def _github(environ: Mapping[str, str], builder: str) -> Mapping[str, Any]:
    """GitHub's own fields. Their generator takes them from the OIDC token; with a key only the environment is there.

    `GITHUB_WORKFLOW_REF` names the calling workflow, so in a reusable workflow without `builder` it is the caller.
    """
    server, repository = environ["GITHUB_SERVER_URL"], environ["GITHUB_REPOSITORY"]
    workflow = environ["GITHUB_WORKFLOW_REF"]
    path, _, ref = workflow.removeprefix(f"{repository}/").partition("@")
    run = f"{environ['GITHUB_RUN_ID']}/attempts/{environ['GITHUB_RUN_ATTEMPT']}"
    return {
        "buildDefinition": {
            "buildType": GITHUB_BUILD_TYPE,
            "externalParameters": {
                "workflow": {"ref": ref, "repository": f"{server}/{repository}", "path": path},
            },
            "internalParameters": {
                "github": {
                    "event_name": environ["GITHUB_EVENT_NAME"],
                    "repository_id": environ["GITHUB_REPOSITORY_ID"],
                    "repository_owner_id": environ["GITHUB_REPOSITORY_OWNER_ID"],
                    "runner_environment": environ["RUNNER_ENVIRONMENT"],
                }
            },
            "resolvedDependencies": [
                {
                    "uri": f"git+{server}/{repository}@{environ['GITHUB_REF']}",
                    "digest": {"gitCommit": environ["GITHUB_SHA"]},
                }
            ],
        },
        "runDetails": {
            "builder": {"id": builder or f"{server}/{workflow}"},
            "metadata": {"invocationId": f"{server}/{repository}/actions/runs/{run}"},
        },
    }


def _gitlab(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """The builder is named as Fulcio names it in certificates for GitLab: project, `//`, configuration, ref."""
    project, name = environ["CI_PROJECT_URL"], environ["CI_COMMIT_REF_NAME"]
    ref = f"refs/tags/{name}" if environ.get("CI_COMMIT_TAG") else f"refs/heads/{name}"
    config = environ["CI_CONFIG_PATH"]
    return {
        "buildDefinition": {
            "buildType": GITLAB_BUILD_TYPE,
            "externalParameters": {
                "pipeline": {"project": project, "ref": ref, "config": config, "job": environ["CI_JOB_NAME"]},
            },
            "internalParameters": {
                "gitlab": {
                    "pipeline_source": environ["CI_PIPELINE_SOURCE"],
                    "project_id": environ["CI_PROJECT_ID"],
                    "runner_id": environ["CI_RUNNER_ID"],
                }
            },
            "resolvedDependencies": [
                {"uri": f"git+{project}@{ref}", "digest": {"gitCommit": environ["CI_COMMIT_SHA"]}},
            ],
        },
        "runDetails": {
            "builder": {"id": f"{project}//{config}@{ref}", "version": {TOOL_NAME: __version__}},
            "metadata": {"invocationId": environ["CI_JOB_URL"]},
        },
    }


def _local(local: LocalBuild) -> Mapping[str, Any]:
    source: dict[str, Any] = {}
    if local.source_uri:
        source["uri"] = local.source_uri
    if local.commit:
        source["digest"] = {"gitCommit": local.commit}
    metadata = {"finishedOn": local.finished_on} if local.finished_on else {}
    return {
        "buildDefinition": {
            "buildType": LOCAL_BUILD_TYPE,
            "externalParameters": {"command": list(local.command)},
            "resolvedDependencies": [source] if source else [],
        },
        "runDetails": {
            "builder": {"id": LOCAL_BUILDER, "version": {TOOL_NAME: __version__}},
            "metadata": metadata,
        },
    }
