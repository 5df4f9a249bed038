"""Compiled databases as a source of advisories: opened once, read by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from ci_guard.advisories.cache import Entry
from ci_guard.advisories.compiling import EPSS, KEV, from_plain
from ci_guard.advisories.matching import Package, Pair
from ci_guard.advisories.names import package_name
from ci_guard.advisories.table import Table
from ci_guard.advisories.versions import base_ecosystem
from ci_guard.model.record import field, record


@record(frozen=False)
class Databases:
    """The tables in force (`matching.Source`); each is opened, and verified, when it is first asked."""

    folder: Path
    entries: Mapping[str, Entry]
    _open: dict[str, Table] = field(default_factory=dict)

    def prepare(self, packages: Iterable[Package]) -> None:
        """Nothing to do: what is asked for is read when it is asked for."""

    def covers(self, ecosystem: str) -> bool:
        """Whether there is a table for the ecosystem."""
        return base_ecosystem(ecosystem) in self.entries

    def records(self, ecosystem: str, name: str, version: str) -> Sequence[Pair]:  # noqa: ARG002
        """All that is known about the package. Raises InputError when the table is broken."""
        known = package_name(ecosystem, name)
        entries = self._table(base_ecosystem(ecosystem)).get(known) or ()
        return [from_plain(known, entry) for entry in entries]

    def exploited(self, cve: str) -> bool:
        """Whether the KEV catalogue, if there is one, has the CVE."""
        return KEV in self.entries and self._table(KEV).get(cve) is not None

    def probability(self, cve: str) -> float:
        """The EPSS score, 0.0 without one."""
        return float(self._table(EPSS).get(cve) or 0.0) if EPSS in self.entries else 0.0

    def check(self, name: str) -> None:
        """Open and verify a table. Raises InputError."""
        self._table(name)

    def _table(self, name: str) -> Table:
        if name not in self._open:
            entry = self.entries[name]
            self._open[name] = Table(self.folder / entry.table, entry.digest)
        return self._open[name]


def age(entry: Entry, today: date) -> int | None:
    """How many days old the data is; None when nobody knows."""
    try:
        return (today - date.fromisoformat(entry.as_of)).days
    except ValueError:
        return None
