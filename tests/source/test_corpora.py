"""Real manifests: nothing crashes, values agree with PyYAML where the dialects agree, places show their nodes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from ci_guard.model.location import NodePath
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.reader import read

SHARED = os.environ.get("CI_GUARD_SHARED")
pytestmark = pytest.mark.skipif(not SHARED, reason="CI_GUARD_SHARED is not set: the corpora are not at hand")
FILES = sorted(
    p for p in Path(SHARED or "/nonexistent").glob("data/corpora/**/*") if p.suffix in {".yaml", ".yml", ".json"}
)


class Oracle(yaml.CSafeLoader):
    """PyYAML with what differs on purpose taken out: dates and base 60 are text, `=` too."""

    yaml_implicit_resolvers: ClassVar = {
        first: [
            (tag, regexp) for tag, regexp in resolvers if tag.rpartition(":")[2] not in {"timestamp", "value", "int"}
        ]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def integer(loader: yaml.Loader, node: yaml.ScalarNode) -> int:
    return int(node.value, 0)


Oracle.add_constructor("tag:yaml.org,2002:int", integer)
Oracle.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z"), list("-+0123456789"))


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {without_y(key): without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def without_y(key: Any) -> str:
    return {True: "true", False: "false"}.get(key, str(key)) if isinstance(key, bool) else str(key)


def scalars(value: Any, path: NodePath = ()) -> Iterator[tuple[NodePath, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from scalars(item, (*path, key))
    if not isinstance(value, (dict, list)):
        yield path, value


def test_there_are_files() -> None:
    assert len(FILES) > 500


@pytest.mark.parametrize("file", FILES, ids=lambda p: "/".join(p.parts[-3:]))
def test_file(file: Path) -> None:
    data = file.read_bytes()
    items = list(read(file.name, data, "kubernetes"))
    documents = [item for item in items if isinstance(item, Document)]
    for item in items:
        if isinstance(item, Unreadable):
            assert item.location.region is not None
    if len(documents) == len(items):
        text = data.decode("utf-8-sig")
        oracle = [without_nulls(value) for value in yaml.load_all(text, Oracle)]
        assert [d.value for d in documents] == oracle
    for document in documents:
        check_places(document)


def check_places(document: Document) -> None:
    for path, value in scalars(document.value):
        region = document.locate(path).region
        assert region is not None
        text = document.text
        shown = text.text[
            text.offset(region.start_line, region.start_column) : text.offset(region.end_line, region.end_column)
        ]
        if isinstance(value, str) and "\n" not in shown and shown[:1] not in {"'", '"', "|", ">"}:
            assert shown == value
        elif shown[:1] not in {"|", ">"} and "\n" not in shown and value is not None:
            assert yaml.load(shown, Oracle) == value
