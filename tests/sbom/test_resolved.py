"""Addresses of locked packages against the names beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.model.component import Component, Distribution
from ci_guard.sbom.resolved import Hosts, disagreement, insecure
from tests.sbom.test_deps_check import checked, lines

EXPECTED = ("", "")
HOST = "https://registry.example"
AGREE = [
    ("npm", "wrappy", "1.0.2", "/wrappy/-/wrappy-1.0.2.tgz"),
    ("npm", "@babel/core", "7.0.0", "/@babel/core/-/core-7.0.0.tgz"),
    ("npm", "@babel/core", "7.0.0", "/@babel%2fcore/-/core-7.0.0.tgz"),
    ("npm", "@babel/core", "7.0.0", "/artifactory/api/npm/all/@babel/core/-/@babel/core-7.0.0.tgz"),
    ("npm", "JSONStream", "1.3.5", "/JSONStream/-/JSONStream-1.3.5.tgz#3208c1f08d3a4d99261ab64f92302bc15e111ca0"),
    ("npm", "a", "1.0.0+build.5", "/a/-/a-1.0.0.tgz?cache=0"),
    ("npm", "@shop/ui", "2.1.0", "/download/@shop/ui/2.1.0/" + "a" * 40),
    ("npm", "anything", "1.0.0", "/some/other/form.tgz"),
    ("PyPI", "zope.interface", "7.0", "/zope_interface-7.0.0-cp312-cp312-win_amd64.whl"),
    ("PyPI", "zope-interface", "7.0", "/zope.interface-7.0.tar.gz"),
    ("PyPI", "torch", "2.1.0+cu118", "/torch-2.1.0%2Bcu118-cp311-cp311-linux_x86_64.whl"),
    ("PyPI", "certifi", "2020.6.20", "/certifi-2020.06.20-py2.py3-none-any.whl"),
    ("PyPI", "pkg", "1.0rc1", "/pkg-1.0-rc.1.zip"),
    ("PyPI", "pkg", "1.0b2", "/pkg-1.0.beta2.tar.bz2"),
    ("PyPI", "pkg", "1.0", "/pkg-1.0-py3.8.egg"),
    ("PyPI", "pkg", "", "/pkg-1.0.tar.gz"),
    ("Packagist", "a/b", "1.0", "/whatever/zipball"),
]
DISAGREE = [
    ("npm", "wrappy", "1.0.2", "/wrapppy/-/wrapppy-1.0.2.tgz"),
    ("npm", "wrappy", "1.0.2", "/wrappy/-/wrappy-1.0.3.tgz"),
    ("npm", "wrappy", "1.0.2", "/wrappy/-/evil-1.0.2.tgz"),
    ("npm", "core", "7.0.0", "/@babel/score/-/core-7.0.0.tgz"),
    ("npm", "@babel/core", "7.0.0", "/@evil/core/-/core-7.0.0.tgz"),
    ("npm", "@shop/ui", "2.1.0", "/download/@shop/ux/2.1.0/" + "a" * 40),
    ("PyPI", "idna", "3.10", "/idna-3.1-py3-none-any.whl"),
    ("PyPI", "idna", "3.10", "/idnaa-3.10.tar.gz"),
    ("PyPI", "idna", "3.10", "/idna.whl"),
]


def component(ecosystem: str, name: str, version: str, url: str) -> Component:
    """A registry's package with one file."""
    return Component("x", name, version, ecosystem=ecosystem, source="registry", distributions=(Distribution(url),))


@pytest.mark.parametrize("case", AGREE, ids=lambda c: c[3])
def test_forms_that_registries_use_agree(case: tuple[str, str, str, str]) -> None:
    ecosystem, name, version, path = case
    assert disagreement(component(ecosystem, name, version, HOST + path)) == ""


@pytest.mark.parametrize("case", DISAGREE, ids=lambda c: c[3])
def test_another_name_or_version_is_named(case: tuple[str, str, str, str]) -> None:
    ecosystem, name, version, path = case
    assert disagreement(component(ecosystem, name, version, HOST + path))


NPM = st.from_regex(r"(@[a-z0-9][a-z0-9._-]{0,8}/)?[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(-[a-z]{1,5}\.[0-9]{1,2})?", fullmatch=True)


@given(name=NPM, version=VERSIONS, other=NPM)
def test_npm_names_agree_with_themselves_only(name: str, version: str, other: str) -> None:
    url = f"{HOST}/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
    assert disagreement(component("npm", name, version, url)) == ""
    if other != name:
        assert disagreement(component("npm", other, version, url))


@given(ecosystem=st.sampled_from(["npm", "PyPI"]), url=st.text(max_size=60), name=st.text(min_size=1, max_size=8))
def test_any_address_gives_an_answer(ecosystem: str, url: str, name: str) -> None:
    found = component(ecosystem, name, "1", url)
    disagreement(found)
    insecure(found)
    Hosts([found], ["a"]).unexpected(found)


def test_hosts_by_policy_and_by_what_the_index_does() -> None:
    def package(name: str, host: str, index: str = "https://index.example/simple") -> Component:
        files = (Distribution(f"https://{host}/{name}-1.0.tar.gz"),)
        return Component(name, name, "1.0", ecosystem="PyPI", source="registry", source_url=index, distributions=files)

    most = [package(f"p{n}", "files.example") for n in range(9)]
    stray = package("stray", "elsewhere.example")
    assert Hosts([*most, stray], ()).unexpected(stray) == (
        "elsewhere.example",
        "files of its index come from files.example",
    )
    assert Hosts([*most, stray], ()).unexpected(most[0]) == EXPECTED
    assert Hosts([*most, stray], ("index.example", "elsewhere.example")).unexpected(stray) == EXPECTED
    assert Hosts([*most, stray], ("mirror.example",)).unexpected(most[0]) == (
        "index.example",
        "none of the `registries`",
    )
    assert Hosts([*most, stray], ("INDEX.example:443/simple", "elsewhere.example")).unexpected(stray) == EXPECTED
    assert Hosts([stray, *most[:2]], ()).unexpected(stray) == EXPECTED, (
        "three packages do not show where an index keeps files"
    )


SCOPED = {
    "package-lock.json": """\
{"name": "shop", "lockfileVersion": 3, "packages": {"": {"name": "shop"}, "node_modules/@shop/ui": {
 "version": "1.0.0", "resolved": "https://registry.example/@shop/ui/-/ui-1.0.0.tgz", "integrity": "sha512-%s=="}}}
""",
    "yarn.lock": """\
# yarn lockfile v1
"@shop/ui@^1.0.0":
  version "1.0.0"
  resolved "https://registry.example/@shop/ui/-/ui-1.0.0.tgz"
  integrity sha512-%s==
""",
}
SETTINGS = {
    ".npmrc": "@shop:registry=https://registry.shop.example:443/npm/ ; ours\n",
    ".yarnrc.yml": "npmScopes: {shop: {npmRegistryServer: 'https://registry.shop.example'}}\n",
}


@pytest.mark.parametrize("lock", SCOPED)
@pytest.mark.parametrize("settings", SETTINGS)
def test_a_scope_comes_from_its_own_registry(lock: str, settings: str, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / lock).write_text(SCOPED[lock] % ("A" * 86))
    assert lines(checked(tmp_path)[1]) == []
    (tmp_path / "web" / settings).write_text(SETTINGS[settings])
    code, report = checked(tmp_path)
    (found,) = report["findings"]
    assert (code, found["rule"]) == (1, "dependency-from-unexpected-host")
    assert (
        "comes from registry.example: the settings beside give its scope to registry.shop.example" in found["message"]
    )


def test_what_is_fetched_without_tls() -> None:
    assert insecure(component("npm", "a", "1", "http://registry.example/a/-/a-1.tgz")) == "registry.example"
    assert insecure(component("npm", "a", "1", "http://localhost:4873/a/-/a-1.tgz")) == ""
    assert insecure(component("npm", "a", "1", "https://registry.example/a/-/a-1.tgz")) == ""


@pytest.mark.parametrize("filler", ["0.", "-py3", "a-", "/download/", "/-/", "%2f", "@", "."])
@pytest.mark.parametrize("ecosystem", ["npm", "PyPI"])
def test_no_address_is_slow(ecosystem: str, filler: str) -> None:
    """What grows with the square of the length would need minutes for these."""
    long = filler * 50_000
    for url in (
        f"https://h.example/{long}\n.whl",
        f"https://h.example/a-{long}-x.whl",
        f"https://h.example/{long}.zip",
    ):
        disagreement(component(ecosystem, "a", long, url))
