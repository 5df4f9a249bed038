"""The words of a CEL expression: enough to fold in parameters, to see what is read, and to refuse what is not portable.

This is no parser. The expression engine parses and types; here text is only cut into tokens, so that a name
inside a string literal is never taken for a variable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from ci_guard.model.pattern import pattern

_STRING = (
    r"""[rRbB]{0,2}(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}"""
    r"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
)
_TOKEN = pattern(
    rf"""(?P<space>\s+|//[^\n]*)
    |(?P<string>{_STRING})
    |(?P<number>\d[\w.]*)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<operator>\.\?|\[\?|&&|\|\||[<>=!]=|.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_GAP = r"(?:\s|//[^\n]*)*"
# A name that is no member and no function, as group 1: what every start asks of every expression, so one pass in C.
_ROOT = pattern(
    rf"//[^\n]*|{_STRING}|\d[\w.]*|\.\??{_GAP}[A-Za-z_]\w*|([A-Za-z_]\w*+)(?!{_GAP}\()|[A-Za-z_]\w*",
    re.DOTALL | re.ASCII,
)
_FOLDED = pattern(rf"{_GAP}\.{_GAP}([A-Za-z_]\w*)", re.ASCII)
_MEMBER = frozenset({".", ".?"})
_KEYWORDS = frozenset({"true", "false", "null", "in"})

# Where cel-cpp and cel-go (as the API server sets it up) disagree, or only one of them knows the construct.
_REFUSED_CALLS = {
    "reverse": "only cel-cpp has it",
    "bind": "the API server has no cel.bind",
    "optMap": "cel-cpp binds its variable wrongly after a list walk; write hasValue() and value()",
    "optFlatMap": "cel-cpp binds its variable wrongly after a list walk; write hasValue() and value()",
    "now": "the verdict must not depend on the time",
}
_REFUSED_ROOTS = {"sets": "cel-cpp has no sets library", "math": "the API server has no math library"}


class Token(NamedTuple):
    """One token; `kind` is string, number, name or operator; `start` counts characters."""

    kind: str
    text: str
    start: int


@cache
def tokenize(text: str) -> tuple[Token, ...]:
    """The tokens of an expression, without white space and comments."""
    found = _TOKEN.finditer(text)
    return tuple(Token(m.lastgroup or "", m.group(), m.start()) for m in found if m.lastgroup != "space")


def literal(value: Any) -> str:
    """`value` (None, bool, int, float, str, list, dict) written as a CEL literal."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    return repr(value)


def fold(text: str, params: Mapping[str, Any]) -> str:
    """Replace every `params.NAME` by its value. Raises KeyError for a parameter that the rule does not have."""
    if "params" not in text:
        return text
    out, end = "", 0
    for match in _ROOT.finditer(text):
        member = _FOLDED.match(text, match.end()) if match[1] == "params" else None
        if member:
            out += text[end : match.start()] + literal(params[member[1]])
            end = member.end()
    return out + text[end:]


def _roots(tokens: tuple[Token, ...]) -> Iterator[int]:
    """Indexes of names that are neither members nor functions nor keywords."""
    for index, token in enumerate(tokens):
        if token.kind != "name" or token.text in _KEYWORDS:
            continue
        before = tokens[index - 1].text if index else ""
        after = tokens[index + 1].text if index + 1 < len(tokens) else ""
        if before not in _MEMBER and after != "(":
            yield index


def reads(text: str, known: Container[str]) -> frozenset[str]:
    """Which of the `known` variables the expression names."""
    return frozenset(name for name in _ROOT.findall(text) if name in known)


def chains(text: str, known: Container[str]) -> list[tuple[str, ...]]:
    """What is read, as paths: `pod.spec.?os.?name.orValue('')` gives `("pod", "spec", "os", "name")`."""
    tokens = tokenize(text)
    return [(tokens[i].text, *_members(tokens, i + 1)) for i in _roots(tokens) if tokens[i].text in known]


def _members(tokens: tuple[Token, ...], index: int) -> Iterator[str]:
    while index + 1 < len(tokens):
        operator, word = tokens[index].text, tokens[index + 1]
        follow = tokens[index + 2].text if index + 2 < len(tokens) else ""
        if operator in _MEMBER and word.kind == "name" and follow == "(":
            if word.text != "orValue":
                return
            index = _after_bracket(tokens, index + 2)
        elif operator in _MEMBER and word.kind == "name":
            yield word.text
            index += 2
        elif operator in {"[", "[?"} and word.kind == "string" and follow == "]":
            yield word.text.strip("'\"")
            index += 3
        else:
            return


def _after_bracket(tokens: tuple[Token, ...], index: int) -> int:
    """The index after the bracket that closes the one at `index`."""
    depth = 0
    for place in range(index, len(tokens)):
        depth += (tokens[place].text in {"(", "[", "[?", "{"}) - (tokens[place].text in {")", "]", "}"})
        if depth == 0:
            return place + 1
    return len(tokens)


def refused(text: str) -> str:
    """Why the expression is outside the subset that cel-cpp and cel-go judge alike; "" when it is inside."""
    tokens = tokenize(text)
    for index, token in enumerate(tokens):
        after = tokens[index + 1].text if index + 1 < len(tokens) else ""
        if token.kind == "name" and after == "(" and token.text in _REFUSED_CALLS:
            return f"{token.text}(): {_REFUSED_CALLS[token.text]}"
        before = tokens[index - 1].text if index else ""
        if token.text in _REFUSED_ROOTS and token.kind == "name" and after == "." and before not in _MEMBER:
            return f"{token.text}: {_REFUSED_ROOTS[token.text]}"
        if token.kind == "string" and ("\\0" in token.text or "\\x00" in token.text or "\\u0000" in token.text):
            return "NUL in a string: cel-cpp ends the string there"
        if token.text == "[" and _mixed(tokens, index):
            return "a list literal of several types: the API server refuses it"
    return ""


def _mixed(tokens: tuple[Token, ...], index: int) -> bool:
    """Whether the bracket at `index` opens a list of literals of more than one type."""
    kinds = set()
    for token in tokens[index + 1 : _after_bracket(tokens, index) - 1]:
        if token.text != ",":
            kinds.add("bool" if token.text in {"true", "false"} else token.kind)
    return len(kinds) > 1 and kinds <= {"string", "number", "bool"}
