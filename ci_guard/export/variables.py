"""What the policies compute once for all of their expressions: the pod, its containers, the parts of image names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

POD_TEMPLATE: Final = """\
{0}.kind == 'Pod' ? {0} :
{0}.kind == 'PodTemplate' ? {0}.?template.orValue({{}}) :
{0}.kind == 'CronJob' ? {0}.?spec.?jobTemplate.?spec.?template.orValue({{}}) :
{0}.?spec.?template.orValue({{}})"""
"""CEL for the pod or pod template of an object of a built-in kind."""

_POD: Final = f"""\
[
{POD_TEMPLATE.format("object")}
].map(pod, {{'metadata': dyn(pod.?metadata.orValue({{}})), 'spec': dyn(pod.?spec.orValue({{}}))}})[0]"""

_CONTAINERS: Final = """\
variables.pod.spec.?initContainers.orValue([]) +
variables.pod.spec.?containers.orValue([]) +
variables.pod.spec.?ephemeralContainers.orValue([])"""

# The grammar of the container distribution project, split from the right: digest, tag, registry. A name that does
# not follow it is not valid, and all of its parts are empty. A map inside of a list inside of `map` is `let` again.
_IMAGES: Final = (
    r"""
variables.containers.map(container,
  [string(container.?image.orValue(''))].map(reference,
  [reference.split('@', 2)].map(halves,
  [halves[0].lastIndexOf(':') > halves[0].lastIndexOf('/') ? halves[0].lastIndexOf(':') : halves[0].size()].map(end,
  [end < halves[0].size() ? halves[0].substring(0, end) : halves[0]].map(head,
  [head.split('/', 2)].map(parts,
  [parts.size() == 2 && (parts[0].contains('.') || parts[0].contains(':') || parts[0] == 'localhost' ||
    parts[0].lowerAscii() != parts[0]) && parts[0] != 'index.docker.io' ? parts :
    ['docker.io', parts.size() == 2 && parts[0] == 'index.docker.io' ? parts[1] : head]].map(name,
  [[name[0], name[0] == 'docker.io' && !name[1].contains('/') ? 'library/' + name[1] : name[1]]].map(full,
  [(full[0] + '/' + full[1]).size() <= 255 && !head.matches('^[a-f0-9]{64}$') &&
    full[0].matches('^(HOST(\\.HOST)*|\\[[a-fA-F0-9:]+\\])(:[0-9]+)?$') &&
    full[1].matches('^PART(/PART)*$') &&
    (end == halves[0].size() || halves[0].substring(end).matches('^:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$')) &&
    (halves.size() == 1 ||
      halves[1].matches('^(sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$'))].map(valid,
  {
    'container': dyn(container),
    'image': dyn({
      'valid': dyn(valid),
      'reference': dyn(reference),
      'registry': dyn(valid ? full[0] : ''),
      'repository': dyn(valid ? full[1] : ''),
      'tag': dyn(valid && end < halves[0].size() ? halves[0].substring(end + 1) : ''),
      'digest': dyn(valid && halves.size() == 2 ? halves[1] : '')
    })
  }
  )[0])[0])[0])[0])[0])[0])[0])[0])""".strip()
    .replace("HOST", "([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])")
    .replace("PART", "[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*")
)

VARIABLES: Final[Mapping[str, str]] = {
    "pod": _POD,
    "containers": _CONTAINERS,
    "images": _IMAGES,
    "volumes": "variables.pod.spec.?volumes.orValue([])",
    "annotations": "variables.pod.metadata.?annotations.orValue({})",
}
"""Name -> CEL, each after those that it reads."""


def needed(expressions: Iterable[str]) -> dict[str, str]:
    """The variables that the expressions read, directly or through others, in the order in which they must stand."""
    texts = list(expressions)
    out: dict[str, str] = {}
    for name, code in reversed(tuple(VARIABLES.items())):
        if any(f"variables.{name}" in text for text in texts):
            out[name] = code
            texts.append(code)
    return dict(reversed(tuple(out.items())))
