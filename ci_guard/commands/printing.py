"""Shows a report: on the terminal, or in a file that is replaced in one go."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from ci_guard.commands.options import FORMATS
from ci_guard.config import values
from ci_guard.config.settings import setting, switch
from ci_guard.model.report import Report, Verdict
from ci_guard.report import render
from ci_guard.report.style import Style, style_for
from ci_guard.source.files import read_or_none


def show(report: Report, verdict: Verdict | None, args: argparse.Namespace, root: Path) -> None:
    """Print the report as `--format` and `--output` ask. Raises ConfigError for a wrong CI_GUARD_FORMAT."""
    options, asked = vars(args), asked_format(args)
    style = style_for(
        sys.stdout,
        os.environ,
        no_color=switch("no_color", options, os.environ),
        quiet=switch("quiet", options, os.environ),
    )
    text = render(asked, report, verdict, Style() if args.output else style, partial(read_or_none, root))
    write(text, args.output)


def asked_format(args: argparse.Namespace) -> str:
    """The format of the report, by option or environment. Raises ConfigError for a wrong CI_GUARD_FORMAT."""
    return setting("format", values.one_of(FORMATS), options=vars(args), environ=os.environ, configured="text")


def shows_edits(args: argparse.Namespace) -> bool:
    """Whether the format that is asked for carries the edits that mend a finding. Raises ConfigError."""
    return asked_format(args) in {"json", "sarif"}


def write(text: str, output: str | None) -> None:
    """Write to a file in one go, or to standard output, whatever its encoding can carry."""
    if output:
        from ci_guard.source.edit import replace_file

        replace_file(Path(output), text.encode("utf-8", "backslashreplace"))
        return
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()
