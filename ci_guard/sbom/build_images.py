"""Which images a Dockerfile pulls in, and where each is written: `FROM`, `COPY --from`, `RUN --mount=…,from=`.

Stages are told from images as BuildKit tells them: by the names and numbers of the stages before. Build arguments are
filled in where the file gives their default; a reference that only the caller of the build knows stays open, and is
said to be so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ci_guard.model.record import field, record
from ci_guard.source.dockerfile import Dockerfile, Instruction, Word
from ci_guard.source.tree import Refused

_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])([^{}]*))?\})")
_LONGEST = 1_000  # characters of a reference with its variables filled in
_FROM_MOUNT = re.compile(r"(?:\A|,)from=([^,]*)", re.IGNORECASE)


@record
class BuildImage:
    """One reference: `text` with the build arguments filled in, `written` as it stands there.

    `kind` is `from`, `copy`, `mount` or `frontend` (`# syntax=`). `stage` is the name or number of the stage that it
    is for; `open` names the build arguments that have no default.
    """

    kind: str
    text: str
    written: Word
    stage: str = ""
    platform: str = ""
    open: tuple[str, ...] = ()


@record(frozen=False)
class _Build:
    """What is known half-way through a Dockerfile."""

    arguments: dict[str, str | None] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def build_images(file: Dockerfile) -> Iterator[BuildImage]:
    """Every image in the order in which it is written. Raises Refused for a file that builds nothing."""
    syntax = file.directives.get("syntax")
    if syntax is not None and syntax.text:
        name = syntax.text.split()[0]  # what follows is handed to the frontend
        yield BuildImage("frontend", name, Word(name, syntax.start, syntax.start + len(name)))
    build = _Build()
    for instruction in file.instructions:
        if instruction.keyword == "FROM":
            yield from _base(build, instruction)
        elif instruction.keyword == "ARG" and not build.stages:
            _declare(build, instruction)
        elif not build.stages:
            keyword = instruction.keyword[:40]
            raise Refused(f"`{keyword}` before the first FROM: only ARG may stand there", instruction.start)
        else:
            yield from _within(build, _put_off(instruction))
    if not build.stages:
        raise Refused("no FROM: this builds nothing", 0)


def _put_off(instruction: Instruction) -> Instruction:
    """What `ONBUILD` puts off, itself; it runs in the builds that start from this image."""
    if instruction.keyword != "ONBUILD" or not instruction.words:
        return instruction
    first, *rest = instruction.words
    return Instruction(first.text.upper(), tuple(rest), instruction.start, instruction.end, instruction.heredocs)


def _declare(build: _Build, instruction: Instruction) -> None:
    for word in instruction.words:
        name, equals, value = word.text.partition("=")
        filled = _fill(value.strip("\"'"), build.arguments) if equals else ("", ())
        build.arguments[name] = filled[0] if equals and not filled[1] else None


def _base(build: _Build, instruction: Instruction) -> Iterator[BuildImage]:
    arguments = instruction.arguments()
    named = len(arguments) == 3 and arguments[1].text.upper() == "AS"
    if len(arguments) != 1 and not named:
        raise Refused("FROM takes an image, or an image, AS and a name", instruction.start)
    text, open_names = _fill(arguments[0].text, build.arguments)
    stage = arguments[2].text.lower() if named else str(len(build.stages))
    own = text.lower() in build.names
    build.stages.append(stage)
    build.names.add(stage)
    if text == "scratch" or own:
        return
    platform = next((value.text for name, value in instruction.flags() if name == "platform"), "")
    yield BuildImage("from", text, arguments[0], stage, platform, open_names)


def _within(build: _Build, instruction: Instruction) -> Iterator[BuildImage]:
    """Images that an instruction of a stage reads from."""
    for name, value in instruction.flags():
        if instruction.keyword in {"COPY", "ADD"} and name == "from":
            yield from _source(build, "copy", value)
        elif instruction.keyword == "RUN" and name == "mount":
            found = _FROM_MOUNT.search(value.text)
            if found:
                start = value.start + found.start(1)
                yield from _source(build, "mount", Word(found[1], start, start + len(found[1])))


def _source(build: _Build, kind: str, word: Word) -> Iterator[BuildImage]:
    text, open_names = _fill(word.text, build.arguments)
    is_stage = text.lower() in build.names or (text.isdigit() and int(text[:9]) < len(build.stages))
    if text and text != "scratch" and not is_stage:
        yield BuildImage(kind, text, word, build.stages[-1], "", open_names)


def _fill(text: str, arguments: Mapping[str, str | None]) -> tuple[str, tuple[str, ...]]:
    """`text` with its variables filled in, and the names of those that nothing here gives a value."""
    if len(text) > _LONGEST:
        return text[:_LONGEST], (text[:80],)
    lacking: list[str] = []

    def value(found: re.Match[str]) -> str:
        name, operator, word = found[1] or found[2], found[3] or "", found[4] or ""
        known = arguments.get(name)
        if operator.endswith("+"):
            return word if known is not None else ""
        if known or (known is not None and not operator.startswith(":")):
            return known
        if operator.endswith("-"):
            return word
        lacking.append(name)
        return found[0]

    filled = _VARIABLE.sub(value, text)
    if "$" in filled and not lacking:
        lacking.append(filled[filled.index("$") :][:80])  # a form that is not read: `${NAME#prefix}`
    return (filled, tuple(dict.fromkeys(lacking))) if len(filled) <= _LONGEST else (text, (text[:80],))
