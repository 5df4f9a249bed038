"""What a single value may be, whether it comes from the file or from the environment.

Each function takes the raw value, returns the typed one, and raises ValueError with a sentence for the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, TypeVar

from ci_guard.model.finding import Severity
from ci_guard.model.pattern import pattern

T = TypeVar("T")
Parse = Callable[[Any], T]

FAIL_ON = (*(str(s) for s in Severity), "never")
RULE_ID = r"^[a-z0-9]+(-[a-z0-9]+)*$"
POD_SECURITY_VERSION = r"^(latest|v1\.(0|[1-9][0-9]{0,3}))$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
KUBERNETES_VERSION = r"^v?1\.[0-9]{1,3}\.[0-9]{1,4}([-+][0-9A-Za-z.+-]{1,60})?$"
MAX_DAYS = 36_500
HOST = r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*$"
RELATIVE_PATH = r"^(?!/)(?!(.*/)?\.\.(/|$))[^\\\x00-\x1f\x7f]+$"
NOT_BLANK = r"\S"
HOST_PATTERN = r"^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$"
PRIVATE = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?|[0-9a-f.:]+/[0-9]{1,3})$"
IMAGE_PATTERN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9._*?-]+)+$"
ANY_RULE = r"^([a-z0-9]+(-[a-z0-9]+)*|[^/\x00-\x1f\x7f]*[^/\s\x00-\x1f\x7f]/[^\s\x00-\x1f\x7f]+)$"
GRANTS = (
    *("profile", "pod-security-version", "fail-on", "paths", "exclude", "baseline", "ratchet", "registries"),
    *("suppressions", "rules", "params", "services", "images", "licenses"),
    *("advisories", "advisories-max-age", "advisories-not-judged", "kubernetes-version", "vex", "vex-products"),
)
"""What a shared policy may leave to those who extend it: keys of the configuration, and `params` of rules."""


def text(value: Any) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {kind_of(value)}")
    return value


def shaped(wanted: str, words: str) -> Parse[str]:
    """Text that `wanted` matches (as JSON Schema's `pattern`: searched); `words` say what is wanted."""
    compiled = pattern(wanted.replace("$", r"\Z") if wanted.endswith("$") else wanted)

    def parse(value: Any) -> str:
        if not compiled.search(text(value)):
            raise ValueError(f"expected {words}, found {shown(value)}")
        return str(value)

    return parse


def one_of(allowed: Iterable[str]) -> Parse[str]:
    """One of a few words."""
    words = tuple(allowed)

    def parse(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            found = shown(value) if isinstance(value, str) else kind_of(value)
            raise ValueError(f"expected one of {', '.join(words)}, found {found}{nearest(value, words)}")
        return value

    return parse


def boolean(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, found {kind_of(value)}")
    return value


def day(value: Any) -> date:
    """A calendar day, written 2026-12-31."""
    written = shaped(DATE, "a day written as 2026-12-31")(value)
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise ValueError(f"{shown(written)} is no day of the calendar") from None


def days(value: Any) -> int:
    """A number of days; as text too, as the environment gives it."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_DAYS:
        raise ValueError(f"expected a number of days from 1 to {MAX_DAYS:,}, found {shown(value)}")
    return value


def severity(value: Any) -> Severity:
    """One of our severities."""
    return Severity(one_of(Severity)(value))


fail_on = one_of(FAIL_ON)
rule_id = shaped(RULE_ID, "a rule id such as privileged-container")
any_rule = shaped(ANY_RULE, "a rule id such as privileged-container, or TOOL/RULE for another tool's")
grant = one_of(GRANTS)
profile = shaped(RULE_ID, "the name of a profile such as pss-restricted")
pod_security_version = shaped(POD_SECURITY_VERSION, "latest or a version such as v1.30")
kubernetes_version = shaped(KUBERNETES_VERSION, "a full version such as 1.30.2")
registry = shaped(HOST, "a host such as registry.example, without scheme")
relative_path = shaped(RELATIVE_PATH, "a path below the configuration's folder, with / and without ..")
host_pattern = shaped(HOST_PATTERN, "a host such as registry.example:5000, or *.registry.example")
private = shaped(PRIVATE, "a host such as registry.example:5000, or a network such as 10.1.0.0/16")
image_pattern = shaped(IMAGE_PATTERN, "HOST/REPOSITORY, in the repository * or **, such as registry.example/team/**")
named = shaped(NOT_BLANK, "text that is not blank")


def separated(parse: Parse[T]) -> Parse[tuple[T, ...]]:
    """A list of values, or one text with commas between them (options and environment)."""

    def parse_all(value: Any) -> tuple[T, ...]:
        items = value.split(",") if isinstance(value, str) else list(value)
        stripped = (item.strip() if isinstance(item, str) else item for item in items)
        return tuple(parse(item) for item in stripped if item != "")

    return parse_all


def nearest(word: Any, allowed: Iterable[str]) -> str:
    """`; did you mean …?` when an allowed word is near, else ""."""
    from difflib import get_close_matches  # only when there is something to complain about

    near = get_close_matches(str(word)[:80].lower(), list(allowed), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def shown(value: Any) -> str:
    """The value as the message quotes it: one line, bounded."""
    written = repr(value)
    return written if len(written) <= 80 else written[:77] + "…"


def kind_of(value: Any) -> str:
    """What the value is, in YAML's words."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    name = "nothing" if value is None else names.get(type(value), type(value).__name__)
    return f"{name} ({shown(value)})" if isinstance(value, bool | int | float | str) else name
