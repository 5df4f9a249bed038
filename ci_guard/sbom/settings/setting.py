"""One setting of a package manager, and what is wrong with it: facts for rules, never the value itself.

The files are those of the tree that is judged. They are read, never used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.model.location import Location
from ci_guard.model.record import record, replace
from ci_guard.sbom.sources import Address, address
from ci_guard.source.document import Unreadable

_MAX_SETTINGS = 10_000


@record
class Setting:
    """One line of a file. The words say what is wrong, "" when nothing is; none of them holds a value that is secret.

    `confuses`: a name may be answered by somebody else. `insecure`: what is fetched, or from whom, is not verified by
    TLS. `unchecked`: what was locked is not what must be installed. `loose`: an index may answer for more than it has
    to. `secret`: a credential stands there in clear.
    """

    tool: str
    name: str
    location: Location
    confuses: str = ""
    insecure: str = ""
    unchecked: str = ""
    loose: str = ""
    secret: bool = False

    def facts(self) -> dict[str, Any]:
        """What rules may ask."""
        return {
            "tool": self.tool,
            "name": self.name,
            "confuses": self.confuses,
            "insecure": self.insecure,
            "unchecked": self.unchecked,
            "loose": self.loose,
            "secret": self.secret,
        }


@record
class SettingsFile:
    """The settings of one file that rules may judge; `broken` is why there are none."""

    path: str
    settings: tuple[Setting, ...] = ()
    broken: Unreadable | None = None


def addressed(tool: str, name: str, url: object, location: Location, *, confuses: str = "", loose: str = "") -> Setting:
    """The setting of an address."""
    found = address(url) if isinstance(url, str) else Address()
    insecure = f"reaches {found.host} without TLS" if found.plain else ""
    return Setting(tool, name, location, confuses, insecure, "", loose, found.secret)


def telling(settings: Iterator[Setting]) -> tuple[Setting, ...]:
    """All of them, a bounded number: a file with more is no configuration."""
    return tuple(setting for setting, _ in zip(settings, range(_MAX_SETTINGS), strict=False))


def unseen(settings: tuple[Setting, ...]) -> tuple[Setting, ...]:
    """The settings, those on a line with a credential without its text: whichever rules judge, nobody shows it."""
    secret = {_line(setting) for setting in settings if setting.secret}
    hidden = ((s, replace(s, location=replace(s.location, snippet=""))) for s in settings)
    return tuple(bare if _line(setting) in secret else setting for setting, bare in hidden)


def _line(setting: Setting) -> int:
    return setting.location.region.start_line if setting.location.region else 0


def unverified(tool: str, name: str, host: object, location: Location, words: str) -> Setting:
    """The setting of a host that need not prove who it is; `words` name it at `{}`, unless that is a secret."""
    secret = isinstance(host, str) and "@" in host
    shown = host if isinstance(host, str) and not secret else "a host"
    return Setting(tool, name, location, insecure=words.format(shown), secret=secret)
