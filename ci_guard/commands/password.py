"""Asking a person for the password of a key, without showing it."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable

from ci_guard.model.errors import SigningError


def ask() -> bytes:
    """The password of an existing key. Raises SigningError when the answer ends early."""
    try:
        return getpass.getpass("Password of the private key: ").encode()
    except EOFError:
        raise SigningError("no password was given") from None


def ask_twice() -> bytes:
    """The password of a new key, typed twice. Raises SigningError when the two differ."""
    first = ask()
    try:
        again = getpass.getpass("The same password again: ").encode()
    except EOFError:
        raise SigningError("no password was given") from None
    if first != again:
        raise SigningError("the two passwords differ")
    return first


def asking() -> Callable[[], bytes] | None:
    """`ask` at a terminal, None where nobody can be asked."""
    return ask if sys.stdin.isatty() else None
