r"""Dockerfiles with exact positions: instructions, words, parser directives, heredocs, comments.

Read as BuildKit reads them: `# escape=` and other directives only before anything else, lines joined by the escape
character with comments and blank lines between them left out, heredocs (`<<EOF`, `<<-"EOF"`) of RUN, COPY and ADD taken
as the text that they are. A word's positions are those of its first and last character, wherever lines were joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ci_guard.model.record import field, record
from ci_guard.source.document import Comment
from ci_guard.source.text import SourceText
from ci_guard.source.tree import Refused

INSTRUCTION_LIMIT = 100_000
SIZE_LIMIT = 4 * 1024 * 1024  # bytes; BuildKit itself refuses far less
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_DIRECTIVE = re.compile(r"#[ \t]*([A-Za-z][A-Za-z0-9]*)[ \t]*=[ \t]*(\S.*?)?[ \t]*\Z")
_COMMENT = re.compile(r"[ \t]*#")
_HEREDOC = re.compile(r"[0-9]*<<(-?)([^<]+)\Z")
_QUOTES = re.compile(r"([\"'])(.*?)\1")
_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})
_SPECIAL = re.compile(r"[\"'\\`]")
_PLAIN = re.compile(r"[^ \t]+")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})


class Word(NamedTuple):
    """One word of an instruction, lines joined; `start` and `end` are offsets in the file."""

    text: str
    start: int
    end: int


@record(frozen=False)
class Instruction:
    """One instruction: `keyword` in upper case, its words (flags among them), and where it stands.

    Of `ONBUILD` the words begin with the keyword that is put off. `end` leaves heredocs out.
    """

    keyword: str
    words: tuple[Word, ...]
    start: int
    end: int
    heredocs: tuple[str, ...] = ()

    def flags(self) -> Iterator[tuple[str, Word]]:
        """(`from`, the word `--from=x` from its value on) of every flag before the first other word."""
        for word in self.words:
            if not word.text.startswith("--"):
                return
            name, equals, value = word.text[2:].partition("=")
            yield name.lower(), Word(value, word.end - len(value) if equals else word.end, word.end)

    def arguments(self) -> tuple[Word, ...]:
        """The words after the flags."""
        flags = sum(1 for _ in self.flags())
        return self.words[flags:]


@record(frozen=False)
class Dockerfile:
    """A Dockerfile as read; `directives` maps `syntax`, `escape`, `check` to the word of its value."""

    text: SourceText
    instructions: list[Instruction] = field(default_factory=list)
    directives: dict[str, Word] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)


class _Line(NamedTuple):
    text: str
    start: int


def read_dockerfile(text: SourceText) -> Dockerfile:
    """The instructions of a Dockerfile. Raises Refused, with the offset, for what no builder would read."""
    if text.problem is not None:
        raise Refused(text.problem[1], text.problem[0])
    if len(text.data) > SIZE_LIMIT:
        raise Refused(f"larger than {SIZE_LIMIT} bytes", 0)
    return _Reading(text).file()


class _Reading:
    """One pass over the lines; `at` is the index of the next one."""

    def __init__(self, text: SourceText) -> None:
        self.made = Dockerfile(text)
        self.lines = [_Line(m[0].rstrip("\r\n"), m.start()) for m in _LINE.finditer(text.text)]
        self.at = 0
        self.escape = "\\"

    def file(self) -> Dockerfile:
        self.head()
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.text.strip():
                self.at += 1
            elif _COMMENT.match(line.text):
                self.comment(line)
            else:
                self.instruction()
        return self.made

    def head(self) -> None:
        """Parser directives: only in the first lines, and each only once."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            found = _DIRECTIVE.match(line.text.strip())
            if found is None or found[1].lower() not in _DIRECTIVES:
                return
            name, value = found[1].lower(), found[2] or ""
            if name in self.made.directives:
                raise Refused(f"the directive `{name}` stands here a second time", line.start)
            start = line.start + line.text.index(value, line.text.index("=")) if value else line.start
            self.made.directives[name] = Word(value, start, start + len(value))
            if name == "escape":
                if value not in {"\\", "`"}:
                    raise Refused("the escape character can only be a backslash or a backtick", line.start)
                self.escape = value
            self.comment(line)

    def comment(self, line: _Line) -> None:
        column = line.text.index("#")
        number = self.made.text.position(line.start)[0]
        self.made.comments.append(Comment(number, column + 1, line.text[column:], own_line=True))
        self.at += 1

    def instruction(self) -> None:
        """One instruction with the lines that continue it and the heredocs that it opens."""
        if len(self.made.instructions) >= INSTRUCTION_LIMIT:
            raise Refused(f"more than {INSTRUCTION_LIMIT} instructions", self.lines[self.at].start)
        pieces = self.joined()
        words = list(_words(pieces, self.escape))
        if not words:
            return  # nothing but a line that is continued by nothing
        keyword = words[0].text.upper()
        made = Instruction(keyword, tuple(words[1:]), words[0].start, words[-1].end)
        inner = words[1].text.upper() if keyword == "ONBUILD" and len(words) > 1 else keyword
        if inner in _WITH_HEREDOCS:
            made.heredocs = tuple(self.heredoc(word) for word in words[1:] if _heredoc_of(word.text)[0])
        self.made.instructions.append(made)

    def joined(self) -> list[_Line]:
        """The lines of one instruction without what continues them, comments and blank lines left out."""
        pieces: list[_Line] = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if pieces and not line.text.strip():
                self.at += 1  # a blank line does not end a continuation
            elif pieces and _COMMENT.match(line.text):
                self.comment(line)
            else:
                self.at += 1
                body = line.text.rstrip(" \t")
                goes_on = body.endswith(self.escape)
                pieces.append(_Line(body[:-1] if goes_on else line.text, line.start))
                if not goes_on:
                    break
        return pieces

    def heredoc(self, word: Word) -> str:
        """The text up to the line that ends it."""
        name, chomp = _heredoc_of(word.text)
        taken: list[str] = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            if (line.text.lstrip("\t") if chomp else line.text) == name:
                return "\n".join(taken)
            taken.append(line.text)
        raise Refused(f"the heredoc `{name[:40]}` never ends", word.start)


def _heredoc_of(word: str) -> tuple[str, bool]:
    """(name, whether tabs before lines go) of a word that opens a heredoc, ("", False) for others."""
    found = _HEREDOC.match(word) if "<<" in word else None
    return (_QUOTES.sub(r"\2", found[2]), found[1] == "-") if found else ("", False)


def _words(pieces: list[_Line], escape: str) -> Iterator[Word]:
    """The words of joined lines: split at white space outside of quotes; a word may run on over joined lines."""
    if len(pieces) == 1 and not _SPECIAL.search(pieces[0].text):
        yield from (
            Word(m[0], pieces[0].start + m.start(), pieces[0].start + m.end()) for m in _PLAIN.finditer(pieces[0].text)
        )
        return
    splitter = _Splitter(escape)
    for piece in pieces:
        for index, char in enumerate(piece.text):
            word = splitter.take(char, piece.start + index)
            if word is not None:
                yield word
        splitter.escaped = False
    last = splitter.finish()
    if last is not None:
        yield last


class _Splitter:
    """Splits characters into words; quotes and escapes keep white space inside a word."""

    def __init__(self, escape: str) -> None:
        self.escape = escape
        self.escaped = False
        self.quote = ""
        self.chars: list[str] = []
        self.start = self.end = 0

    def take(self, char: str, at: int) -> Word | None:
        """The word that ends before `char`, if one does."""
        if char in " \t" and not self.quote and not self.escaped:
            return self.finish()
        if not self.chars:
            self.start = at
        self.chars.append(char)
        self.end = at + 1
        if self.escaped:
            self.escaped = False
        elif char == self.escape and self.quote != "'":
            self.escaped = True
        elif char == self.quote:
            self.quote = ""
        elif not self.quote and char in "\"'":
            self.quote = char
        return None

    def finish(self) -> Word | None:
        """The word so far, if there is one."""
        if not self.chars:
            return None
        word = Word("".join(self.chars), self.start, self.end)
        self.chars = []
        return word
