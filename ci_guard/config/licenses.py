"""What the configuration says of licences: which are allowed, which are denied, and what holds for single packages."""

from __future__ import annotations

from datetime import date

from ci_guard.model.location import Location
from ci_guard.model.record import record


@record
class LicensedPackage:
    """What holds for packages whose name or purl matches `package`.

    With `license` it is what their licence is taken to be; without, their licence is accepted whatever it is.
    """

    package: str
    license: str = ""
    reason: str = ""
    expires: date | None = None
    location: Location | None = None


@record
class LicensePolicy:
    """`allow` and `deny` are SPDX identifiers, with `*` for many. With neither, licences are not judged."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    packages: tuple[LicensedPackage, ...] = ()
    location: Location | None = None

    @property
    def judges(self) -> bool:
        """Whether there is anything to judge by."""
        return bool(self.allow or self.deny)
