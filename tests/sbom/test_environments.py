"""Installed environments: what package managers left, against what others say of it."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.model.component import Component, Inventory
from ci_guard.model.errors import InputError
from ci_guard.pipeline.materials.images import environment_inventory, inventory_of, is_image
from ci_guard.sbom.installed import catalogue
from ci_guard.sbom.installed.folder import FolderTree
from ci_guard.sbom.installed.python_metadata import licences, parse_metadata
from ci_guard.sbom.purls import canonical_name

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SITE = "lib/python3.11/site-packages"
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(b"a").digest()).decode()


def tree(root: Path, files: Mapping[str, str | dict[str, object]]) -> Path:
    """Files below a folder; tables become JSON."""
    for path, content in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return root


def by_name(inventory: Inventory) -> dict[str, Component]:
    """Name -> component; every name once."""
    return {component.name: component for component in inventory.components}


def edges(inventory: Inventory) -> set[tuple[str, str, str]]:
    """(name, name, kind) of every edge."""
    names = {component.ref: component.name for component in inventory.components}
    return {(names[e.source], names[e.target], e.kind) for e in inventory.edges}


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A virtual environment of four packages: from an index, a repository, a URL, a folder."""
    web = f"{SITE}/Web_App-2.0.dist-info"
    inner = {
        "bomFormat": "CycloneDX",
        "components": [
            {
                "bom-ref": "1",
                "name": "serde",
                "version": "1.0",
                "purl": "pkg:cargo/serde@1.0",
                "licenses": [{"license": {"id": "MIT"}}],
            },
            {"bom-ref": "2", "name": "libc", "version": "0.2", "purl": "pkg:cargo/libc@0.2"},
            {"bom-ref": "3", "type": "file", "name": "a.py"},
        ],
        "dependencies": [{"ref": "1", "dependsOn": ["2", "lost"]}],
    }
    return tree(
        tmp_path / "venv",
        {
            "pyvenv.cfg": "home = /usr/bin\n",
            f"{web}/METADATA": "Name: Web_App\nVersion: 2.0\nLicense-Expression: MIT OR Apache-2.0\n"
            "Requires-Dist: From-Git>=1\nRequires-Dist: colorama; sys_platform == 'win32'\n"
            "Requires-Dist: fetched; extra == 'fast'\nAuthor-email: Ada <ada@host.example>\n\n"
            "Requires-Dist: not-this\n",
            f"{web}/RECORD": "web/app.py,sha256=abc,3\nweb/gone.py,sha256=abc,9\nweb/__pycache__/app.pyc,,\n",
            f"{web}/INSTALLER": "uv\n",
            f"{web}/REQUESTED": "",
            f"{web}/sboms/inner.cdx.json": inner,
            f"{SITE}/web/app.py": "1+1",
            f"{SITE}/from_git-1.0.dist-info/METADATA": "Name: from-git\nVersion: 1.0\nLicense: MIT License\n"
            "Requires-Dist: lost\n",
            f"{SITE}/from_git-1.0.dist-info/direct_url.json": {
                "url": "https://git.example.org/from-git.git",
                "vcs_info": {"vcs": "git", "commit_id": COMMIT},
            },
            f"{SITE}/fetched-3.0.dist-info/METADATA": "Name: fetched\nVersion: 3.0\n"
            "Classifier: License :: OSI Approved :: ISC License (ISCL)\nLicense: whatever\n",
            f"{SITE}/fetched-3.0.dist-info/direct_url.json": {
                "url": "https://files.example/fetched-3.0.zip",
                "archive_info": {"hashes": {"sha256": "ab" * 32}},
            },
            f"{SITE}/here.egg-info/PKG-INFO": "Name: here\nVersion: 0.1\nLicense: UNKNOWN\n",
            f"{SITE}/broken-1.dist-info/METADATA": "Name: broken\n",
        },
    )


def test_a_python_environment(python: Path) -> None:
    found = environment_inventory(python)
    named = by_name(found)
    web, git, fetched = named["Web_App"], named["from-git"], named["fetched"]
    assert web.purl == "pkg:pypi/web-app@2.0"
    assert web.licenses == ("MIT OR Apache-2.0",)
    assert web.locations[0].path == f"{SITE}/Web_App-2.0.dist-info/METADATA"
    said = dict(web.properties)
    assert said["ci-guard:maintainer"] == "Ada <ada@host.example>"
    assert said["ci-guard:python:installer"] == "uv"
    assert said["ci-guard:python:requested"] == "true"
    assert said["ci-guard:python:altered-files"] == "1"
    assert said["ci-guard:python:record"].startswith("sha256:")
    assert git.source == "git"
    assert COMMIT in git.purl
    assert [h.value for h in fetched.hashes] == ["ab" * 32]
    assert fetched.licenses == ("ISC",)
    assert named["here"].licenses == ()
    assert edges(found) == {
        ("Web_App", "from-git", "depends-on"),
        ("Web_App", "serde", "contains"),
        ("Web_App", "libc", "contains"),
        ("serde", "libc", "depends-on"),
    }
    complete = {c.name for c in found.components if c.ref in found.complete}
    assert complete == {"Web_App", "fetched"}
    assert [text for text in found.unknown if "broken" in text]


def test_which_folders_are_environments(python: Path, tmp_path: Path) -> None:
    assert is_image(str(python))
    assert is_image(f"environment:{tmp_path}")
    assert is_image("web/node_modules")
    assert not is_image(str(tmp_path))
    with pytest.raises(InputError, match="no folder"):
        inventory_of("environment:nowhere")


def test_a_checkout_is_never_taken_for_an_environment(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (python / ".git").mkdir()
    assert not is_image(str(python))
    (python / ".git").rmdir()
    monkeypatch.chdir(python)
    assert not is_image(".")
    assert not is_image(str(python))


def test_this_environment_as_the_standard_library_sees_it() -> None:
    """Every distribution of the interpreter that runs the tests."""
    folders = {p for p in sys.path if p.endswith("site-packages") and p.startswith(sys.prefix)}
    theirs = {
        (canonical_name("PyPI", d.metadata["Name"]), d.version)
        for folder in folders
        for d in importlib.metadata.distributions(path=[folder])
    }
    ours = {
        (canonical_name("PyPI", c.name), c.version)
        for folder in folders
        for c in catalogue(FolderTree(Path(folder)), ("python",)).components
        if any(p.path.endswith("METADATA") and "_vendor" not in p.path for p in c.locations)
    }
    assert theirs
    assert ours == theirs


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A project whose packages npm installed, one nested, one below another's scope."""
    lock = {
        "packages": {
            "node_modules/a": {"resolved": "https://registry.npmjs.example/a/-/a-1.0.0.tgz", "integrity": INTEGRITY}
        }
    }
    return tree(
        tmp_path / "web",
        {
            "package.json": {"name": "web", "version": "1.0.0"},
            "node_modules/.package-lock.json": lock,
            "node_modules/a/package.json": {
                "name": "a",
                "version": "1.0.0",
                "license": "MIT",
                "author": {"name": "Ada"},
                "dependencies": {"b": "^2", "@s/c": "*"},
                "devDependencies": {"d": "*"},
                "scripts": {"postinstall": "x"},
            },
            "node_modules/a/esm/package.json": {"type": "module"},
            "node_modules/a/node_modules/b/package.json": {"name": "b", "version": "2.0.0"},
            "node_modules/b/package.json": {"name": "b", "version": "1.0.0", "dependencies": {"lost": "*"}},
            "node_modules/@s/c/package.json": {"name": "@s/c", "version": "3.0.0", "peerDependencies": {"b": "^1"}},
            "node_modules/bad/package.json": "{",
        },
    )


@pytest.mark.parametrize("where", ["environment:{}", "{}/node_modules"])
def test_node_packages(node: Path, where: str) -> None:
    found = inventory_of(where.format(node))
    first = by_name(found)["a"]
    assert first.purl == "pkg:npm/a@1.0.0"
    assert [h.algorithm for h in first.hashes] == ["sha512"]
    assert first.licenses == ("MIT",)
    assert dict(first.properties)["ci-guard:npm:install-script"] == "true"
    names = {c.ref: f"{c.name}@{c.version}" for c in found.components}
    assert {(names[e.source], names[e.target]) for e in found.edges} == {
        ("a@1.0.0", "b@2.0.0"),
        ("a@1.0.0", "@s/c@3.0.0"),
        ("@s/c@3.0.0", "b@1.0.0"),
    }
    assert {names[ref] for ref in names if ref not in found.complete} == {"b@1.0.0"}
    assert [text for text in found.unknown if "bad" in text]


def test_links_of_pnpm(tmp_path: Path) -> None:
    store = "node_modules/.pnpm"
    tree(
        tmp_path,
        {
            f"{store}/a@1.0.0/node_modules/a/package.json": {
                "name": "a",
                "version": "1.0.0",
                "dependencies": {"b": "*"},
            },
            f"{store}/b@2.0.0/node_modules/b/package.json": {"name": "b", "version": "2.0.0"},
        },
    )
    (tmp_path / store / "a@1.0.0/node_modules/b").symlink_to("../../b@2.0.0/node_modules/b")
    (tmp_path / "node_modules/a").symlink_to(".pnpm/a@1.0.0/node_modules/a")
    found = environment_inventory(tmp_path / "node_modules")
    assert edges(found) == {("a", "b", "depends-on")}
    assert len(found.components) == 2


def test_spdx_inside(tmp_path: Path) -> None:
    references = [{"referenceType": "purl", "referenceLocator": "pkg:cargo/z@1"}]
    two = {"spdxVersion": "SPDX-2.3", "packages": [{"name": "z", "SPDXID": "SPDXRef-z", "externalRefs": references}]}
    package = {"type": "software_Package", "name": "y", "software_packageUrl": "pkg:cargo/y@1", "spdxId": "y"}
    three = {"@graph": [package, {"type": "Tool"}]}
    info = f"{SITE}/a-1.dist-info"
    metadata = {f"{info}/METADATA": "Name: a\nVersion: 1\n"}
    tree(tmp_path, {**metadata, f"{info}/sboms/2.json": two, f"{info}/sboms/3.json": three})
    assert edges(environment_inventory(tmp_path)) == {("a", "z", "contains"), ("a", "y", "contains")}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "bomFormat",
                        "components",
                        "name",
                        "version",
                        "purl",
                        "licenses",
                        "license",
                        "hashes",
                        "alg",
                        "content",
                    ),
                    *(
                        "dependencies",
                        "ref",
                        "dependsOn",
                        "spdxVersion",
                        "packages",
                        "externalRefs",
                        "@graph",
                        "type",
                        "url",
                    ),
                    *("vcs_info", "archive_info", "dir_info", "resolved", "integrity", "author", "scripts", "os"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_metadata(data: bytes) -> None:
    licences(parse_metadata(data))


@settings(max_examples=40, deadline=None)
@given(JSON, JSON, st.binary(max_size=60))
def test_any_environment(one: object, other: object, data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        info = f"{SITE}/a-1.dist-info"
        tree(
            root,
            {
                f"{info}/METADATA": "Name: a\nVersion: 1\n",
                f"{info}/direct_url.json": json.dumps(one),
                f"{info}/sboms/a.json": json.dumps(other),
                "node_modules/a/package.json": json.dumps(one),
                "node_modules/b/package.json": json.dumps({"name": "b", "version": "1", "dependencies": other}),
                "node_modules/.package-lock.json": json.dumps({"packages": {"node_modules/b": other}}),
            },
        )
        (root / info / "RECORD").write_bytes(data)
        found = environment_inventory(root)
    assert {"a", "b"} <= set(by_name(found))
