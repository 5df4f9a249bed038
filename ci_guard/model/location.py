"""Where something stands: regions of text, paths into a document, edits."""

from __future__ import annotations

from ci_guard.model.record import record

NodePath = tuple[str | int, ...]
"""A path by keys and list indexes, e.g. `("spec", "containers", 0, "image")`: exact, for positions."""

FieldPath = str
"""The same path as people read it and baselines keep it: `spec.containers[name=api].image`."""

STDIN_PATH = "<stdin>"


@record(order=True)
class Region:
    """A span of text. Lines and columns start at 1 and count code points; `end_column` is exclusive.

    Lines end at CR, LF or CRLF only, as editors and code scanning count them.
    """

    start_line: int
    start_column: int
    end_line: int
    end_column: int


@record
class Location:
    """A place in a file, or an artifact without lines.

    `path` is repo-relative with `/`, or `<stdin>`, a purl, `oci://…`, `sha256:…`.
    `snippet` is the text of the region's first line without its line end ("" when sensitive or unknown).
    `note` says what this place has to do with the finding (related locations and flow steps only).
    """

    path: str
    region: Region | None = None
    snippet: str = ""
    note: str = ""


@record
class Edit:
    """Replace `region` of `path` by `text` (an empty region inserts)."""

    path: str
    region: Region
    text: str


@record
class Flow:
    """An ordered walk that explains a finding; each step's `note` says what happens there."""

    steps: tuple[Location, ...]


def render_path(path: NodePath, names: dict[NodePath, str] | None = None) -> FieldPath:
    """Write a node path as a field path; `names` maps the path of a list item to its `name`.

    >>> render_path(("spec", "containers", 0, "image"), {("spec", "containers", 0): "api"})
    'spec.containers[name=api].image'
    """
    out = ""
    for depth, part in enumerate(path, start=1):
        name = (names or {}).get(path[:depth])
        if name is not None:
            out += f"[name={name}]"
        elif isinstance(part, int):
            out += f"[{part}]"
        else:
            out += f".{part}" if out else part or "['']"  # a key may be empty, the path to it may not
    return out
