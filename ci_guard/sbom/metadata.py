"""What a bill of materials says about itself: when, by which tool, of what; nothing that a second run would change."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from ci_guard import HOME_URL, TOOL_NAME, __version__
from ci_guard.model.errors import UsageError
from ci_guard.model.record import record

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, f"{HOME_URL}/sbom")
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z: beyond it no format can write the year


@record
class Metadata:
    """Head of a document. `name` and `version` are of the thing described; `author` and `supplier` "" when unknown.

    `subject` is the ref of the component that is the thing described, "" when none of the inventory is.
    `timestamp` is UTC as `YYYY-MM-DDThh:mm:ssZ`, which is the only form that SPDX 2.3 allows. `lifecycle` is
    CycloneDX's phase: `pre-build`, since locks and manifests are what stands before a build.
    """

    timestamp: str
    name: str = "repository"
    version: str = ""
    author: str = ""
    supplier: str = ""
    lifecycle: str = "pre-build"
    subject: str = ""
    tool: str = TOOL_NAME
    tool_version: str = __version__


def timestamp(environ: Mapping[str, str], now: datetime | None = None) -> str:
    """`SOURCE_DATE_EPOCH` (seconds, https://reproducible-builds.org/specs/source-date-epoch/), else `now`, in UTC.

    Raises UsageError when the variable is set to something else.
    """
    given = environ.get("SOURCE_DATE_EPOCH", "")
    if not given:
        moment = now or datetime.now(UTC)
    elif given.isascii() and given.isdigit() and int(given) <= _LAST_SECOND:
        moment = datetime.fromtimestamp(int(given), UTC)
    else:
        raise UsageError(f"SOURCE_DATE_EPOCH must be seconds since 1970, not {given!r}")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def content_uuid(content: bytes) -> uuid.UUID:
    """The UUID (version 5) that belongs to this content: another content, another serial number."""
    return uuid.uuid5(_NAMESPACE, hashlib.sha256(content).hexdigest())
