"""GitHub's expressions: which contexts can become a part of what `${{ … }}` is replaced by.

`contains(github.event.comment.body, 'x')` is true or false whatever the comment says; `format('{0}', github.head_ref)`
is what the branch is called. What does not parse counts with every context that it names.
Source: docs.github.com, "Evaluate expressions in workflows and actions".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

EXPRESSION = re.compile(r"\$\{\{((?:(?!\$\{\{).)*?)\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"\s*(?:('(?:[^']|'')*')|([A-Za-z_][A-Za-z0-9_-]*)|([0-9][0-9A-Za-z.+-]*|[-+][0-9.]+)|(==|!=|<=|>=|&&|\|\||.))",
    re.DOTALL,
)
_STRING = re.compile(r"'(?:[^']|'')*'")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.*-]*(?:\[[^\]]*\][A-Za-z0-9_.*-]*)*")
_COMPARES = frozenset({"==", "!=", "<", ">", "<=", ">="})
_HANDS_ON = frozenset({"format", "join", "tojson", "fromjson", "case"})
_LONGEST = 10_000
_DEEPEST = 40


class Token(NamedTuple):
    """`kind` is `string`, `name`, `number` or `sign`."""

    kind: str
    text: str


def contexts(expression: str) -> frozenset[str]:
    """The contexts whose text may stand in the value of an expression (without `${{ }}`), small, with dots.

    `github.event['issue'].title` is `github.event.issue.title`; an index by number or `*` is `*`.
    """
    if len(expression) > _LONGEST:
        return frozenset(_named(expression[:_LONGEST]))
    try:
        return _Parser(list(_tokens(expression))).whole()
    except ValueError:
        return frozenset(_named(expression))


def _named(expression: str) -> Iterator[str]:
    for found in _NAME.finditer(_STRING.sub("''", expression)):
        yield re.sub(r"\[[^\]]*\]", ".*", found[0]).lower().strip(".")


def _tokens(expression: str) -> Iterator[Token]:
    at = 0
    expression = expression.rstrip()
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        if found is None:
            raise ValueError("no token")
        at = found.end()
        kind = ("string", "name", "number", "sign")[(found.lastindex or 1) - 1]
        yield Token(kind, found[found.lastindex or 1])


class _Parser:
    """Recursive descent over the tokens; each method returns the contexts that its part can be. Raises ValueError."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def whole(self) -> frozenset[str]:
        found = self.either()
        if self.at < len(self.tokens):
            raise ValueError("more than an expression")
        return found

    def peek(self) -> str:
        return self.tokens[self.at].text if self.at < len(self.tokens) else ""

    def take(self, text: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == Token("sign", text):
            self.at += 1
            return True
        return False

    def either(self) -> frozenset[str]:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError("too deep")
        found = self.both()
        while self.take("||"):
            found |= self.both()
        self.depth -= 1
        return found

    def both(self) -> frozenset[str]:
        found = self.compared()
        while self.take("&&"):
            found = self.compared()  # of what is false only the falsehood is left, and that is nobody's text
        return found

    def compared(self) -> frozenset[str]:
        found = self.denied()
        while self.peek() in _COMPARES and self.tokens[self.at].kind == "sign":
            self.at += 1
            self.denied()
            found = frozenset()
        return found

    def denied(self) -> frozenset[str]:
        if self.take("!"):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise ValueError("too deep")
            self.denied()
            self.depth -= 1
            return frozenset()
        return self.primary()

    def primary(self) -> frozenset[str]:
        if self.take("("):
            found = self.either()
            if not self.take(")"):
                raise ValueError("no end of a group")
            return found
        if self.at >= len(self.tokens):
            raise ValueError("nothing where a value should be")
        token = self.tokens[self.at]
        self.at += 1
        if token.kind in {"string", "number"}:
            return frozenset()
        if token.kind != "name":
            raise ValueError("no value")
        if self.take("("):
            return self.called(token.text.lower())
        return self.context(token.text.lower())

    def called(self, function: str) -> frozenset[str]:
        arguments: frozenset[str] = frozenset()
        while not self.take(")"):
            arguments |= self.either()
            if not self.take(",") and self.peek() != ")":
                raise ValueError("no end of a call")
        self.walk_on()
        return arguments if function in _HANDS_ON else frozenset()

    def context(self, name: str) -> frozenset[str]:
        steps, inside = self.walk_on()
        found = ".".join((name, *steps))
        return inside | (frozenset() if found in {"true", "false", "null", "nan", "infinity"} else {found})

    def walk_on(self) -> tuple[list[str], frozenset[str]]:
        """The steps behind a name: `.issue`, `['title']`, `[0]`, `.*`; and what stands within an index."""
        steps: list[str] = []
        while True:
            if self.take("."):
                token = self.tokens[self.at] if self.at < len(self.tokens) else Token("sign", "")
                if token.kind != "name" and token.text != "*":
                    raise ValueError("no name behind a dot")
                self.at += 1
                steps.append(token.text.lower())
            elif self.take("["):
                token = self.tokens[self.at] if self.at < len(self.tokens) else Token("sign", "")
                if token == Token("sign", "*"):
                    self.at += 1
                else:
                    self.either()
                if not self.take("]"):
                    raise ValueError("no end of an index")
                steps.append(token.text[1:-1].lower() if token.kind == "string" else "*")
            else:
                return steps, frozenset()
