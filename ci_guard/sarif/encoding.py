"""How our values are spelled in SARIF, and back: URIs, message text, levels, security severities."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

from ci_guard.model.finding import Severity
from ci_guard.model.printable import visible

SOURCE_ROOT = "%SRCROOT%"

LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.NOTE: "note",
}
SECURITY_SEVERITY = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
}
"""What GitHub sorts alerts by; a note has none."""

_FROM_LEVEL = {
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "note": Severity.LOW,
    "none": Severity.NOTE,
}
_OUR_CATEGORIES = {"dependencies", "sbom", "provenance", "workflows"}
_NEEDS_ESCAPE = re.compile(r"\]\(|\\[\\\[\]]")
_ESCAPABLE = re.compile(r"([\\\[\]])")
_LINK = r"\[(?:[^\[\]\\]|\\.)*\]\([0-9]+\)"
_LINKS = re.compile(rf" \(see {_LINK}(?:, {_LINK})*\)\Z")
_LINK_LIMIT = 100
_ESCAPED = re.compile(r"\\([\\\[\]])")


def category_of(folder: str) -> str:
    """The SARIF category of a rule folder: its own for four of them, else `ci-guard/manifests/`."""
    return f"ci-guard/{folder if folder in _OUR_CATEGORIES else 'manifests'}/"


def severity_of_level(level: str) -> Severity:
    """The severity that stands for a SARIF level; an unknown level counts as the default, `warning`."""
    return _FROM_LEVEL.get(level, Severity.MEDIUM)


def severity_of_score(score: float) -> Severity:
    """The severity of a `security-severity` by GitHub's bands; out of 0…10 counts as the nearer end."""
    for floor, severity in ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM)):
        if score >= floor:
            return severity
    return Severity.LOW if score > 0 else Severity.NOTE


def uri_of(path: str) -> str:
    """A relative URI reference for any path, purl or digest; `:` is encoded so that nothing looks like a scheme."""
    try:
        uri = quote(path, safe="/-._~!$&'()*+,;=@", errors="surrogateescape")
    except UnicodeEncodeError:
        uri = quote(path, safe="/-._~!$&'()*+,;=@", errors="surrogatepass")
    return f"%2F{uri[1:]}" if uri.startswith("/") else uri


def path_of(uri: str) -> str:
    """The path that `uri_of` encoded; of other tools' `file:` URIs the path part."""
    if uri[:7].lower() == "file://":
        uri = "/" + uri[7:].partition("/")[2]
    return unquote(uri, errors="surrogateescape").removeprefix("./")


def message_text(text: str, limit: int = 4000) -> str:
    """Plain text that no SARIF viewer takes for a link, without unprintable characters, at most `limit` long.

    Escapes only when something needs it (a `](` or an escape), so that most messages read as they were written.
    """
    text = shorten(visible(text), limit)
    return _ESCAPABLE.sub(r"\\\1", text) if _NEEDS_ESCAPE.search(text) else text


def links(names: Sequence[str]) -> str:
    """` (see [name](1), …)`: links to the related locations 1, 2, … for the end of a message; "" for none."""
    if not names:
        return ""
    shown = (_ESCAPABLE.sub(r"\\\1", shorten(visible(name), _LINK_LIMIT)) for name in names)
    return f" (see {', '.join(f'[{name}]({number})' for number, name in enumerate(shown, start=1))})"


def without_links(message: str) -> str:
    """The message that stood before `links`. Nothing else has unescaped links: `message_text` sees to that."""
    return _LINKS.sub("", message)


def plain_text(message: str) -> str:
    """Undo `message_text`'s escapes."""
    return _ESCAPED.sub(r"\1", message)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
