"""What a person adds to `.gitlab-ci.yml`: our component, at a commit, with an image by digest."""

from __future__ import annotations

from ci_guard.setup.reference import Reference


def snippet(reference: Reference) -> str:
    """The lines; the image is the user's own build, so its digest is a placeholder in any case."""
    return f"""\
include:
  - component: $CI_SERVER_FQDN/{reference.repository}/ci-guard@{reference.commit}
    inputs:
      image: registry.example/{reference.repository}@sha256:<digest>
"""
