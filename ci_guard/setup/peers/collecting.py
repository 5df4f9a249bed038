"""All wishes in a repository: the tools' own files, and annotations and comments in manifests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from ci_guard.kubernetes.manifests import read_manifests
from ci_guard.kubernetes.outcomes import ManifestDocument
from ci_guard.kubernetes.resources import Resource
from ci_guard.kubernetes.sniff import has_manifest_name
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import replace
from ci_guard.setup.peers import checkov, kube_linter, kubescape, trivy
from ci_guard.setup.peers.wishes import Place, Skip, Wishes


class Peer(Protocol):
    """What a module about a tool offers."""

    @property
    def MARKS(self) -> tuple[bytes, ...]:  # noqa: N802 - a constant of the module
        """Bytes without which a manifest says nothing to the tool."""

    def is_config(self, path: str, data: bytes) -> bool:
        """Whether the file configures the tool."""

    def read_config(self, path: str, data: bytes, wishes: Wishes) -> None:
        """What the file says."""

    def of_annotations(self, annotations: Mapping[str, Any], at: Place, wishes: Wishes) -> Iterator[Skip]:
        """The skips in an object's annotations."""

    def of_comment(self, text: str, at: str) -> Iterator[Skip]:
        """The skips in a comment."""


PEERS: Mapping[str, Peer] = {
    "checkov": checkov,
    "kube-linter": kube_linter,
    "kubescape": kubescape,
    "trivy": trivy,
}


def collect(paths: Iterable[str], tools: Sequence[str], read: ReadBytes) -> Wishes:
    """What the `tools` were told in the files at `paths`. Nothing is raised for any bytes."""
    wishes, peers = Wishes(), [PEERS[tool] for tool in tools]
    for path in sorted(paths):
        data = read(path)
        if data is None:
            continue
        for peer in peers:
            if peer.is_config(path, data):
                peer.read_config(path, data, wishes)
        speaking = [peer for peer in peers if any(mark in data for mark in peer.MARKS)]
        if speaking and has_manifest_name(path) and not _manifest(path, data, speaking, wishes):
            wishes.leave(path, "holds skips, but is no manifest that can be read (a template?)")
    return wishes


def _manifest(path: str, data: bytes, peers: Sequence[Peer], wishes: Wishes) -> bool:
    """What a file says, if it is a manifest; returns whether it is one."""
    found = False
    for item in read_manifests(path, data):
        if isinstance(item, ManifestDocument):
            found = True
            for resource in item.resources:
                _annotated(path, item, resource, peers, wishes)
            _commented(path, item, peers, wishes)
    return found


def _annotated(path: str, item: ManifestDocument, resource: Resource, peers: Sequence[Peer], wishes: Wishes) -> None:
    annotations = resource.metadata.get("annotations")
    if not isinstance(annotations, dict):
        return
    known = {key: value for key, value in annotations.items() if isinstance(key, str)}

    def at(key: str) -> str:
        region = item.document.locate((*resource.path, "metadata", "annotations", key), key=True).region
        return f"{path}:{region.start_line}" if region else path

    for peer in peers:
        for skip in peer.of_annotations(known, at, wishes):
            wishes.accept(replace(skip, path=path, **_place(resource)))


def _commented(path: str, item: ManifestDocument, peers: Sequence[Peer], wishes: Wishes) -> None:
    """A comment is taken to speak of every object of its document: there, a suppression has no lines."""
    for comment in item.document.comments():
        for peer in peers:
            for skip in peer.of_comment(comment.text, f"{path}:{comment.line}"):
                for resource in item.resources:
                    wishes.accept(replace(skip, path=path, **_place(resource)))


def _place(resource: Resource) -> dict[str, str]:
    return {"kind": resource.kind, "namespace": resource.namespace, "name": resource.name}
