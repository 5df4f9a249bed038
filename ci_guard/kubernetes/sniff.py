r"""Is this file worth parsing? Answered on bytes and text alone, before any YAML is imported.

A `no` must be certain: a manifest that is not looked at is a way past the gate. So encodings with NULs (UTF-16) and
keys written with escapes (`"api\u0056ersion"`) count as a maybe, and only what cannot be a manifest is left alone.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_right
from collections.abc import Iterator

from ci_guard.kubernetes.kustomization import NAMES as KUSTOMIZATIONS
from ci_guard.model.location import STDIN_PATH
from ci_guard.model.pattern import pattern

EXTENSIONS = (".yaml", ".yml", ".json")
_TEMPLATE_EXTENSIONS = (".tpl", ".tmpl", ".gotmpl", ".j2", ".jinja", ".jinja2", ".erb", ".mustache", ".hbs")

_KEY = pattern(rb'"([^"\n]*)"\s*:')
_OPERATION = pattern(rb"""\bop["']?[ \t]*:""")
_ESCAPE = pattern(rb"\\[xuU]")
_EXPLICIT_KEY = pattern(rb"(?:^|[\n{,\[-])[ \t]*\?\s")
_ESCAPED_BREAK = pattern(rb"\\\r?\n")

_TOP_KEY = pattern(r"^(?:(?:\{(?![{%])|[^\sA-Za-z#%{])[^#\n]*)?\bapiVersion\b", re.MULTILINE)
_FIRST_LINE = pattern(
    r"(?:\A|^---)(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]+[\"']?(?:apiVersion|kind|metadata)\b", re.MULTILINE
)

_GO_TEMPLATE = pattern(r"\{\{-|-\}\}|\{\{\s*(?:\.|\$|include\b|template\b|if\b|range\b|with\b|end\b|else\b|define\b)")
_BLOCK_SCALAR = pattern(r"(?:^|[:\-?]\s+|\s)[|>][-+0-9]*\s*(?:#.*)?$")
# A quote that nobody closes runs to the end of the line: it never fails, so hostile text costs no second look.
_QUOTED = pattern(r"""(?<!\w)(?:'(?:[^']|'')*+(?:'|\Z)|"(?:[^"\\]|\\.)*+(?:"|\\?\Z))""")
_LINE_END = pattern(r"\r\n|\r|\n")
_COMMENT = pattern(r"(?:^|\s)#.*")


def has_manifest_name(path: str) -> bool:
    """Whether a file of this name can hold manifests; standard input can."""
    return path == STDIN_PATH or path.lower().endswith(EXTENSIONS)


def is_named_template(path: str) -> bool:
    """Whether the name says that a manifest is made from this file: `deployment.yaml.j2`."""
    stem, dot, suffix = path.lower().rpartition(".")
    return dot + suffix in _TEMPLATE_EXTENSIONS and stem.endswith(EXTENSIONS)


def may_hold_manifest(data: bytes) -> bool:
    """Whether `data` can hold an object with the keys `apiVersion` and `kind`. False is certain, true is a maybe."""
    plain = data.replace(b"\0", b"") if b"\0" in data[:4096] else data
    if b"apiVersion" in plain and b"kind" in plain:
        return True
    if b"\\" not in plain or b'"' not in plain:
        return False
    if any(_ESCAPE.search(key) for key in _KEY.findall(plain)):
        return True
    return bool(_ESCAPED_BREAK.search(plain) and _EXPLICIT_KEY.search(plain))


def may_hold_patch(path: str, data: bytes) -> bool:
    """Whether `data` can hold a patch that names neither: JSON Patch operations, or a kustomization with some."""
    if posixpath.basename(path) in KUSTOMIZATIONS:
        return b"patch" in data
    return b"path" in data and _OPERATION.search(data) is not None


class BrokenText:
    """A file that does not parse, as text to look at; cut into its documents only when somebody asks."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._lines: list[str] = []
        self._starts: list[int] = []

    def document_at(self, line: int) -> str:
        """The document that holds the 1-based `line`, from its `---` to the next; undecodable bytes are replaced."""
        if not self._starts:
            text = self._data.replace(b"\0", b"").decode("utf-8-sig", "replace")
            self._lines = _LINE_END.split(text)
            self._starts = [0, *(n for n, t in enumerate(self._lines) if n and t.startswith("---")), len(self._lines)]
        after = max(1, min(bisect_right(self._starts, line - 1), len(self._starts) - 1))
        return "\n".join(self._lines[self._starts[after - 1] : self._starts[after]])


def looks_like_manifest(text: str) -> bool:
    """Whether text that does not parse was meant as a manifest: `apiVersion` stands at the top, not inside a script.

    A manifest inside a block of another file (a heredoc in a CI job) is indented below a key of that file.
    """
    if text.lstrip().startswith("{"):
        return True
    return bool(_TOP_KEY.search(text) or _FIRST_LINE.search(text))


def template_kind(text: str) -> str:
    """Why text that does not parse may be a template: `helm-template` (Go's syntax), `template` (others), or "".

    Only marks outside of comments, quotes and block scalars count: a Prometheus rule or a ConfigMap full of
    `{{ $labels.pod }}` that is broken for another reason is a broken manifest.
    """
    jinja = False
    for line in _structure(text):
        if "{{" in line:  # `}}` alone ends two flow mappings
            if _GO_TEMPLATE.search(line):
                return "helm-template"
            jinja = True
        elif line.lstrip().startswith(("{%", "{#", "<%")):
            jinja = True
    return "template" if jinja else ""


def _structure(text: str) -> Iterator[str]:
    """The lines of `text` without comments, quoted strings and the contents of block scalars."""
    block = -1  # indentation of the line that opened a block scalar
    for raw in text.split("\n"):
        line = raw.rstrip()
        indent = len(line) - len(line.lstrip(" "))
        if block >= 0 and (not line or indent > block):
            continue
        block = -1
        bare = _COMMENT.sub("", _QUOTED.sub("", line))
        if _BLOCK_SCALAR.search(bare):
            block = indent
        yield bare
