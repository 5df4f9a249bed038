"""A Dockerfile as a document: a list of its instructions, so that comments can speak of them as in other files."""

from __future__ import annotations

from collections.abc import Iterator

from ci_guard.source.dockerfile import Dockerfile, read_dockerfile
from ci_guard.source.document import Document, Grammar
from ci_guard.source.spans import Offset, ScalarSpan, SequenceSpan
from ci_guard.source.text import SourceText
from ci_guard.source.tree import Node


class DockerfileGrammar(Grammar):
    """Instructions in a list; comments are lines of their own."""

    def parse(self, text: str) -> Node:
        """The tree of a Dockerfile that has been read before."""
        return _tree(read_dockerfile(SourceText("", text.encode("utf-8", "replace"))))

    def comments(self, text: str, start: int, end: int, root: Node, base: int) -> Iterator[int]:  # noqa: ARG002
        """Offsets of the `#` of every comment."""
        source = SourceText("", text.encode("utf-8", "replace"))
        return iter([source.offset(c.line, c.column) for c in read_dockerfile(source).comments])


GRAMMAR = DockerfileGrammar()


def dockerfile_document(file: Dockerfile) -> Document:
    """The document of a Dockerfile."""
    text = file.text
    value = [text.text[i.start : i.end] for i in file.instructions]
    root = _tree(file)
    return Document(text.path, 0, value, text, "dockerfile", GRAMMAR, 0, (0, len(text.text)), root)


def _tree(file: Dockerfile) -> SequenceSpan:
    spans = [ScalarSpan("", Offset(i.start), Offset(i.end)) for i in file.instructions]
    return SequenceSpan(spans, Offset(0), Offset(len(file.text.text)))
