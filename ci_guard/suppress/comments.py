"""What a comment says: `# ci-guard: ignore[rule-id, other-rule] reason`, or `ignore-file[…]` for the whole file."""

from __future__ import annotations

import re
from functools import lru_cache

from ci_guard.model.record import record

ANNOTATION = "ci-guard/ignore."
VERBS = ("ignore", "ignore-file")

# Possessive-free and without nested repeats: linear on any text.
_COMMENT = re.compile(r"#+[ \t]*ci-guard:[ \t]*([A-Za-z-]{1,40})[ \t]*(?:\[([^\]]*)\])?(.*)", re.DOTALL)
_RULE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@record
class Wish:
    """What one comment asks for. `flaw` says in words why it cannot be understood ("" = it can)."""

    rules: tuple[str, ...] = ()
    reason: str = ""
    whole_file: bool = False
    flaw: str = ""


def parse_comment(text: str) -> Wish | None:
    """The wish of a comment (with its `#`), None when it is not addressed to us. Never raises."""
    found = _COMMENT.match(text)
    if found is None or not _is_verb(found[1].lower()):
        return None
    verb, listed, reason = found.groups()
    if verb not in VERBS:
        return Wish(flaw=f"`{verb}` is no word of ours; write `ignore[rule-id] reason`")
    rules = tuple(dict.fromkeys(name for part in (listed or "").split(",") if (name := part.strip())))
    if not rules:
        return Wish(flaw=f"it names no rule; write `{verb}[rule-id] reason`")
    return Wish(rules, clean_reason(reason), verb == "ignore-file")


@lru_cache(maxsize=256)
def _is_verb(word: str) -> bool:
    """Whether the word is ours or was meant to be."""
    if word in VERBS:
        return True
    from difflib import get_close_matches  # dear to load, and hardly ever needed

    return bool(get_close_matches(word, VERBS, n=1, cutoff=0.7))


def clean_reason(text: str) -> str:
    """The reason without separators in front; "" when nothing in it is a letter or a digit."""
    reason = text.strip().lstrip(":-–— \t").strip()
    return reason if any(c.isalnum() for c in reason) else ""


def is_rule_id(text: str) -> bool:
    """Whether `text` is shaped like a rule id at all."""
    return _RULE.fullmatch(text) is not None
