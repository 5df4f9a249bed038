"""Version comments against the tags and the other pins of a repository."""

from __future__ import annotations

import pytest

from ci_guard.source import reader
from ci_guard.source.document import Unreadable
from ci_guard.workflows import files
from ci_guard.workflows.agreement import disagreements, pin_of
from ci_guard.workflows.steps import DIALECT

ONE, TWO = "a" * 40, "b" * 40
DIGEST = "sha256:" + "7" * 64


def told(*lines: str) -> list[tuple[int, str]]:
    """(line, reason) of what a workflow with these `uses:` lines disagrees about."""
    head = "jobs:\n  build:\n    steps:\n"
    text = head + "".join(f"    - uses: {line}\n" for line in lines)
    (document,) = reader.read(".github/workflows/ci.yml", text.encode(), DIALECT)
    assert not isinstance(document, Unreadable)
    pins = [p for s in files.subjects(".github/workflows/ci.yml", document) if (p := pin_of(s)) is not None]
    found = disagreements(pins)
    return [(d.pin.location.region.start_line - 3, d.reason) for d in found if d.pin.location.region]


@pytest.mark.parametrize(
    "lines",
    [
        (f"a/b@{ONE} # v4.1.1", f"a/b@{ONE} # v4", f"a/b/sub@{ONE} # 4.1"),
        (f"a/b@{ONE} # v4", f"a/b@{TWO} # v4"),  # v4 moves
        (f"a/b@{ONE} # v4.1.1", f"a/b@{TWO} # v4.1.2"),
        (f"a/b@{ONE} # v4.1.1", f"c/d@{TWO} # v4.1.1"),
        ("a/b@v4 # v4.1.1", "a/b@v4 # because of issue 17", "a/b@main # v3"),
        (f"a/b@{ONE} # zizmor: ignore[x] 3 reasons", f"a/b@{ONE} # v4.1.1"),
        (f"a/b@{ONE} # tag=v4.1.1", f"a/b@{ONE} # ratchet:a/b@v4"),
        (f"docker://x:3.20@{DIGEST} # 3.20.1", "./local # v1", "$bad # v1"),
    ],
)
def test_agreement(lines: tuple[str, ...]) -> None:
    assert told(*lines) == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("a/b@v4 # v3",), [(1, "the comment says v3, the tag is v4")]),
        ((f"a/b@{ONE} # v4.1.1", f"A/B@{ONE} # v4.2"), [(2, "the same content is called v4.1.1 elsewhere")]),
        ((f"a/b@{ONE} # v4.1.1", f"a/b@{TWO} # 4.1.1"), [(2, f"4.1.1 stands for {ONE[:19]} elsewhere")]),
        ((f"docker://x:3.20@{DIGEST} # 3.19",), [(1, "the comment says 3.19, the tag is 3.20")]),
    ],
)
def test_disagreement(lines: tuple[str, ...], expected: list[tuple[int, str]]) -> None:
    assert told(*lines) == expected
