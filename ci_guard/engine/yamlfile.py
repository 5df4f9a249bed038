"""Our own YAML files (rules, profiles, frameworks): values, and the line of every one of them for error messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ci_guard.engine.shape import Shape
from ci_guard.model.errors import ConfigError
from ci_guard.model.location import NodePath, render_path
from ci_guard.model.record import record

_LONGEST = 1_000_000  # bytes; a rule file has a few thousand
_MOST_NODES = 200_000  # aliases count each time they are used: a few lines can stand for billions of nodes


@record
class YamlFile:
    """One document: its value, and the line (1-based) of the key or element at every path."""

    path: str
    value: Any
    lines: dict[NodePath, int]

    def insist(self, shape: Shape) -> None:
        """Raise ConfigError for the first place that has not the shape."""
        for flaw in shape.flaws(self.value):
            where = f"{render_path(flaw.path)}: " if flaw.path else ""
            raise ConfigError(f"{where}expected {flaw.expected}", path=self.path, line=self.line(flaw.path))

    def line(self, path: NodePath) -> int:
        """The line of the node at `path`, or of its nearest ancestor."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(path: Path, shown: str = "") -> YamlFile:
    """Read one file; `shown` is its name in messages. Raises ConfigError for anything but one clean document."""
    name = shown or str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", path=name) from error
    if len(data) > _LONGEST:
        raise ConfigError(f"is longer than {_LONGEST} bytes", path=name)
    return parse(data, name)


def parse(data: bytes, name: str) -> YamlFile:
    """The same from bytes. Raises ConfigError."""
    loader = _Loader(data)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ConfigError("is empty", path=name, line=1)
        lines: dict[NodePath, int] = {}
        return YamlFile(name, _value(loader, node, (), lines, name), lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(str(error.problem or error.context), path=name, line=line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"is no readable YAML: {error}", path=name) from error
    finally:
        loader.dispose()


class _Loader(yaml.CSafeLoader):
    """The safe loader without dates: `since: 2024-01-01` is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _value(loader: Any, node: yaml.Node, path: NodePath, lines: dict[NodePath, int], name: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if len(lines) > _MOST_NODES:
        raise ConfigError(f"has more than {_MOST_NODES:,} values, aliases included", path=name, line=1)
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, child, (*path, n), lines, name) for n, child in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    out: dict[str, Any] = {}
    for key_node, child in node.value:
        line = key_node.start_mark.line + 1
        key = key_node.value
        if not isinstance(key, str) or key_node.tag == "tag:yaml.org,2002:merge":
            raise ConfigError("a key must be plain text", path=name, line=line)
        if key in out:
            raise ConfigError(f"the key {key!r} is there twice", path=name, line=line)
        lines[(*path, key)] = line
        out[key] = _value(loader, child, (*path, key), lines, name)
    return out
