"""Documents -> resources: identity, lists unwrapped, pods found, wrong types noted. Never raises on any value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.kubernetes import argo, tekton
from ci_guard.kubernetes.pods import Pod, find_pods
from ci_guard.kubernetes.shapes import Malformed, Shapes
from ci_guard.model.location import NodePath
from ci_guard.model.record import field, record
from ci_guard.model.subject import Positions, SubjectId

_MAX_NESTING = 20  # lists of lists: more is nothing that a tool writes


@record(frozen=False)
class Resource:
    """One API object. `path` is () or, for a member of a list, its place: `("items", 3)`.

    `name` is `generateName` + `*` where the API server makes up the name, "" where there is none. `malformed` are
    fields of the wrong type on the way to what this room reads; each must become a finding.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    value: dict[str, Any]
    path: NodePath
    document: Positions
    pods: list[Pod] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)

    @property
    def group(self) -> str:
        """The API group, "" for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the API group."""
        return self.api_version.rpartition("/")[2]

    @property
    def id(self) -> SubjectId:
        """Names the resource without a line number."""
        return SubjectId(self.kind, self.name, self.namespace, self.api_version)

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata map, empty when it is absent or something else."""
        found = self.value.get("metadata")
        return found if isinstance(found, dict) else {}


def is_resource(value: Any) -> bool:
    """Whether `value` presents itself as an API object: both `apiVersion` and `kind`, at least one of them text."""
    if not isinstance(value, dict) or "apiVersion" not in value or "kind" not in value:
        return False
    return isinstance(value["apiVersion"], str) or isinstance(value["kind"], str)


def resources_of(document: Positions, value: Any) -> Iterator[Resource]:
    """The resources of a document whose value is `value`; members of lists one by one, lists of lists too."""
    if is_resource(value):
        yield from _unwrapped(document, value, (), 0)


def _unwrapped(document: Positions, value: dict[str, Any], path: NodePath, depth: int) -> Iterator[Resource]:
    key = _members_key(value)
    if not key or depth >= _MAX_NESTING:
        yield _resource(document, value, path)
        return
    shapes = Shapes()
    for where, member in shapes.objects(value, key, path):
        typed = _typed(value, member)
        if is_resource(typed):
            yield from _unwrapped(document, typed, where, depth + 1)
        else:
            shapes.malformed.append(Malformed(where, "object with apiVersion and kind", "object without"))
    if shapes.malformed:
        found = _resource(document, {k: v for k, v in value.items() if k != key}, path)
        found.malformed += shapes.malformed
        yield found


def _members_key(value: dict[str, Any]) -> str:
    """Under which key a list keeps its members, "" for what is no list.

    `kubectl` takes any object with `items` for a list, whatever its kind says; so do we, if the members are resources.
    """
    kind, items = value["kind"], value.get("items")
    if isinstance(kind, str) and kind.endswith("List") and (kind == "List" or "items" in value):
        return "items"
    if isinstance(items, list) and any(is_resource(i) for i in items):
        return "items"
    if kind == "Template" and str(value["apiVersion"]).startswith("template.openshift.io/"):
        return "objects"
    return ""


def _typed(owner: dict[str, Any], member: dict[str, Any]) -> dict[str, Any]:
    """A member without type has that of its list: a `PodList` holds `Pod`s. kubectl fills it in the same way."""
    kind = owner["kind"]
    if "kind" in member or "apiVersion" in member or kind == "List" or not isinstance(kind, str):
        return member
    return {"apiVersion": owner["apiVersion"], "kind": kind.removesuffix("List"), **member}


def _resource(document: Positions, value: dict[str, Any], path: NodePath) -> Resource:
    shapes = Shapes()
    api_version = shapes.text(value, "apiVersion", path)
    kind = shapes.text(value, "kind", path)
    metadata, where = shapes.object(value, "metadata", path), (*path, "metadata")
    for key in ("labels", "annotations"):
        shapes.field(metadata, key, where, dict)
    namespace = shapes.text(metadata, "namespace", where)
    name = shapes.text(metadata, "name", where)
    generated = shapes.text(metadata, "generateName", where)
    resource = Resource(api_version, kind, namespace, name, value, path, document)
    resource.name = name or (f"{generated}*" if generated else "")
    resource.pods = _pods(resource, shapes)
    resource.malformed = list(dict.fromkeys(shapes.malformed))  # a Pod is its own template: seen twice
    return resource


def _pods(resource: Resource, shapes: Shapes) -> list[Pod]:
    group, kind = resource.group, resource.kind
    if argo.is_workflow(group, kind):
        return argo.find_pods(kind, resource.value, resource.path, shapes)
    if tekton.is_task(group, kind):
        return tekton.find_pods(kind, resource.value, resource.path, shapes)
    return find_pods(group, kind, resource.value, resource.path, shapes)
