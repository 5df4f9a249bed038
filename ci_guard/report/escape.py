"""Untrusted text, made harmless for each place it may end up in."""

from __future__ import annotations

import re

from ci_guard.model.pattern import pattern
from ci_guard.model.printable import visible

_MARKDOWN = pattern(r"([\\`*_\[\]#|~^$])")
_AUTOLINK = pattern(r":(?=//)|(?<=[wW])\.")  # what makes GitHub link a bare URL
_ENTITIES = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;"})
_COMMAND = pattern(r"^(\s*)::", re.MULTILINE)
_BACKTICKS = pattern(r"`+")


def terminal(text: str) -> str:
    """For a terminal or a log: no control or bidi characters, and no `##[command]` of a CI runner."""
    return visible(text).replace("##[", "#\\u{23}[")


def without_commands(text: str) -> str:
    """Printed `text` in which no line begins with `::`, which a GitHub runner takes for a workflow command.

    For whole outputs, last of all: a wrapped line may begin with any word of a hostile name.
    """
    return _COMMAND.sub(r"\1\\u{3a}:", text)


def markdown(text: str) -> str:
    """For Markdown prose within a line: shown as written, no markup, links, mentions or HTML."""
    marked = _MARKDOWN.sub(r"\\\1", visible(text)).translate(_ENTITIES)
    return _AUTOLINK.sub(lambda m: f"&#{ord(m[0])};", marked)


def code(text: str) -> str:
    """A Markdown code span that nothing in `text` can end, safe in a table cell."""
    shown = visible(text).replace("|", "\\|") or " "
    longest = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def command_data(text: str) -> str:
    """The message of a GitHub workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """A property (`file=`, `title=` …) of a GitHub workflow command."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")
