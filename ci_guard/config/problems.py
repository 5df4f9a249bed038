"""All that is wrong with a configuration file, not only the first: for the person who mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ci_guard.config import loader, values
from ci_guard.config.loader import CONFIG_KEYS, RULE_KEYS, Node, only_document
from ci_guard.model.errors import ConfigError


def problems(data: bytes, path: str) -> list[ConfigError]:
    """What `read_config` would refuse, each at its line, in the order of the file; empty where it accepts.

    One problem is named for each key, for each rule and for each entry of a list; a file that cannot be read at all is
    one problem.
    """
    found: list[ConfigError] = []
    try:
        document = only_document(data, path)
        if document is not None:
            found += _of_file(Node(document, (), document.value))
        if not found:
            loader.read_config(data, path)
    except ConfigError as error:
        found.append(error)
    return sorted(found, key=lambda error: error.line)


def _of_file(node: Node) -> Iterator[ConfigError]:
    for key, member in node.members().items():
        if key not in CONFIG_KEYS:
            near = values.nearest(key, CONFIG_KEYS)
            yield member.error(f"unknown key; allowed are {', '.join(CONFIG_KEYS)}{near}", key=True)
        elif key == "rules" and isinstance(member.value, dict):
            yield from _of_rules(member)
        elif isinstance(member.value, list) and _takes_lists(key, member):
            yield from _of_items(key, member)
        else:
            yield from _attempted(CONFIG_KEYS[key], member)


def _of_rules(node: Node) -> Iterator[ConfigError]:
    for key, member in node.members().items():
        try:
            values.rule_id(key)
            settings = member.fields(RULE_KEYS)
        except ValueError as error:
            yield member.error(str(error), key=True)
        except ConfigError as error:
            yield error
        else:
            for name, setting in settings.items():
                yield from _attempted(RULE_KEYS[name], setting)


def _takes_lists(key: str, node: Node) -> bool:
    return not any(_attempted(CONFIG_KEYS[key], Node(node.document, node.path, [])))


def _of_items(key: str, node: Node) -> Iterator[ConfigError]:
    """Each item tried as the only one: the readers of lists look at one item after the other."""
    for item in node.items():
        yield from _attempted(CONFIG_KEYS[key], _Alone(item.document, item.path, item.value))


class _Alone(Node):
    """An item that stands for the list that holds nothing else."""

    def items(self) -> Iterator[Node]:
        """The one item."""
        yield Node(self.document, self.path, self.value)


def _attempted(parse: Callable[[Node], Any], node: Node) -> Iterator[ConfigError]:
    try:
        parse(node)
    except ConfigError as error:
        yield error
