"""`oci://HOST/REPOSITORY@sha256:…`, taken apart; nothing is asked here."""

from __future__ import annotations

from ci_guard.model.errors import UsageError
from ci_guard.model.image_reference import parse_image
from ci_guard.model.record import record

OCI = "oci://"


@record
class ImageReference:
    """Where an image is. `tag` and `digest` are "" when the reference has none."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def name(self) -> str:
        """HOST/REPOSITORY."""
        return f"{self.registry}/{self.repository}"

    @property
    def wanted(self) -> str:
        """What to ask the registry for: the digest, else the tag, else `latest`."""
        return self.digest or self.tag or "latest"

    def at(self, digest: str) -> str:
        """`oci://HOST/REPOSITORY@DIGEST`."""
        return f"{OCI}{self.name}@{digest}"


def is_image(text: str) -> bool:
    """Whether an ARTIFACT argument names an image in a registry."""
    return text.startswith(OCI)


def image_reference(text: str) -> ImageReference:
    """The image that `oci://…` names. Raises UsageError; also for Docker's short names, which hide the registry."""
    reference = text.removeprefix(OCI)
    facts = parse_image(reference)
    registry = str(facts["registry"])
    if not facts["valid"] or not reference.startswith(f"{registry}/"):
        raise UsageError(f"{text[:200]!r}: expected oci://HOST/REPOSITORY@sha256:HEX, or with :TAG")
    return ImageReference(registry, str(facts["repository"]), str(facts["tag"]), str(facts["digest"]))
