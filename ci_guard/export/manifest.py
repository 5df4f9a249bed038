"""Objects as YAML that every version of YAML reads alike: what could be taken for anything but text is quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import yaml

from ci_guard import TOOL_NAME, __version__

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-./][A-Za-z0-9]+)*\Z")
_NOT_TEXT: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (the signature is PyYAML's)
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    plain = _PLAIN.match(value) and value.lower() not in _NOT_TEXT
    style = "|" if "\n" in value else None if plain else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def written(objects: Sequence[dict[str, Any]]) -> bytes:
    """A YAML stream of the objects."""
    text = yaml.dump_all(
        objects, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000, explicit_start=True
    )
    return f"# Written by {TOOL_NAME} {__version__}: edit the rules, not this file.\n{text}".encode()
