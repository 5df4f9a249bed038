"""Copyright, licences and files of packages that are at hand, and what documents make of them."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.model.component import Component, Inventory
from ci_guard.sbom import cyclonedx, spdx
from ci_guard.sbom.installed import binaries, dpkg, node, python
from ci_guard.sbom.installed.copyright_file import copyright_lines
from ci_guard.sbom.installed.copyright_lines import statements
from ci_guard.sbom.metadata import Metadata
from tests.sbom.images.test_installed import DATA, tree

HEAD = Metadata("2024-05-01T12:00:00Z", lifecycle="post-build")
STATUS = (
    "Package: less\nStatus: install ok installed\nVersion: 590-2\nArchitecture: amd64\nMaintainer: M <m@d.example>\n"
)
DEP_5 = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 1984-2021, Mark
           2002 Others
License: GPL-3+ and Less
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MIT License\n\nCopyright (c) 2020 Ann\n\nPermission is hereby granted", ["Copyright (c) 2020 Ann"]),
        (
            "# © 2019 Bob\n * Copyright 2018, 2019 Carl  <c@x.example>",
            ["© 2019 Bob", "Copyright 2018, 2019 Carl <c@x.example>"],
        ),
        ("Copyright (C) <year> <name of author>\nCopyright [yyyy] [owner]\nthe above copyright notice", []),
        ("Copyright (C) 2007 Free Software Foundation, Inc.", []),  # of the licence, not of the package
    ],
)
def test_statements_of_copyright(text: str, expected: list[str]) -> None:
    assert statements(text) == expected


def test_copyright_files_of_debian() -> None:
    assert copyright_lines(DEP_5) == "1984-2021, Mark\n2002 Others"
    assert copyright_lines("It was packaged.\n\nCopyright: (C) 1999 Ann\n") == "Copyright: (C) 1999 Ann"


@given(st.text(alphabet="Copyright(c)© 2019:\n\t-_*é", max_size=200))
def test_any_text_states_something_or_nothing(text: str) -> None:
    assert all("\n" not in line for line in statements(text))
    assert isinstance(copyright_lines("Format: x\n" + text), str)


def test_every_package_manager_leaves_them(tmp_path: Path) -> None:
    notice = "Copyright (c) 2020 Ann"
    files: dict[str, bytes | str] = {
        "var/lib/dpkg/status": STATUS,
        "usr/share/doc/less/copyright": DEP_5,
        "lib/a-1.dist-info/METADATA": "Name: a\nVersion: 1\nLicense-Expression: MIT\n\n",
        "lib/a-1.dist-info/licenses/LICENSE": notice,
        "app/node_modules/b/package.json": '{"name": "b", "version": "1", "contributors": [{"name": "Bo"}]}',
        "app/node_modules/b/LICENSE.md": notice,
    }
    found = tree(tmp_path, files)
    (less,), (a,), (b,) = (module.catalogue(found).components for module in (dpkg, python, node))
    assert less.copyright == "1984-2021, Mark\n2002 Others"
    assert a.copyright == b.copyright == notice
    assert dict(b.properties)["ci-guard:maintainer"] == "Bo"
    assert all(c.installed for c in (less, a, b))


def test_what_is_declared_is_concluded_of_installed_packages_alone() -> None:
    parts = [Component(ref=n, name=n, licenses=("MIT OR ISC",), installed=n == "here") for n in ("here", "locked")]
    inventory = Inventory(components=tuple(parts))
    packages = {p["name"]: p for p in json.loads(spdx.write(inventory, HEAD))["packages"]}
    assert packages["here"]["licenseConcluded"] == "MIT OR ISC"
    assert packages["locked"]["licenseConcluded"] == "NOASSERTION"
    for version, expected in (("1.6", ["concluded"]), ("1.7", ["declared", "concluded"])):
        components = {c["name"]: c for c in json.loads(cyclonedx.write(inventory, HEAD, version))["components"]}
        assert [entry["acknowledgement"] for entry in components["here"]["licenses"]] == expected
        assert [entry["acknowledgement"] for entry in components["locked"]["licenses"]] == ["declared"]


def test_a_program_is_the_file_that_is_deployed(tmp_path: Path) -> None:

    data = gzip.decompress((DATA / "go-linux.gz").read_bytes())
    inventory = binaries.catalogue(tree(tmp_path, {"bin/tool": data}))
    document = json.loads(cyclonedx.write(inventory, HEAD))
    (own,) = [c for c in document["components"] if c["bom-ref"] == "file:bin/tool"]
    said = {p["name"]: p["value"] for p in own["properties"]}
    assert said["bsi:component:filename"] == "tool"
    assert said["bsi:component:executable"] == "executable"
    assert {"alg": "SHA-512", "content": hashlib.sha512(data).hexdigest()} in own["hashes"]
