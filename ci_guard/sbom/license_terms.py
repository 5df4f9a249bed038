"""What a policy of licences says of an SPDX expression: `OR` is a choice, `AND` is all of them, `WITH` adds rights.

An expression is fine if some choice of its `OR`s leaves only licences that are not denied and, where there is a list of
allowed ones, allowed. An exception (`X WITH E`) only adds to what `X` permits, so who allows `X` allows it; who denies
`X` denies it too, unless `X WITH E` itself is allowed. `X-only` and `X-or-later` are two licences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from ci_guard.model.record import record
from ci_guard.sbom.licenses import LicenseExpressions

_WILD = ("*", "?")


@record
class Ruling:
    """`denied` and `unlisted` are the licences that spoil every choice; both empty: the expression is fine."""

    denied: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()


class LicenseTerms:
    """Judges expressions, each once. Raises ValueError for a term that names no licence of the SPDX list.

    Raises ModuleNotFoundError where the library that knows that list is not installed.
    """

    def __init__(self, allow: Sequence[str], deny: Sequence[str]) -> None:
        self._expressions = LicenseExpressions()
        self._allow = [self._term(term) for term in allow]
        self._deny = [self._term(term) for term in deny]
        self._known: dict[str, Ruling] = {}

    def spdx(self, texts: tuple[str, ...]) -> str:
        """One expression for what a package declares, "" when that is none."""
        return self._expressions.combined(texts)

    def ruling(self, expression: str) -> Ruling:
        """What the policy says of an expression in canonical spelling."""
        if expression not in self._known:
            tree = self._licensing.parse(expression)
            self._known[expression] = Ruling() if self._fine(tree, self._passes) else self._flaws(tree)
        return self._known[expression]

    @cached_property
    def _licensing(self) -> Any:
        from license_expression import get_spdx_licensing

        return get_spdx_licensing()

    def _term(self, term: str) -> str:
        """A term in the spelling of the list; a slip in it would let everything through."""
        if any(sign in term for sign in _WILD):
            known = (key.lower() for key in self._licensing.known_symbols)
            if any(fnmatchcase(key, term.lower()) for key in known):
                return term.lower()
            raise ValueError(f"no licence of the SPDX list fits {term}")
        if term.startswith(("LicenseRef-", "DocumentRef-")):
            return term.lower()
        found = self._expressions.spdx(term)
        family = found.lower() != term.lower() and not any(map(str.isdigit, term))  # `GPL` is older than the list
        if not found or family or " OR " in found or " AND " in found:
            raise ValueError(f"{term} is no licence of the SPDX list" + (f"; {term}-* means all of them" * family))
        return found.lower()

    def _flaws(self, tree: Any) -> Ruling:
        named = sorted({str(leaf) for leaf in _leaves(tree)})
        denied = tuple(leaf for leaf in named if self._is_denied(leaf))
        if denied and not self._fine(tree, lambda leaf: not self._is_denied(leaf)):
            return Ruling(denied=denied)
        return Ruling(unlisted=tuple(leaf for leaf in named if not self._passes(leaf)))

    def _fine(self, tree: Any, passes: Callable[[str], bool]) -> bool:
        arguments = getattr(tree, "args", ())
        if not arguments:
            return passes(str(tree))
        results = (self._fine(argument, passes) for argument in arguments)
        return any(results) if type(tree).__name__ == "OR" else all(results)

    def _passes(self, leaf: str) -> bool:
        return not self._is_denied(leaf) and (not self._allow or _fits(leaf, self._allow))

    def _is_denied(self, leaf: str) -> bool:
        if not _fits(leaf, self._deny):
            return False
        return not (" WITH " in leaf and leaf.lower() in self._allow)


def _leaves(tree: Any) -> list[Any]:
    arguments = getattr(tree, "args", ())
    return [leaf for argument in arguments for leaf in _leaves(argument)] if arguments else [tree]


def _fits(leaf: str, terms: Sequence[str]) -> bool:
    """Whether a licence, or the one that its exception adds to, is one of the terms."""
    whole = leaf.lower()
    base = whole.partition(" with ")[0]
    return any(fnmatchcase(whole, term) or fnmatchcase(base, term) for term in terms)
