"""Arguments -> command -> exit code: the only place that maps exceptions to exits.

Starting must be quick: nothing but the parser and the one command that was asked for is imported.
"""

from __future__ import annotations

import os
import sys

from ci_guard import TOOL_NAME, __version__
from ci_guard.commands import COMMANDS
from ci_guard.model.errors import EXIT_BROKEN, EXIT_OPEN, EXIT_USAGE, CiGuardError

TYPE_CHECKING = False  # spares the import of typing: `--version` must start as quickly as it can
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Protocol

    from ci_guard.commands.outcome import Outcome

    class Command(Protocol):
        """What a module in `commands` offers."""

        def add_arguments(self, parser: argparse.ArgumentParser) -> None:
            """Declare the command's options."""

        def run(self, args: argparse.Namespace) -> Outcome:
            """Do it. Raises CiGuardError."""


def start() -> int:
    """What the `ci-guard` command runs: `main`, and an end without taking everything apart.

    To take apart what a start has made costs a sixth of it, and there is nothing to save: files are closed where they
    are written. Where something may wait for the end (threads, other processes, handlers), it ends as usual.
    """
    code = main()
    if sys.modules.keys().isdisjoint(("atexit", "threading", "multiprocessing", "logging")):
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):
            return code  # the usual end tells it
        os._exit(code)
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (0 open, 1 closed, 2 usage, 3 could not judge, 130 interrupted)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(arguments)
    except CiGuardError as error:
        print(f"{TOOL_NAME}: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader went away (`| head`): point stdout elsewhere so that the interpreter's flush stays quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN
    except Exception as error:  # a bug ends as "could not judge", never as a verdict
        if os.environ.get("CI_GUARD_DEBUG"):
            raise
        detail = printable(f"{type(error).__name__}: {error}")
        print(f"{TOOL_NAME}: internal error, nothing was judged: {detail}", file=sys.stderr)
        print("Set CI_GUARD_DEBUG=1 for the traceback.", file=sys.stderr)
        return EXIT_BROKEN


def printable(text: str) -> str:
    """`text` without terminal controls, so that a hostile file name cannot repaint the screen."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)


def _dispatch(arguments: list[str]) -> int:
    if arguments[:1] in (["--version"], ["-V"]):
        print(f"{TOOL_NAME} {__version__}")
        return EXIT_OPEN
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        return _overview(name)
    if mistaken := _files_among_options(arguments[1:]):
        named = ", ".join(printable(name) for name in mistaken)
        print(f'{TOOL_NAME}: an option or a file? There is a file {named}: put "--" before file names', file=sys.stderr)
        return EXIT_USAGE
    import argparse
    import gc
    import importlib

    # What a start makes stays: without this the collector looks through all of it again and again.
    gc.set_threshold(50_000)

    command: Command = importlib.import_module(f"ci_guard.commands.{name}")
    parser = argparse.ArgumentParser(
        prog=f"{TOOL_NAME} {name}", description=COMMANDS[name], allow_abbrev=False, formatter_class=_formatter
    )
    command.add_arguments(parser)
    try:
        args = parser.parse_args(arguments[1:])
    except SystemExit as stop:  # argparse's own way out: 0 after --help, 2 after a mistake
        return int(stop.code or EXIT_OPEN)
    return command.run(args).exit_code


def _files_among_options(arguments: list[str]) -> list[str]:
    """What could be an option, but is a file that is here: a hook or a `*` put it there, and it would switch rules off.

    Neither reading is safe: as a file, it would take away an option that the user meant.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [name for name in arguments[:end] if name.startswith("-") and os.path.lexists(name)]


def _formatter(prog: str) -> argparse.HelpFormatter:
    """As wide as the terminal; argparse asks for one at every option, and would import archive readers to know that."""
    import argparse

    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
    except (ValueError, OSError):
        columns = 80
    return argparse.HelpFormatter(prog, width=max(columns, 40) - 2)


def _overview(name: str) -> int:
    asked = name in {"", "-h", "--help", "help"}
    stream = sys.stdout if asked else sys.stderr
    if not asked:
        print(f"{TOOL_NAME}: no command {printable(name)!r}", file=stream)
    print(f"usage: {TOOL_NAME} COMMAND [OPTION…]\n", file=stream)
    for command, text in COMMANDS.items():
        print(f"  {command:<10} {text}", file=stream)
    print(f"\n{TOOL_NAME} COMMAND --help tells more; {TOOL_NAME} --version names the version.", file=stream)
    return EXIT_OPEN if asked else EXIT_USAGE
