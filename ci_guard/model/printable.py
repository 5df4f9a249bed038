"""Untrusted text made visible: what every sink for people does before its own escaping."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""`text` on one line, with every control, bidi, surrogate and other unprintable character as `\u{1b}`.

    Letters of any script, emoji and plain spaces stay. Linear; the common case is one scan.

    >>> visible("a\x1b[31mb")
    'a\\u{1b}[31mb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)
