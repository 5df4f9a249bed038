"""What GitLab wants to find in a CycloneDX document (`artifacts:reports:cyclonedx`) to list it under Dependencies.

https://docs.gitlab.com/development/sec/cyclonedx_property_taxonomy/
"""

from __future__ import annotations

import posixpath
from typing import Any

from ci_guard.model.component import Inventory

_MANAGERS = {
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile.lock": "pipenv",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
    "go.mod": "go",
    "Cargo.lock": "cargo",
    "Gemfile.lock": "bundler",
    "composer.lock": "composer",
    "packages.lock.json": "nuget",
}


def gitlab_properties(inventory: Inventory) -> list[dict[str, Any]]:
    """The version of GitLab's taxonomy; and the one lock that all stands in, where it is one."""
    said = {"gitlab:meta:schema_version": "1"}
    paths = {place.path for component in inventory.components for place in component.locations}
    if len(paths) == 1:
        (path,) = paths
        said["gitlab:dependency_scanning:input_file:path"] = path
        if manager := _MANAGERS.get(posixpath.basename(path)):
            said["gitlab:dependency_scanning:package_manager:name"] = manager
    return [{"name": key, "value": value} for key, value in said.items()]
