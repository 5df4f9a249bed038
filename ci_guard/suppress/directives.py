"""Comments and annotations of one document -> `Directive`: which rule is accepted, where, and why.

What a directive covers:

- a comment behind something on its line: findings that start on that line;
- a comment on its own line: findings that start on the next line that holds more than a comment; where a container
  (or a member of a `List`) begins on that line, everything about that container (member);
- a comment before the first node of a document: that document;
- `ignore-file`, before the first node of the file's first document: that file;
- an annotation: everything about the object whose `metadata` carries it (a resource, a pod template).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import chain, islice
from typing import Any, Protocol

from ci_guard import TOOL_NAME
from ci_guard.model.finding import Finding
from ci_guard.model.location import FieldPath, Location, NodePath, Region
from ci_guard.model.record import record
from ci_guard.model.subject import SubjectId
from ci_guard.source.document import Comment, Document
from ci_guard.suppress.comments import ANNOTATION, Wish, clean_reason, parse_comment

CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
AGAIN = "another one above it says the same"
MAX_SEARCHED = 1_000  # members of a mapping, so that finding what is around a line stays cheap
MAX_DIRECTIVES = 10_000  # of one document; those beyond it have no effect, so that reading stays linear


class Resource(Protocol):
    """What is needed of a Kubernetes resource; `kubernetes.manifests.Resource` is one."""

    @property
    def id(self) -> SubjectId:
        """Its subject id."""

    @property
    def value(self) -> Any:
        """The object."""

    @property
    def path(self) -> NodePath:
        """Its place in the document."""


@record
class Directive:
    """One rule accepted at one place. `scope` is `line`, `node`, `document` or `file`.

    `region` is what is covered (the line, the node); `under` is the node's field path; `document` is the document's
    region; `subjects` are the resources that it may speak about (empty: any of the file). For a line, `under` is what
    stands around it and `anchor` the key on it: they tell two lines of one resource apart when versions are compared.
    """

    rule: str
    reason: str
    origin: str
    location: Location
    scope: str
    region: Region | None
    under: FieldPath = ""
    document: Region | None = None
    subjects: tuple[SubjectId, ...] = ()
    anchor: str = ""
    flaw: str = ""
    added: bool = False

    @property
    def identity(self) -> tuple[object, ...]:
        """The same suppression in two versions of a file: no line numbers, no reason."""
        # The first subject and how many: a comment at the head of a list of thousands must stay cheap to compare.
        speaks_of = (len(self.subjects), *self.subjects[:1])
        return (self.rule, self.origin, self.scope, speaks_of, self.under, self.anchor)

    def covers(self, finding: Finding) -> bool:
        """Whether the finding stands where this directive speaks."""
        same_file = finding.tool == TOOL_NAME and finding.location.path == self.location.path
        if not same_file or finding.rule != self.rule:
            return False
        if self.scope == "file":
            return True
        place = finding.location.region
        if place is None or self.region is None:
            return False
        if self.scope == "line":
            return place.start_line == self.region.start_line
        if self.under and finding.path and self.document:
            # By path and not by place: an alias in another container points into this one's lines.
            return _inside(place, self.document) and _below(finding.path, self.under)
        return _inside(place, self.region)


def _inside(place: Region, region: Region) -> bool:
    start = (place.start_line, place.start_column)
    return (region.start_line, region.start_column) <= start <= (region.end_line, region.end_column)


def _below(path: FieldPath, under: FieldPath) -> bool:
    return path.startswith(under) and path[len(under) : len(under) + 1] in {"", ".", "["}


def read_directives(document: Document, resources: Sequence[Resource] = ()) -> list[Directive]:
    """All directives of a document, in the order of the text. Costs nothing in a file that does not name us."""
    if not _named_in(document.text.text):
        return []
    every = chain(_Comments(document, resources).directives(), _annotated(document, resources))
    return list(islice(every, MAX_DIRECTIVES))


@lru_cache(maxsize=4)
def _named_in(text: str) -> bool:
    # Once a file, not once a document: a file of a thousand documents would be searched a thousand times.
    return "ci-guard" in text


class _Comments:
    """The comments of one document, and what they stand above."""

    def __init__(self, document: Document, resources: Sequence[Resource]) -> None:
        self.document = document
        self.resources = resources
        self.root = document.region
        self.everything = tuple(resource.id for resource in resources)
        self.seen: set[tuple[object, ...]] = set()

    def directives(self) -> Iterator[Directive]:
        """One directive for each rule that a comment names."""
        for comment in self.document.comments():
            wish = parse_comment(comment.text)
            if wish is not None:
                yield from self._of(comment, wish)

    def _of(self, comment: Comment, wish: Wish) -> Iterator[Directive]:
        location = _place(self.document, comment)
        for rule in wish.rules or ("",):
            for scope, region, under, anchor, flaw in self._scopes(comment, wish):
                # Thousands of the same would be tried one by one for each finding; one is enough.
                again = (rule, scope, region, under) in self.seen
                self.seen.add((rule, scope, region, under))
                yield Directive(
                    rule=rule,
                    reason=wish.reason,
                    origin="comment",
                    location=location,
                    scope=scope,
                    region=region,
                    under=under,
                    document=self.root,
                    subjects=self._subjects(scope, region),
                    anchor=anchor,
                    flaw=wish.flaw or flaw or (AGAIN if again and rule else ""),
                )

    def _scopes(self, comment: Comment, wish: Wish) -> Iterator[tuple[str, Region | None, FieldPath, str, str]]:
        head = comment.line < self.root.start_line
        if wish.whole_file:
            first = head and self.document.index == 0
            yield "file", None, "", "", "" if first else "`ignore-file` stands before the first document's content"
            return
        if head:
            yield "document", self.root, "", "", ""
            return
        line = self._covered_line(comment)
        nodes = self._heads.get(line, []) if line != comment.line else []
        for path in nodes:
            yield "node", self.document.region_of(path), self.document.field_path(path), "", ""
        if not nodes:
            flaw = "" if line else "nothing follows that it could cover"
            region = Region(line, 1, line, 1) if line else None
            yield "line", region, self._enclosing(line), self._anchor(line, comment), flaw

    def _covered_line(self, comment: Comment) -> int:
        """The line a comment speaks of: its own, or the next one that holds more than a comment; 0 = none."""
        before = self.document.text.line(comment.line)[: comment.column - 1]
        if before.strip(" \t-"):
            return comment.line
        return self._following.get(comment.line, 0)

    @cached_property
    def _following(self) -> dict[int, int]:
        """For each line of a comment of its own the next line that holds more than one, found backwards in one go."""
        following: dict[int, int] = {}
        next_one = 0
        for number in range(self.root.end_line, self.root.start_line - 1, -1):
            following[number] = next_one
            written = self.document.text.line(number).strip(" \t-")
            if written and not written.startswith("#"):
                next_one = number
        return following

    @cached_property
    def _heads(self) -> dict[int, list[NodePath]]:
        """The containers and members of a `List` by the line on which they begin."""
        heads: dict[int, list[NodePath]] = {}
        for path in (*_containers(self.document.value), *(r.path for r in self.resources if r.path)):
            heads.setdefault(self.document.region_of(path).start_line, []).append(path)
        return heads

    def _enclosing(self, line: int) -> FieldPath:
        """The innermost mapping or list around a line: tells the lines of one resource apart, for comparison only."""
        path: NodePath = ()
        value = self.document.value
        while line and (isinstance(value, list) or (isinstance(value, dict) and len(value) <= MAX_SEARCHED)):
            keys: Sequence[Any] = list(value) if isinstance(value, dict) else range(len(value))
            at = bisect_right(keys, line, key=lambda key, above=path: self._start((*above, key)))  # type: ignore[misc]
            if not at or self.document.region_of((*path, keys[at - 1])).end_line < line:
                break
            path, value = (*path, keys[at - 1]), value[keys[at - 1]]
        return self.document.field_path(path if isinstance(value, dict | list) else path[:-1])

    def _start(self, path: NodePath) -> int:
        return self.document.region_of(path).start_line

    def _anchor(self, line: int, comment: Comment) -> str:
        if not line:
            return ""
        written = self.document.text.line(line)
        if line == comment.line:
            written = written[: comment.column - 1]
        key, colon, _ = written.strip(" \t-").partition(":")
        return key.strip() if colon else written.strip()

    def _subjects(self, scope: str, region: Region | None) -> tuple[SubjectId, ...]:
        if scope == "file" or region is None:
            return ()
        if scope == "document":
            return self.everything
        starts, extents = self._extents
        at = bisect_right(starts, region.start_line)
        found: list[SubjectId] = []
        # Resources follow each other, so the first that ends too early is the last to look at.
        while at and extents[at - 1][0] >= region.start_line:
            at -= 1
            found.append(extents[at][1])
        return tuple(reversed(found))

    @cached_property
    def _extents(self) -> tuple[list[int], list[tuple[int, SubjectId]]]:
        """First lines of the resources, and beside each the last line and the id; in the order of the text."""
        regions = [(self.document.region_of(resource.path), resource.id) for resource in self.resources]
        regions.sort(key=lambda item: item[0])
        return [region.start_line for region, _ in regions], [(region.end_line, name) for region, name in regions]


def _place(document: Document, comment: Comment) -> Location:
    start = document.text.offset(comment.line, comment.column)
    return document.text.location(start, start + len(comment.text))


def _containers(value: Any, path: NodePath = ()) -> Iterator[NodePath]:
    """The paths of all containers, found by structure: items of a list called `containers` and the like."""
    for at, node in _nodes(value, path):
        if isinstance(node, dict) and len(at) > 1 and at[-2] in CONTAINER_LISTS and isinstance(at[-1], int):
            yield at


def _nodes(value: Any, path: NodePath) -> Iterator[tuple[NodePath, Any]]:
    """Every mapping and list once: aliases share them, and following each way to them is what alias bombs are for."""
    waiting: list[tuple[NodePath, Any]] = [(path, value)]
    seen: set[int] = set()
    while waiting:
        at, node = waiting.pop()
        if isinstance(node, dict | list) and id(node) not in seen:
            seen.add(id(node))
            yield at, node
            waiting += [((*at, key), member) for key, member in _members(node)]


def _members(node: dict[Any, Any] | list[Any]) -> Iterable[tuple[Any, Any]]:
    return node.items() if isinstance(node, dict) else enumerate(node)


def _annotated(document: Document, resources: Sequence[Resource]) -> Iterator[Directive]:
    for resource in resources:
        yield from _annotations(document, resource)


def _annotations(document: Document, resource: Resource) -> Iterator[Directive]:
    """`ci-guard/ignore.*` wherever an object inside the resource carries them in its metadata."""
    found: list[Directive] = []
    for at, node in _nodes(resource.value, resource.path):
        found += _carried(document, resource, node, at)
    yield from sorted(found, key=lambda d: d.location.region or Region(0, 0, 0, 0))


def _carried(document: Document, resource: Resource, node: Any, at: NodePath) -> Iterator[Directive]:
    metadata = node.get("metadata") if isinstance(node, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    for key, value in _ours(annotations):
        place = (*at, "metadata", "annotations", key)
        yield Directive(
            rule=key.removeprefix(ANNOTATION),
            reason=clean_reason(value) if isinstance(value, str) else "",
            origin="annotation",
            location=document.locate(place, key=True),
            scope="node",
            region=document.region_of(at),
            under=document.field_path(at) if at else "",
            document=document.region,
            subjects=(resource.id,),
        )


def _ours(annotations: Any) -> Iterator[tuple[str, Any]]:
    items: Iterable[tuple[Any, Any]] = annotations.items() if isinstance(annotations, Mapping) else ()
    return ((k, v) for k, v in items if isinstance(k, str) and k.startswith(ANNOTATION))
