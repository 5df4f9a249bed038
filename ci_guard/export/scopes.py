"""From a judgement to CEL for the API server: the iteration written out as nested comprehensions.

A judgement looks at something below the object: each container, each volume, each item. Every step on the way down
binds one name, so the rule's own text stands in the policy unchanged. A step over a one-element list is CEL's `let`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ci_guard.export.rules import Items, Judgement, Value


class Step(NamedTuple):
    """Binds `name` to each element of the list `over`; `single` when that list has exactly one."""

    name: str
    over: str
    single: bool = False


class Scope(NamedTuple):
    """The steps to what a judgement looks at; `subject` is CEL for what messages call it."""

    steps: tuple[Step, ...]
    subject: str


_THE_POD: Final = "'pod'"
_LITERAL: Final = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_LIST: Final = """'["' + value.map(one, string(one)).join('", "') + '"]'"""
_OBJECT: Final = """object.kind + ' "' + object.metadata.?name.orValue('') + '"'"""
_CONTAINER: Final = """'container "' + container.?name.orValue('?') + '"'"""
_SECURITY_CONTEXT: Final = Step("securityContext", "[container.?securityContext.orValue({})]", single=True)
_POD_SECURITY: Final = Step("securityContext", "[variables.pod.spec.?securityContext.orValue({})]", single=True)
_POD: Final = Step("pod", "[variables.pod]", single=True)
_MEMBER: Final = (
    Step("member", "variables.images"),
    Step("container", "[member.container]", single=True),
    Step("image", "[member.image]", single=True),
)
_ANNOTATION: Final = (
    Step("key", "variables.annotations"),
    Step("annotation", "[{'key': dyn(key), 'value': dyn(variables.annotations[key])}]", single=True),
)
LOOKED_AT: Final = frozenset({"resource", "pod", "container", "security-context", "volume", "annotation"})
"""The subject kinds that admission can see."""


def scopes(judgement: Judgement) -> Iterator[Scope]:
    """Where a judgement looks: one scope, or two for `security-context` (the pod's own, and every container's)."""
    if judgement.each == "resource":
        yield Scope((), _OBJECT)
        return
    pod = (_POD,) if "pod" in judgement.names else ()
    if judgement.each == "security-context":
        yield Scope((*pod, _POD_SECURITY), _THE_POD)
    if judgement.each in {"container", "security-context"}:
        yield Scope((*pod, *_container(judgement)), _CONTAINER)
    else:
        below = {"volume": (Step("volume", "variables.volumes"),), "annotation": _ANNOTATION}
        yield Scope((*pod, *below.get(judgement.each, ())), _THE_POD)


def _container(judgement: Judgement) -> tuple[Step, ...]:
    steps = _MEMBER if "image" in judgement.names else (Step("container", "variables.containers"),)
    return (*steps, _SECURITY_CONTEXT) if "securityContext" in judgement.names else steps


def verdict(judgement: Judgement, scope: Scope) -> str:
    """CEL that is true when everything in the scope is compliant or not asked."""
    return _all(_steps(judgement, scope), _body(judgement))


def fixed_message(judgement: Judgement, scope: Scope) -> str | None:
    """The message in plain words, if it is the same for whatever it is about."""
    words = [_words(piece, scope.subject) for piece in judgement.message]
    return "".join(word or "" for word in words) if None not in words else None


def _words(piece: str | Value, subject: str) -> str | None:
    if isinstance(piece, str):
        return piece
    return "pod" if piece.root == "subject" and subject == _THE_POD else None


def message(judgement: Judgement, scope: Scope) -> str:
    """CEL for a sentence about each thing in the scope that is not compliant, joined by semicolons."""
    steps, body = list(_steps(judgement, scope)), _body(judgement)
    text = _sentence(judgement.message, scope.subject, {step.name for step in steps} | {"object"})
    lets: list[Step] = []
    while steps and steps[-1].single:
        lets.insert(0, steps.pop())
    text = _let(lets, text)
    if steps:
        last = steps.pop()
        text = f"{last.over}.filter({last.name}, !({_all(lets, body)})).map({last.name}, {text}).join('; ')"
    for step in reversed(steps):
        if step.single:
            text = _let([step], text)
        else:
            text = f"{step.over}.map({step.name}, {text}).filter(line, line != '').join('; ')"
    return text


def _sentence(pieces: Sequence[str | Value], subject: str, bound: set[str]) -> str:
    """CEL that puts the pieces together; neighbouring words become one literal."""
    parts: list[str] = []
    words = ""
    for piece in pieces:
        plain = _words(piece, subject)
        if plain is None and isinstance(piece, Value):
            parts += [quoted(words)] if words else []
            parts.append(_value(piece, subject, bound))
            words = ""
        words += plain or ""
    return " + ".join([*parts, *([quoted(words)] if words or not parts else [])])


def _steps(judgement: Judgement, scope: Scope) -> tuple[Step, ...]:
    if not judgement.items:
        return scope.steps
    over = " + ".join(map(_item_list, judgement.items))
    if judgement.hoisted:
        over = f"(({judgement.when}) ? ({over}) : [])"
    elif len(judgement.items) > 1:
        over = f"({over})"
    return (*scope.steps, Step("item", over))


def _item_list(items: Items) -> str:
    if items.elements:
        # A map can be iterated too, by its keys; adding a list makes an error of it, and of any scalar.
        return f"({items.code}{'.orValue([])' if items.optional else ''} + [])"
    return f"{items.code}.optMap(item, [item]).orValue([])" if items.optional else f"[{items.code}]"


def _body(judgement: Judgement) -> str:
    if judgement.when and not judgement.hoisted:
        return f"({judgement.when}) ? ({judgement.require}) : true"
    return judgement.require


def _all(steps: Sequence[Step], body: str) -> str:
    for step in reversed(steps):
        body = f"{step.over}.all({step.name},\n{_indented(body)})"
    return body


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _let(steps: Sequence[Step], text: str) -> str:
    """`text` with those names bound that it mentions."""
    for step in reversed(steps):
        if re.search(rf"(?<!\.)\b{step.name}\b", _LITERAL.sub("", text)):
            text = f"{step.over}.map({step.name}, {text})[0]"
    return text


def _value(piece: Value, subject: str, bound: set[str]) -> str:
    if piece.root == "subject":
        return subject
    if piece.root not in bound:
        return "'?'"
    if not piece.optional:
        return f"string({piece.code})"
    shown = _LIST if piece.several else "string(value)"
    return f"{piece.code}.optMap(value, {shown}).orValue('?')"


def quoted(text: str) -> str:
    """A CEL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"
