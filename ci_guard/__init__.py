"""ci-guard: keep insecure Kubernetes manifests and unverified software out of a cluster.

The architecture is in the folder names; `docs/architecture.md` draws the layers.
"""

__version__ = "0.1.0"

TOOL_NAME = "ci-guard"
HOME_URL = "https://ci-guard.example"  # the one place: schema ids, build types and help links derive from it
