"""Where package managers keep what they have installed: the files whose earlier states tell which layer added what."""

from __future__ import annotations

from typing import Final

DPKG_STATUS: Final = "var/lib/dpkg/status"
DPKG_PARTS: Final = "var/lib/dpkg/status.d"
APK_INSTALLED: Final = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
RPM_FOLDERS: Final = ("usr/lib/sysimage/rpm", "usr/share/rpm", "var/lib/rpm")
RPM_SQLITE: Final = tuple(f"{folder}/rpmdb.sqlite" for folder in RPM_FOLDERS)
RPM_NDB: Final = tuple(f"{folder}/Packages.db" for folder in RPM_FOLDERS)
RPM_BERKELEY: Final = tuple(f"{folder}/Packages" for folder in RPM_FOLDERS)

WATCHED: Final = {
    DPKG_STATUS: "dpkg",
    **dict.fromkeys(APK_INSTALLED, "apk"),
    **dict.fromkeys((*RPM_SQLITE, *RPM_NDB), "rpm"),
}
"""Database that a layer rewrites as a whole -> its cataloger."""
