"""Dockerfiles: instructions, words and where they stand; what a build pulls in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.source.dockerfile import Dockerfile, Word, read_dockerfile
from ci_guard.source.dockerfile_documents import dockerfile_document
from ci_guard.source.text import SourceText
from ci_guard.source.tree import Refused


def read(text: str) -> Dockerfile:
    return read_dockerfile(SourceText("Dockerfile", text.encode()))


def keywords(text: str) -> list[str]:
    return [i.keyword for i in read(text).instructions]


def words(text: str) -> list[str]:
    (instruction,) = read(text).instructions
    return [w.text for w in instruction.words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a", ["a"]),
        ("from\ta  as b\r\n", ["a", "as", "b"]),
        ("RUN a \\\n  b", ["a", "b"]),
        ("RUN a\\\nb", ["ab"]),
        ("RUN a \\ \t\n# not this\n\n  # nor this\n  b", ["a", "b"]),
        ("# escape=`\nRUN c:\\ `\n x", ["c:\\", "x"]),
        ("RUN \"a b\" 'c d' e\\ f", ['"a b"', "'c d'", "e\\ f"]),
        ("ENV a=b # no comment", ["a=b", "#", "no", "comment"]),
        ("  FROM a", ["a"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "RUN <<EOF\nFROM x\nEOF\nUSER a",
        "RUN <<-'EOF' cat\nFROM x\n\t\tEOF\nUSER a",
        'COPY <<a <<"b" /\nFROM x\na\nFROM y\nb\nUSER a',
        "ONBUILD RUN 3<<EOF\nFROM x\nEOF\nUSER a",
        "RUN cat <<EOF \\\n && true\nFROM x\nEOF\nUSER a",
    ],
)
def test_heredocs_are_text(text: str) -> None:
    assert keywords(text)[1:] == ["USER"]


def test_a_shift_is_no_heredoc() -> None:
    assert keywords("LABEL a <<b\nUSER a") == ["LABEL", "USER"]
    assert keywords("RUN echo $((1<<2))\nUSER a")[:1] == ["RUN"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("FROM a\nRUN <<EOF\nx\n", 2, "never ends"),
        ("# escape=x\nFROM a", 1, "escape character"),
        ("# syntax=a\n# syntax=b\n", 2, "second time"),
        ("FROM a\0", 1, "NUL"),
    ],
)
def test_refused_with_the_line(text: str, line: int, reason: str) -> None:
    source = SourceText("Dockerfile", text.encode())
    with pytest.raises(Refused) as refused:
        read_dockerfile(source)
    assert reason in refused.value.reason
    assert source.position(refused.value.offset)[0] == line


def test_directives_only_at_the_head() -> None:
    file = read("#syntax = docker/dockerfile:1\n# check=skip=all\n# a comment\n# escape=`\nRUN a \\\n b")
    assert {name: word.text for name, word in file.directives.items()} == {
        "syntax": "docker/dockerfile:1",
        "check": "skip=all",
    }
    assert [w.text for w in file.instructions[0].words] == ["a", "b"]
    assert [c.line for c in file.comments] == [1, 2, 3, 4]


def test_flags() -> None:
    (copy,) = read("COPY --from=a:1 --chown=1 b --from=c d").instructions
    assert [(name, word.text) for name, word in copy.flags()] == [("from", "a:1"), ("chown", "1")]
    assert [w.text for w in copy.arguments()] == ["b", "--from=c", "d"]
    assert copy.words[0].end - len("a:1") == next(copy.flags())[1].start


def test_a_document_knows_comments_and_places() -> None:
    file = read("# one\nFROM a\n\n  # two\nRUN b \\\n# three\n c\n")
    document = dockerfile_document(file)
    assert [(c.line, c.own_line) for c in document.comments()] == [(1, True), (4, True), (6, True)]
    assert document.value == ["FROM a", "RUN b \\\n# three\n c"]
    document.release()
    region = document.locate((1,)).region
    assert region is not None
    assert (region.start_line, region.end_line) == (5, 7)


PIECES = st.sampled_from(
    [
        *("FROM", "RUN", "COPY", "ARG", "AS", "# escape=`\n", "syntax=", "<<EOF", "EOF", "--from=", "--mount=from="),
        *(" ", " ", "\t", "\n", "\n", "\r\n", "\\\n", "\\", "`", "#", '"', "'", "${", "}", "$A", ":-", "a", "é", "0"),
    ]
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)


@settings(max_examples=300)
@given(TEXTS | st.text(max_size=60))
def test_words_stand_where_they_say(text: str) -> None:
    source = SourceText("Dockerfile", text.encode("utf-8", "replace"))
    try:
        file = read_dockerfile(source)
    except Refused as refused:
        assert 0 <= refused.offset <= len(source.text)
        return
    for instruction in file.instructions:
        every = (Word(instruction.keyword, instruction.start, instruction.start + 1), *instruction.words)
        assert all(0 <= w.start <= w.end <= len(source.text) for w in every)
        for word in instruction.words:
            written = source.text[word.start : word.end]
            assert written == word.text or "\n" in written or "\r" in written, "only joined words differ"
    document = dockerfile_document(file)
    assert len(list(document.comments())) == len(file.comments)
