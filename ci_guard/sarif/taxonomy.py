"""Taxonomies as plain data: a framework's catalogue of controls, handed over by whoever has read it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from ci_guard.model.record import field, record

POD_SECURITY = "pod-security-standards"


@record
class Taxon:
    """One control of a framework; `properties` are shown as they are (a Pod Security check's `level`)."""

    id: str
    title: str = ""
    description: str = ""
    help_uri: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


@record
class Taxonomy:
    """A framework. `name` is what `RuleMeta.controls` calls it (`pod-security-standards` for `pod_security`).

    `guid` is derived from the name when empty. A `comprehensive` taxonomy is written whole, others only as far
    as rules point into them.
    """

    name: str
    version: str = ""
    guid: str = ""
    organization: str = ""
    title: str = ""
    information_uri: str = ""
    comprehensive: bool = False
    taxa: tuple[Taxon, ...] = ()

    @property
    def identity(self) -> str:
        """The GUID: given, or derived from the name so that every run writes the same one."""
        name = self.name.encode("utf-8", "backslashreplace").decode("utf-8")  # uuid5 refuses lone surrogates
        return self.guid or str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:ci-guard:taxonomy:{name}"))
