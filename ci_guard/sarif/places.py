"""SARIF locations -> our locations."""

from __future__ import annotations

from ci_guard.model.location import Edit, Flow, Location, Region
from ci_guard.sarif import access
from ci_guard.sarif.access import JsonObject
from ci_guard.sarif.encoding import SOURCE_ROOT, path_of, plain_text

_LINE_LIMIT = 1 << 31
_LINK_LIMIT = 1000  # related locations and flow steps that are kept of one result


class Places:
    """Resolves the locations of one run: artifacts by index, and paths below the source root."""

    def __init__(self, run: JsonObject) -> None:
        self._artifacts = access.items(run, "artifacts")
        self._root = access.text(access.child(run, "originalUriBaseIds", SOURCE_ROOT), "uri")

    def first(self, node: JsonObject) -> Location | None:
        """The first of `node.locations` that names an artifact."""
        for location in access.children(node, "locations"):
            place = self.of(location)
            if place is not None:
                return place
        return None

    def of(self, location: JsonObject) -> Location | None:
        """The place that a SARIF location names, None when it names no artifact."""
        physical = access.child(location, "physicalLocation")
        path = self.path(access.child(physical, "artifactLocation"))
        if not path:
            return None
        found = region_of(access.child(physical, "region"))
        note = plain_text(access.text(access.child(location, "message"), "text"))
        return Location(path, found, _line(physical, found), note)

    def path(self, artifact: JsonObject) -> str:
        """The repo-relative path of an artifact location, "" when there is none."""
        uri = access.text(artifact, "uri")
        if not uri:
            known = access.at(self._artifacts, access.integer(artifact, "index", -1))
            uri = access.text(access.child(known, "location"), "uri")
        if self._root and uri.startswith(self._root):
            uri = uri.removeprefix(self._root).lstrip("/")
        return path_of(uri)

    def related(self, result: JsonObject) -> tuple[Location, ...]:
        """The result's related locations, at most 1,000."""
        found = (self.of(node) for node in list(access.children(result, "relatedLocations"))[:_LINK_LIMIT])
        return tuple(place for place in found if place)

    def flows(self, result: JsonObject) -> tuple[Flow, ...]:
        """The first thread of each code flow, at most 1,000 steps each."""
        flows = []
        for code_flow in access.children(result, "codeFlows"):
            thread = access.at(access.items(code_flow, "threadFlows"), 0)
            steps = [self.of(access.child(s, "location")) for s in list(access.children(thread, "locations"))]
            kept = tuple(step for step in steps[:_LINK_LIMIT] if step)
            if kept:
                flows.append(Flow(kept))
        return tuple(flows)

    def edits(self, result: JsonObject) -> tuple[Edit, ...]:
        """The replacements of the result's first fix."""
        fix = access.at(access.items(result, "fixes"), 0)
        edits = []
        for change in access.children(fix, "artifactChanges"):
            path = self.path(access.child(change, "artifactLocation"))
            for replacement in access.children(change, "replacements"):
                deleted = region_of(access.child(replacement, "deletedRegion"))
                if deleted and path:
                    edits.append(Edit(path, deleted, access.text(access.child(replacement, "insertedContent"), "text")))
        return tuple(edits)


def region_of(node: JsonObject) -> Region | None:
    """The region, with SARIF's defaults (end line = start line, whole line without columns); None without a line."""
    start_line = _line_number(access.integer(node, "startLine", 0))
    if not start_line:
        return None
    end_line = max(_line_number(access.integer(node, "endLine", start_line)), start_line)
    start_column = max(_line_number(access.integer(node, "startColumn", 1)), 1)
    end_column = _line_number(access.integer(node, "endColumn", 0))
    if end_line == start_line:
        end_column = max(end_column, start_column)
    return Region(start_line, start_column, end_line, max(end_column, 1))


def _line_number(value: int) -> int:
    return value if 0 < value < _LINE_LIMIT else 0


def _line(physical: JsonObject, region: Region | None) -> str:
    """The whole source line: the context if there is one, else the region's own text where it is the line."""
    context = access.child(physical, "contextRegion")
    line = access.text(access.child(context, "snippet"), "text")
    if region and line and access.integer(context, "startLine", 0) == region.start_line:
        return line.splitlines()[0] if line.splitlines() else ""
    part = access.text(access.child(physical, "region", "snippet"), "text")
    if region and part and region.start_column == 1:
        return part.splitlines()[0] if part.splitlines() else ""
    return ""
