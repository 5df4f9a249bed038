"""SLSA provenance v1: how the subjects came about, as far as the builder can know.

Two build types. On GitHub Actions exactly the fields that GitHub's own generator writes, because GitHub's
attestation service refuses others; everywhere else our own local build type, which claims no more than that
somebody ran ci-guard on a commit. Nothing is guessed: an environment that lacks a value is not GitHub Actions.
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


def predicate(environ: Mapping[str, str], local: LocalBuild) -> tuple[Mapping[str, Any], str]:
    """The provenance predicate, and "" or what kept a GitHub Actions run from being described as one."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return _local(local), ""
    if environ.get("ACT"):
        return _local(local), "this is act, not GitHub Actions"
    missing = [name for name in _GITHUB if not environ.get(name)]
    if missing:
        return _local(local), f"the environment lacks {', '.join(missing)}"
    return _github(environ), ""


def _github(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """GitHub's own fields. Their generator takes them from the OIDC token; with a key only the environment is there.

    `GITHUB_WORKFLOW_REF` names the calling workflow, so in a reusable workflow the builder is the caller.
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
            "builder": {"id": f"{server}/{workflow}"},
            "metadata": {"invocationId": f"{server}/{repository}/actions/runs/{run}"},
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
