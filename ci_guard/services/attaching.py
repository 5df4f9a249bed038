"""Adding evidence to an image in a registry, without losing what somebody else adds at the same moment.

A referrer is a manifest of its own, so with the referrers API there is nothing to lose. Without it, and for cosign's
tags, there is one list that everybody rewrites: it is read, merged and written under `If-Match` where the registry
gives an ETag; where it gives none, or takes no notice, the list is read again after writing, twice with a pause, and
what is missing is added anew. That is as safe as such a registry allows, and no safer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ci_guard.model.errors import ServiceError
from ci_guard.model.record import record, replace
from ci_guard.services.registry import (
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    Repository,
    digest_of,
    referrers_tag,
)

EMPTY = "application/vnd.oci.empty.v1+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
_WAITS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
_SETTLED = 0.3
Merge = Callable[[Manifest | None], tuple[bytes, str] | None]


@record
class Evidence:
    """A piece of evidence as one blob, with what its manifest says of it."""

    data: bytes
    media_type: str
    annotations: Mapping[str, str]


class Attacher:
    """Attaches evidence in one repository."""

    def __init__(self, repository: Repository, sleep: Callable[[float], object] = time.sleep) -> None:
        self.repository = repository
        self._sleep = sleep

    def refer(self, subject: Descriptor, evidence: Evidence) -> str:
        """Add `evidence` as a referrer of `subject`; returns the digest of its manifest. Raises ServiceError."""
        config = self.repository.put_blob(b"{}", EMPTY)
        layer = self.repository.put_blob(evidence.data, evidence.media_type)
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": evidence.media_type,
            "config": config.to_json(),
            "layers": [layer.to_json()],
            "subject": replace(subject, artifact_type="", annotations={}).to_json(),
            "annotations": dict(evidence.annotations),
        }
        data = _json(manifest)
        answer = self.repository.put_manifest(data, OCI_MANIFEST)
        own = Descriptor(OCI_MANIFEST, digest_of(data), len(data), evidence.media_type, evidence.annotations)
        # The header says that the registry keeps the list; some keep it without saying so.
        if answer.headers.get("oci-subject") != subject.digest and not self._is_listed(subject, own):
            self._rewrite(referrers_tag(subject.digest), lambda found: _with_referrer(found, own))
        return own.digest

    def _is_listed(self, subject: Descriptor, own: Descriptor) -> bool:
        listed = self.repository.referrers_by_api(subject.digest)
        return listed is not None and any(one.digest == own.digest for one in listed)

    def add_layers(self, tag: str, evidences: Sequence[Evidence]) -> None:
        """Add `evidences` as layers to the image at `tag`: cosign's own format. Raises ServiceError."""
        layers = [
            replace(self.repository.put_blob(one.data, one.media_type), annotations=one.annotations)
            for one in evidences
        ]
        self._rewrite(tag, lambda found: self._with_layers(found, layers))

    def _rewrite(self, tag: str, merge: Merge) -> None:
        """Write what `merge` makes of what is at `tag`, until it is there; merge gives None when nothing is missing."""
        for wait in (*_WAITS, None):
            found = self.repository.find_manifest(tag)
            made = merge(found)
            if made is None:
                return
            answer = self.repository.put_manifest(*made, tag, etag=found.etag if found else "")
            if answer.status != 412 and self._is_settled(tag, merge):
                return
            if wait is not None:
                self._sleep(wait)
        raise ServiceError(
            self.repository.http.service,
            f"{self.repository.name}:{tag} is rewritten by others all the time; what we added did not stay",
        )

    def _is_settled(self, tag: str, merge: Merge) -> bool:
        """Whether what we wrote is there now, and still is when others who read before us have written."""
        if merge(self.repository.find_manifest(tag)) is not None:
            return False
        self._sleep(_SETTLED)
        return merge(self.repository.find_manifest(tag)) is None

    def _with_layers(self, found: Manifest | None, added: Sequence[Descriptor]) -> tuple[bytes, str] | None:
        """The image at a tag with more layers; its config is made anew, as nothing but the layers matters there."""
        there = found.descriptors("layers") if found else ()
        missing = [layer for layer in added if not any(_same(layer, one) for one in there)]
        if found is not None and not missing:
            return None
        layers = [*there, *missing]
        config = {
            "architecture": "",
            "os": "",
            "created": "0001-01-01T00:00:00Z",
            "config": {},
            "history": [{"created": "0001-01-01T00:00:00Z"} for _ in layers],
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        }
        manifest: dict[str, Any] = {
            **(found.value if found else {}),
            "schemaVersion": 2,
            "mediaType": found.descriptor.media_type if found else OCI_MANIFEST,
            "config": self.repository.put_blob(_json(config), IMAGE_CONFIG).to_json(),
            "layers": [*(found.value.get("layers", ()) if found else ()), *(layer.to_json() for layer in missing)],
        }
        return _json(manifest), manifest["mediaType"]


def _with_referrer(found: Manifest | None, added: Descriptor) -> tuple[bytes, str] | None:
    """The fallback index with one more entry; entries of others stay as they are, also those that we do not read."""
    value = dict(found.value) if found else {}
    entries = value.get("manifests")
    listed = list(entries) if isinstance(entries, list) else []
    if any(isinstance(entry, dict) and entry.get("digest") == added.digest for entry in listed):
        return None
    index = {**value, "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*listed, added.to_json()]}
    return _json(index), OCI_INDEX


def _same(one: Descriptor, other: Descriptor) -> bool:
    """The same bytes with the same annotations: two keys may sign the same text."""
    return one.digest == other.digest and dict(one.annotations) == dict(other.annotations)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=False).encode("utf-8")
