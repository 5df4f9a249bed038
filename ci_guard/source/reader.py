"""Read a file's bytes as documents of a named dialect, streamed.

    for document in read(path, data, "kubernetes"): ...

Dialects: `kubernetes` (YAML as an API server reads it, null map values dropped), `yaml-1.2` (core schema, nulls
kept), `json`, `toml`. Any bytes give documents or Unreadable values, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterator

from ci_guard.source.document import Document, Unreadable
from ci_guard.source.files import SIZE_LIMIT
from ci_guard.source.text import SourceText

DIALECTS = ("kubernetes", "yaml-1.2", "json", "toml")


def read(path: str, data: bytes, dialect: str) -> Iterator[Document | Unreadable]:
    """The documents of `data` in order, each error where it stands; the other documents survive it.

    `path` is only what locations carry. A document's parse tree is dropped when the next one is asked for.
    Raises ValueError for an unknown dialect.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"unknown dialect {dialect!r}")
    if len(data) > SIZE_LIMIT:
        return iter([Unreadable.at(SourceText(path, data[:4096]), f"larger than {SIZE_LIMIT} bytes", 0)])
    text = SourceText(path, data)
    if text.problem is not None:
        return iter([Unreadable.at(text, text.problem[1], text.problem[0])])
    if dialect == "json":
        from ci_guard.source.json_documents import read_json

        return read_json(text)
    if dialect == "toml":
        from ci_guard.source.toml_documents import read_toml

        return read_toml(text)
    from ci_guard.source.yaml_documents import read_yaml

    if dialect == "kubernetes" and text.text.lstrip().startswith("{"):
        return _json_or_yaml(text)
    return read_yaml(text, dialect)


def _json_or_yaml(text: SourceText) -> Iterator[Document | Unreadable]:
    """Text that begins with `{` is JSON for kubectl, and YAML only if it is not valid JSON."""
    from ci_guard.source.json_documents import read_json
    from ci_guard.source.yaml_documents import read_yaml

    if any(isinstance(item, Unreadable) for item in read_json(text)):
        yield from read_yaml(text, "kubernetes")
    else:
        yield from read_json(text, dialect="kubernetes", null_values=False)
