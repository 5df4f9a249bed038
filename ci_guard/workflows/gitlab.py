"""GitLab pipelines -> subjects: the images of jobs and services, and the configuration of others that is included.

Source: docs.gitlab.com, "CI/CD YAML syntax reference" (`image`, `services`, `include`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.location import NodePath
from ci_guard.model.subject import Subject, SubjectId
from ci_guard.workflows.steps import WorkflowDocument, comments_by_line
from ci_guard.workflows.uses import is_commit, parse_uses

_PIPELINE = re.compile(r"(?:\A|/)(?:\.gitlab-ci|[^/]+\.gitlab-ci)\.ya?ml\Z")
_NO_JOBS = frozenset({"variables", "workflow", "stages", "spec", "cache", "include", "before_script", "after_script"})
_INTEGRITY = re.compile(r"sha256-[A-Za-z0-9+/]{43}=\Z")


def is_pipeline(path: str) -> bool:
    """Whether `path` is a GitLab pipeline: `.gitlab-ci.yml`, or a part of one, `build.gitlab-ci.yml`."""
    return _PIPELINE.search(path) is not None


def subjects(document: WorkflowDocument) -> Iterator[Subject]:
    """One `workflow-step` subject for each image and each include, in order. Never raises on any value."""
    value = document.value
    if not isinstance(value, dict):
        return
    comments: dict[int, str] | None = None
    for path, facts in (*_includes(value.get("include")), *_images(value, (), "")):
        comments = comments_by_line(document) if comments is None else comments
        region = document.locate(path).region
        facts |= {"comment": comments.get(region.end_line, "") if region else ""}
        facts["version"] = parse_uses(facts["uses"], facts["comment"])["version"]
        yield Subject(
            "workflow-step",
            SubjectId("workflow-step", facts["uses"]),
            path,
            document,
            {"step": facts, "subject": facts["uses"]},
            match={"kind": facts["kind"]},
        )


def _images(owner: Mapping[Any, Any], path: NodePath, job: str) -> Iterator[tuple[NodePath, dict[str, Any]]]:
    """The images of an owner of `image` and `services`, then those of its jobs; what a variable names is left out."""
    services = owner.get("services")
    named = [((*path, "image"), owner.get("image"))]
    named += [((*path, "services", n), s) for n, s in enumerate(services if isinstance(services, list) else ())]
    for place, given in named:
        image = given.get("name") if isinstance(given, dict) else given
        if isinstance(image, str) and image and "$" not in image:
            yield place if given is image else (*place, "name"), {**parse_uses(image, image=True), "job": job}
    for name, body in owner.items() if not path else ():
        if isinstance(name, str) and isinstance(body, dict) and name not in _NO_JOBS:
            yield from _images(body, (name,), name)


def _includes(given: Any) -> Iterator[tuple[NodePath, dict[str, Any]]]:
    """What is included from elsewhere; files of the same repository and GitLab's own templates are not."""
    entries = enumerate(given) if isinstance(given, list) else [(None, given)]
    for index, entry in entries:
        base: NodePath = ("include",) if index is None else ("include", index)
        if isinstance(entry, str) and entry.startswith(("http://", "https://")):
            yield base, _include(entry, "", pinned=False)
        for key in ("project", "remote", "component") if isinstance(entry, dict) else ():
            name = entry.get(key)
            if not isinstance(name, str) or name.startswith("$CI_SERVER_FQDN/$CI_PROJECT_PATH"):
                continue
            ref = entry.get("ref") if key == "project" else name.rpartition("@")[2] if "@" in name else ""
            whole = bool(_INTEGRITY.match(str(entry.get("integrity")))) if key == "remote" else is_commit(str(ref))
            place = (*base, "ref") if key == "project" and isinstance(ref, str) else (*base, key)
            shown = f"{name}@{ref}" if key == "project" and ref else name
            yield place, _include(shown, ref if isinstance(ref, str) and key != "remote" else "", pinned=whole)


def _include(uses: str, ref: str, *, pinned: bool) -> dict[str, Any]:
    facts = parse_uses("")
    return facts | {
        "uses": uses,
        "kind": "include",
        "path": uses.partition("@")[0],
        "ref": ref,
        "pinned": pinned,
        "job": "",
    }
