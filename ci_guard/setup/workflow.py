"""The GitHub workflow that `init` writes: judged on every push and pull request, signed in a job apart."""

from __future__ import annotations

import re

from ci_guard.model.errors import InputError
from ci_guard.setup.reference import Reference
from ci_guard.setup.yaml_text import scalar

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
SIGN_VARIABLE = "CI_GUARD_SIGN"
"""The repository variable that switches signing on: what is signed keyless is named in a public log."""

_SPECIAL = re.compile(r"[\\*?+!\[\]]")

_TEXT = """\
# Written by `ci-guard init`. Make the check "ci-guard" required in a ruleset: a pull request can edit this file.
name: ci-guard
on:
  push:
    branches: [{branch}]
  pull_request:
  merge_group:

permissions: {{}}

concurrency:
  group: ci-guard-${{{{ github.ref }}}}
  cancel-in-progress: ${{{{ github.event_name == 'pull_request' }}}}

jobs:
  guard:
    name: ci-guard
    runs-on: ubuntu-latest
    timeout-minutes: 15
    permissions:
      contents: read
      security-events: write # the upload to code scanning; a private repository also needs `actions: read`
    steps:
      - uses: {checkout}
        with:
          fetch-depth: 0 # the base of a pull request must be there: its policy judges the change
          persist-credentials: false
      - uses: {action}
{inputs}
  # Signs provenance and SBOM as this workflow; runs no code of the project. The names of repository and files then
  # stand in a public log, so it waits until the repository's variable {variable} is "true".
  sign:
    name: ci-guard signs
    needs: guard
    if: ${{{{ github.event_name == 'push' && vars.{variable} == 'true' }}}}
    runs-on: ubuntu-latest
    timeout-minutes: 15
    permissions:
      contents: read
      id-token: write # the identity that signs
    steps:
      - uses: {checkout}
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: {action}
        with:
{path}          keyless: "true"
          upload-sarif: "false"
          artifact-name: ci-guard
"""


def text(reference: Reference, branch: str, *, target: str = "", judges_something: bool = True) -> bytes:
    """The workflow; `target` is the folder that is judged ("" = all of it).

    Where nothing can be judged yet, an empty run must not be red. Raises InputError for a folder whose name is an
    expression to GitHub.
    """
    if "${{" in target:
        raise InputError(f"{target}: GitHub would evaluate the name of this folder")
    path = f"          path: {scalar(target)}\n" if target else ""
    inputs = path if judges_something else path + '          allow-empty: "true" # nothing is there to be judged yet\n'
    return _TEXT.format(
        branch=_pattern(branch),
        checkout=CHECKOUT,
        action=f"{reference.repository}@{reference.commit}{reference.comment}",
        inputs=f"        with:\n{inputs}" if inputs else "",
        path=path,
        variable=SIGN_VARIABLE,
    ).encode()


def _pattern(branch: str) -> str:
    """A branch as a filter that means this branch alone."""
    return scalar(_SPECIAL.sub(r"\\\g<0>", branch))
