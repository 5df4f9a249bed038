"""The one file that a component is shipped as: what file names, checksums and download locations speak of."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote

from ci_guard.model.component import Component, Distribution, Hash

_ARCHIVES = (".whl", ".zip", ".tgz", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".gem", ".crate", ".jar", ".nupkg")
_WEB = ("https://", "http://")
PROGRAM = "ci-guard:program"
"""The property of a component that is one executable file of an image or a root file system."""


def shipped_file(component: Component) -> Distribution:
    """The source archive where there is one, else the first file; an empty one where no file is known."""
    files = [f for f in component.distributions if f.url.startswith(_WEB)]
    sources = [f for f in files if not f.filename.endswith(".whl")]
    return next(iter(sources or files), Distribution())


def shipped_hashes(component: Component) -> tuple[Hash, ...]:
    """The hashes of that file. Several of one algorithm belong to several files, so they are of none in particular."""
    hashes = shipped_file(component).hashes or component.hashes
    return tuple(sorted(hashes)) if len({h.algorithm for h in hashes}) == len(hashes) else ()


def file_name(component: Component) -> str:
    """The name of that file without its folder, "" when it is not known."""
    if component.type == "file" or (PROGRAM, "true") in component.properties:
        return posixpath.basename(component.name)
    file = shipped_file(component)
    return file.filename or unquote(posixpath.basename(file.url.partition("#")[0].partition("?")[0]))


def file_properties(component: Component) -> Iterator[tuple[str, str]]:
    """What BSI TR-03183-2 (section 5.2.2) wants said of the file; nothing where no file is known, or not what it is."""
    name = file_name(component)
    if not name:
        return
    yield "bsi:component:filename", name
    if (PROGRAM, "true") in component.properties:
        yield "bsi:component:executable", "executable"
        yield "bsi:component:archive", "no archive"
        yield "bsi:component:structured", "unstructured"
    elif name.endswith(_ARCHIVES):
        yield "bsi:component:executable", "non-executable"
        yield "bsi:component:archive", "archive"
        yield "bsi:component:structured", "structured"
