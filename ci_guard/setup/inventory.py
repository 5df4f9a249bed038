"""What a repository has, told by the names of its files; whether YAML holds manifests is the linter's to say."""

from __future__ import annotations

from collections.abc import Iterable

from ci_guard.kubernetes.kustomization import is_kustomization
from ci_guard.model.record import record
from ci_guard.sbom.lockfiles import parser_name
from ci_guard.workflows import steps

HOOKS_FILE = ".pre-commit-config.yaml"
GITLAB_FILE = ".gitlab-ci.yml"
WORKFLOW_FILE = ".github/workflows/ci-guard.yml"
_IMAGE_BUILDS = frozenset({"dockerfile"})
_PEER_CONFIGS = {
    "checkov": (".checkov.yaml", ".checkov.yml", ".checkov.baseline"),
    "kube-linter": (".kube-linter.yaml", ".kube-linter.yml"),
    "kubescape": ("kubescape-exceptions.json", "exceptions.json", "controls-inputs.json"),
    "trivy": (".trivyignore", ".trivyignore.yaml", "trivy.yaml"),
}


@record
class Inventory:
    """Paths by what they are, each sorted."""

    charts: tuple[str, ...] = ()
    kustomizations: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    image_builds: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    peers: tuple[tuple[str, str], ...] = ()

    def words(self) -> str:
        """The counts as a person reads them; "" when nothing was recognised."""
        counted = (
            (self.charts, "Helm chart"),
            (self.kustomizations, "kustomization"),
            (self.locks, "lock file"),
            (self.image_builds, "Dockerfile"),
            (self.workflows, "workflow"),
        )
        return ", ".join(f"{len(found)} {noun}{'s' * (len(found) != 1)}" for found, noun in counted if found)


def take(paths: Iterable[str]) -> Inventory:
    """Sort `paths` (relative to the root) by what their names say."""
    found: dict[str, list[str]] = {kind: [] for kind in Inventory.__match_args__ if kind != "peers"}
    peers: list[tuple[str, str]] = []
    for path in sorted(paths):
        for kind in _kinds(path):
            found[kind].append(path)
        name = path.rpartition("/")[2]
        peers += [(tool, path) for tool, names in _PEER_CONFIGS.items() if name in names]
    return Inventory(**{kind: tuple(members) for kind, members in found.items()}, peers=tuple(peers))


def _kinds(path: str) -> Iterable[str]:
    name = path.rpartition("/")[2]
    if name == "Chart.yaml":
        yield "charts"
    elif is_kustomization(path, {}):
        yield "kustomizations"
    elif steps.is_workflow(path):
        yield "workflows"
    parser = parser_name(path)
    if parser and name != "Chart.yaml":
        yield "image_builds" if parser in _IMAGE_BUILDS else "locks"
