"""Whatever a file looks like: only the pins change, and a second run finds nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ci_guard.config.digests import DigestLock
from ci_guard.kubernetes.kustomization import ALONE
from ci_guard.pipeline.pinning.sources import Locked
from ci_guard.pipeline.pinning.tree import Pinner
from ci_guard.source.reader import read

DIGEST, COMMIT = "sha256:" + "7" * 64, "c" * 40
LOCK = Locked(
    DigestLock(
        {"docker.io/library/node:22": DIGEST, "docker.io/library/alpine:3.20": DIGEST},
        {"github.com/acme/tool@v1.2.3": COMMIT, "git.example/hooks@v7": COMMIT},
    )
)
PINS = ("@" + DIGEST, COMMIT, "v1.2.3", "frozen: v7", DIGEST)

IMAGES = st.sampled_from(["node:22", "alpine:3.20", "node", "Not an image", "node:22@" + DIGEST])
STYLES = st.sampled_from(["{}", "'{}'", '"{}"', "&a {}", "!!str {}", ">-\n        {}", "|-\n        {}", "{}  # why"])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def manifests(draw: st.DrawFn) -> bytes:
    images = draw(st.lists(st.tuples(IMAGES, STYLES), min_size=1, max_size=4))
    lines = [
        "# a pod",
        "apiVersion: v1",
        "kind: Pod",
        "metadata: {name: x, labels: {tag: node}}",
        "spec:",
        "  containers:",
    ]
    for number, (image, style) in enumerate(images):
        lines += [f"  - name: c{number}", f"    image: {style.format(image).replace('&a', f'&a{number}')}"]
    if draw(st.booleans()) and images[0][1] == "&a {}":
        lines += ["  - name: again", "    image: *a0"]
    flow = draw(st.booleans())
    lines += ["  - {name: f, image: alpine:3.20, args: [a, b]}"] if flow else []
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + "\n".join([*lines, ""]).replace("\n", draw(ENDS)).encode()


@st.composite
def workflows(draw: st.DrawFn) -> bytes:
    lines = ["on: push", "jobs:", "  build:", f"    container: {draw(IMAGES)}", "    steps:"]
    for _ in range(draw(st.integers(1, 4))):
        ref = draw(st.sampled_from(["v1", "v1.2", "v1.2.3", "main", COMMIT]))
        comment = draw(st.sampled_from(["", " # v1", "   # tag=v1.1", " # ours", "  #", " # ci-guard: ignore[x] y"]))
        style = draw(st.sampled_from(["- uses: {}", "- uses: '{}'", '- {{uses: "{}"}}', "- {{uses: {}, name: a}}"]))
        lines.append("    " + style.format(f"acme/tool@{ref}") + comment)
    return "\n".join([*lines, ""]).replace("\n", draw(ENDS)).encode()


def values(path: str, data: bytes, dialect: str) -> list[Any]:
    return [getattr(d, "value", None) for d in read(path, data, dialect)]


def without_pins(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_pins(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_pins(v) for v in value]
    if isinstance(value, str):
        plain = value.replace("@" + DIGEST, "")
        return plain.partition("@")[0] if plain.startswith("acme/tool@") else plain
    return value


def pinned(path: str, data: bytes) -> bytes:
    return Pinner([LOCK]).file(path, data, ALONE)


def only_insertions(before: bytes, after: bytes) -> bool:
    """Whether all of `before` stands in `after` in its order: what is written is put between."""
    rest = iter(after)
    return all(byte in rest for byte in before)


@given(manifests())
def test_manifests_get_digests_and_nothing_else(data: bytes) -> None:
    after = pinned("pod.yaml", data)
    assert only_insertions(data, after)
    assert after.replace(f"@{DIGEST}".encode(), b"") == data.replace(f"@{DIGEST}".encode(), b"")
    old, new = values("pod.yaml", data, "kubernetes"), values("pod.yaml", after, "kubernetes")
    assert without_pins(old) == without_pins(new)
    assert pinned("pod.yaml", after) == after


@given(workflows())
@example(b"jobs:\n  a:\n    steps:\n    - uses: >-\n        acme/tool@v1\n")
def test_workflows_get_commits_and_nothing_else(data: bytes) -> None:
    path = ".github/workflows/ci.yml"
    after = pinned(path, data)
    old, new = values(path, data, "yaml-1.2"), values(path, after, "yaml-1.2")
    assert without_pins(old) == without_pins(new)
    assert pinned(path, after) == after
    assert b"acme/tool@v1" not in after
    assert [line.count(b"\r") for line in data.split(b"\n")] == [line.count(b"\r") for line in after.split(b"\n")]


NAMES = st.sampled_from(
    ["a.yaml", "a.json", "Dockerfile", ".github/workflows/a.yml", "kustomization.yaml", ".pre-commit-config.yaml"]
)
PIECES = st.sampled_from(
    [
        *(
            b"image: node:22",
            b"\n",
            b"  ",
            b"- ",
            b"uses: acme/tool@v1",
            b"FROM node:22",
            b"{",
            b"}",
            b"apiVersion: v1\n",
        ),
        *(
            b"kind: Pod\n",
            b"spec:\n",
            b"containers:\n",
            b"jobs:\n",
            b"rev: v7",
            b'"',
            b"\xff",
            b"\0",
            b"ARG A=node:22\n",
        ),
        *(b"images:\n", b"newTag: '22'", b"name: node\n", b"*a", b"&a ", b"repos:\n", b"repo: git.example/hooks\n"),
    ]
)


@given(NAMES, st.lists(PIECES, max_size=14).map(b"".join) | st.binary(max_size=60))
def test_no_bytes_raise_and_no_second_run_changes_more(path: str, data: bytes) -> None:
    after = pinned(path, data)
    assert pinned(path, after) == after
