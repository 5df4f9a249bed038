"""`sbom diff`: what is told of two documents, made from small lists of packages; nothing of equal ones."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ci_guard.cli import main
from ci_guard.model.report import Verdict
from ci_guard.pipeline.materials.diff import version_order
from ci_guard.report import sbom_diff as reporter
from ci_guard.report.sbom_diff import Shown
from ci_guard.report.style import Style
from ci_guard.sbom import cyclonedx, spdx
from ci_guard.sbom.comparison.changes import compare
from ci_guard.sbom.comparison.side import Side, of_bill
from ci_guard.sbom.metadata import Metadata
from ci_guard.sbom.reading import read_bill
from ci_guard.sbom.reading.bill import Bill
from tests.sbom import sbom_inputs as inputs
from tests.sbom.test_reading import BILLS, bill_file, paths, wrong_type

SCHEMA = jsonschema_rs.validator_for(
    json.loads((Path(__file__).parents[2] / "docs/schemas/sbom-diff.schema.json").read_bytes())
)


def package(purl: str, digest: str = "", licence: str = "", *, script: bool = False, **more: Any) -> dict[str, Any]:
    """A component of a document."""
    base = purl.partition("?")[0]
    name, _, version = base.rpartition("/")[2].partition("@")
    made: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if digest:
        made["hashes"] = [{"alg": "SHA-256", "content": digest * 32}]
    if licence:
        made["licenses"] = [{"expression": licence}]
    if script:
        made["properties"] = [{"name": "cdx:npm:hasInstallScript", "value": "true"}]
    return made | more


def document(*components: dict[str, Any], needs: dict[str, list[str]] | None = None) -> bytes:
    """A document of a shop that needs what nothing else needs."""
    inner = needs or {}
    needed = {ref for refs in inner.values() for ref in refs}
    direct = [c["bom-ref"] for c in components if c["bom-ref"] not in needed]
    listed = [{"ref": "shop", "dependsOn": direct}, *({"ref": k, "dependsOn": v} for k, v in inner.items())]
    head = {"component": {"type": "application", "bom-ref": "shop", "name": "shop"}}
    value = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": head}
    return json.dumps({**value, "components": list(components), "dependencies": listed}, indent=1).encode()


def side(data: bytes, name: str = "bom.json") -> Side:
    """A side of a document that can be read."""
    bill = read_bill(name, data)
    assert isinstance(bill, Bill)
    return of_bill(bill)


def changes(old: bytes, new: bytes) -> list[str]:
    """Each change in a line."""
    found = compare(side(old), side(new), version_order)
    return [f"{c.kind} {c.name} {c.old}>{c.new}" + (f" by {'/'.join(c.way)}" if c.way else "") for c in found]


A1, A2, B1 = package("pkg:npm/a@1.9.0"), package("pkg:npm/a@1.10.0"), package("pkg:npm/b@1.0.0")
IMAGE = "pkg:oci/web@sha256:{}?repository_url=ghcr.example%2Fteam%2Fweb&tag=2"
ONE, OTHER = "ab" * 32, "cd" * 32

CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]] = {
    "added": ([A1], [A1, B1], ["added b >1.0.0"]),
    "removed": ([A1, B1], [A1], ["removed b 1.0.0>"]),
    "upgraded, by the order of its ecosystem": ([A1], [A2], ["upgraded a 1.9.0>1.10.0"]),
    "downgraded": ([A2], [A1], ["downgraded a 1.10.0>1.9.0"]),
    "a type without order": (
        [package("pkg:generic/a@x")],
        [package("pkg:generic/a@y")],
        ["version a x>y"],
    ),
    "one more version beside the old": ([A1], [A1, A2], ["added a >1.10.0"]),
    "two versions become one": (
        [A1, A2],
        [package("pkg:npm/a@2.0.0")],
        ["removed a 1.9.0>", "upgraded a 1.10.0>2.0.0"],
    ),
    "another hash": (
        [package("pkg:npm/a@1.0.0", "ab")],
        [package("pkg:npm/a@1.0.0", "cd")],
        [f"hash a sha256:{ONE}>sha256:{OTHER}"],
    ),
    "a hash that was not known": ([package("pkg:npm/a@1.0.0")], [package("pkg:npm/a@1.0.0", "cd")], []),
    "another licence, with another version too": (
        [package("pkg:npm/a@1.0.0", licence="MIT")],
        [package("pkg:npm/a@1.1.0", licence="GPL-3.0-only")],
        ["licence a MIT>GPL-3.0-only", "upgraded a 1.0.0>1.1.0"],
    ),
    "a licence in another spelling": (
        [package("pkg:npm/a@1.0.0", licence="Apache-2.0 or MIT")],
        [package("pkg:npm/a@1.0.0", licence="Apache-2.0 OR MIT")],
        [],
    ),
    "a licence that was not known": ([A1], [package("pkg:npm/a@1.9.0", licence="MIT")], []),
    "another registry": (
        [package("pkg:npm/a@1.0.0")],
        [package("pkg:npm/a@1.0.0?repository_url=https:%2F%2Fnpm.evil.example")],
        ["source a the registry of all others>https://npm.evil.example"],
    ),
    "another commit of one repository": (
        [package("pkg:npm/a@1.0.0?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fa@1111")],
        [package("pkg:npm/a@1.0.1?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fa@2222")],
        ["upgraded a 1.0.0>1.0.1"],
    ),
    "a moved tag": (
        [package(IMAGE.format(ONE), type="container", name="web")],
        [package(IMAGE.format(OTHER), type="container", name="web")],
        [f"digest web sha256:{ONE}>sha256:{OTHER}"],
    ),
    "an image by digest alone": (
        [package("pkg:oci/web@sha256:" + ONE, type="container", name="web")],
        [package("pkg:oci/web@sha256:" + OTHER, type="container", name="web")],
        [f"version web sha256:{ONE}>sha256:{OTHER}"],
    ),
    "a newly added script": (
        [A1],
        [A1, package("pkg:npm/b@1.0.0", script=True)],
        ["install-script b >", "added b >1.0.0"],
    ),
    "a script in a new version": (
        [package("pkg:npm/a@1.9.0")],
        [package("pkg:npm/a@1.10.0", script=True)],
        ["install-script a >", "upgraded a 1.9.0>1.10.0"],
    ),
    "another system around": (
        [package("pkg:deb/debian/a@1-1?arch=amd64&distro=debian-12")],
        [package("pkg:deb/debian/a@1-1?arch=amd64&distro=debian-12.1")],
        [],
    ),
    "another architecture": (
        [package("pkg:deb/debian/a@1-1?arch=amd64")],
        [package("pkg:deb/debian/a@1-1?arch=arm64")],
        ["added a >1-1", "removed a 1-1>"],
    ),
    "names that one tool writes in lower case": (
        [package("pkg:npm/JSONStream@1")],
        [package("pkg:npm/jsonstream@1")],
        [],
    ),
    "names in another spelling": ([package("pkg:pypi/Zope.Interface@1")], [package("pkg:pypi/zope-interface@1")], []),
}


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    old, new, expected = CASES[case]
    assert changes(document(*old), document(*new)) == expected


def test_files_are_compared_by_name() -> None:
    """One more wheel is no other content; another hash of one wheel is, whatever stands beside it."""

    def wheels(**hashes: str) -> dict[str, Any]:
        files = [
            {
                "type": "distribution",
                "url": f"https://f.example/{n}.whl",
                "hashes": [{"alg": "SHA-256", "content": h * 32}],
            }
            for n, h in hashes.items()
        ]
        return package("pkg:pypi/a@1", externalReferences=files)

    assert changes(document(wheels(x="ab")), document(wheels(x="ab", y="cd"))) == []
    assert changes(document(wheels(x="ab", y="cd")), document(wheels(x="ef", y="cd"))) == [
        f"hash a sha256:{'ab' * 32}>sha256:{'ef' * 32}"
    ]


def test_the_way_on_which_something_came_in() -> None:
    chain = [package(f"pkg:npm/p{n}@1.0.0") for n in range(12)]
    refs = [c["bom-ref"] for c in chain]
    needs = {one: [other] for one, other in pairwise(refs)}
    found = compare(side(document(chain[0])), side(document(*chain, needs=needs)), version_order)
    ways = {c.name: c.way for c in found}
    assert ways["p1"] == ("p0 1.0.0",)
    assert ways["p3"] == ("p0 1.0.0", "p1 1.0.0", "p2 1.0.0")
    assert ways["p11"] == ("p0 1.0.0", "…", *(f"p{n} 1.0.0" for n in range(5, 11)))


def test_a_way_leads_over_files() -> None:
    """The lock that a package stands in is on the way, and brings nothing in."""
    value = json.loads(bill_file("syft-spdx").read_bytes())
    lock, flask = "SPDXRef-File-poetry.lock-0", "SPDXRef-Package-python-flask-4b0a9f6d1c2e3f40"
    root = "SPDXRef-DocumentRoot-Directory-."
    for relation in value["relationships"]:
        if relation["relationshipType"] == "CONTAINS":
            relation["relatedSpdxElement"] = lock
    value["relationships"].append(
        {"spdxElementId": lock, "relatedSpdxElement": flask, "relationshipType": "DEPENDS_ON"}
    )
    new = json.dumps(value).encode()
    value["packages"] = [p for p in value["packages"] if p["SPDXID"] == root]
    found = {c.name: c for c in compare(side(json.dumps(value).encode()), side(new), version_order)}
    assert (found["flask"].way, found["flask"].reached) == ((), True)
    assert found["werkzeug"].way == ("flask 3.0.0",)


def test_the_format_does_not_matter() -> None:
    head = Metadata("2024-05-01T12:00:00Z", name="shop")
    inventory = inputs.everything()
    one, other = side(cyclonedx.write(inventory, head)), side(spdx.write(inventory, head))
    told = {(c.kind, c.name) for c in compare(one, other, version_order)}
    # SPDX has one hash a package, and one licence field: nothing but what it cannot hold may differ.
    assert {kind for kind, _ in told} <= {"hash", "licence"}


@pytest.mark.parametrize("case", [c for c in sorted(p.name for p in BILLS.iterdir()) if not c.startswith("broken")])
def test_nothing_differs_from_itself(case: str) -> None:
    data = bill_file(case).read_bytes()
    assert compare(side(data), side(data), version_order) == []


VERSIONS = st.sampled_from(["1.0.0", "1.10.0", "2.0.0", "x"])
PACKAGES = st.lists(st.builds(lambda n, v: package(f"pkg:npm/{n}@{v}"), st.sampled_from("abc"), VERSIONS), max_size=6)


@given(PACKAGES, PACKAGES)
def test_changes_lead_from_one_to_the_other(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    """Applied to the old versions they give the new ones, and backwards they are mirrored."""
    sides = [{c["purl"]: c for c in listed} for listed in (old, new)]
    there, wanted = ({(c["name"], c["version"]) for c in listed.values()} for listed in sides)
    one, other = (side(document(*listed.values())) for listed in sides)
    forth = compare(one, other, version_order)
    for change in forth:
        assert (change.name, change.old) in there or change.kind == "added"
        there -= {(change.name, change.old)}
    there |= {(change.name, change.new) for change in forth if change.new}
    assert there == wanted
    mirrored = {"added": "removed", "upgraded": "downgraded", "version": "version"}
    mirrored |= {value: key for key, value in mirrored.items()}
    back = {(c.kind, c.name, c.old, c.new) for c in compare(other, one, version_order)}
    assert back == {(mirrored[c.kind], c.name, c.new, c.old) for c in forth}


def run(*arguments: str) -> int:
    """The exit code of a command."""
    return main(["sbom", "diff", *arguments])


HOSTILE = "</details>|`x`<img src=x>\n::error::[a](javascript:b)@everybody"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two documents: one package has other content, fifteen are new, one more has a hostile name."""
    monkeypatch.chdir(tmp_path)
    many = [package(f"pkg:npm/n{n}@1.0.0") for n in range(15)]
    evil = {**package("pkg:npm/evil@1.0.0"), "name": HOSTILE}
    (tmp_path / "old.json").write_bytes(document(package("pkg:npm/a@1.0.0", "ab")))
    (tmp_path / "new.json").write_bytes(document(package("pkg:npm/a@1.0.0", "cd"), *many, evil))
    return tmp_path


def test_exit_codes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("old.json", "old.json") == 0
    assert "no change" in capsys.readouterr().out
    assert run("old.json", "new.json") == 1
    assert run("old.json", "new.json", "--fail-on", "critical") == 0
    assert run("old.json", "new.json", "--ignore", "sbom-hash-changed") == 0
    (folder / "broken.json").write_text("{", "utf-8")
    assert run("old.json", "broken.json") == 3
    assert "broken.json:1: not valid JSON" in capsys.readouterr().err
    assert run("old.json", "gone.json") == 3
    assert run("old.json", "new.json", "--since", "HEAD") == 2


def test_json_is_as_published(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = "{rule: sbom-hash-changed, path: new.json, reason: published anew}"
    (folder / ".ci-guard.yaml").write_text(f"version: 1\nsuppressions:\n- {entry}\n", "utf-8")
    assert run("old.json", "new.json", "--format", "json") == 0
    value = json.loads(capsys.readouterr().out)
    assert [e.message for e in SCHEMA.iter_errors(value)] == []
    assert value["summary"]["added"] == 16
    first = value["changes"][0]
    assert (first["kind"], first["rule"], first["accepted"], first["direct"]) == (
        "hash",
        "sbom-hash-changed",
        True,
        True,
    )
    assert '"name": "a"' in (folder / "new.json").read_text("utf-8").split("\n")[first["line"] - 1]


def test_markdown_is_safe_and_folds_what_is_long(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del folder
    assert run("old.json", "new.json", "--format", "markdown") == 1
    page = capsys.readouterr().out
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    html = [t.content.strip() for t in tokens if t.type == "html_block"]
    assert html == ["<details><summary>Added (16)</summary>", "</details>"]
    inner = [child.type for t in tokens for child in t.children or ()]
    assert not {"link_open", "image", "html_inline"} & set(inner)
    assert not any(line.lstrip().startswith("::") for line in page.split("\n"))
    assert sum(t.type == "table_open" for t in tokens) == 2


def test_markdown_fits_into_a_comment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.json").write_bytes(document(*(package(f"pkg:npm/{'n' * 50}{n}@1.0.0") for n in range(2_000))))
    run("old.json", "new.json", "--format", "markdown")
    page = capsys.readouterr().out
    assert len(page) <= 65_536
    shown, left = page.count("| `nnn"), int(page.rpartition(" more did not fit")[0].rpartition("\n")[2])
    assert shown + left == 2_001


def test_findings_for_machines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del folder
    assert run("old.json", "new.json", "--format", "sarif") == 1
    (run_,) = [r for r in json.loads(capsys.readouterr().out)["runs"] if r["results"]]
    assert run_["automationDetails"]["id"] == "ci-guard/sbom/"
    assert [r["ruleId"] for r in run_["results"]] == ["sbom-hash-changed"]


def test_a_repository_is_a_side_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a folder locks, against the document that was written of it before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    lock = tmp_path / "app" / "requirements.txt"
    lock.write_text("idna==3.7\n", "utf-8")
    assert main(["sbom", "create", "app", "--quiet", "--output", "old.cdx.json"]) == 0
    lock.write_text("# new\nidna==3.6\n", "utf-8")
    assert run("old.cdx.json", "app", "--format", "json") == 0
    change, content = json.loads(capsys.readouterr().out)["changes"]
    assert (change["kind"], change["old"], change["new"]) == ("downgraded", "3.7", "3.6")
    assert (change["path"], change["line"]) == ("app/requirements.txt", 2)
    assert (content["kind"], content["name"], content["rule"]) == ("content", "requirements.txt", "")


def test_a_checkout_of_the_base_stands_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Paths and policy are those of the repository that the command stands in."""
    for name, version in (("base", "3.7"), ("repo", "3.6")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "requirements.txt").write_text(f"idna=={version}\n", "utf-8")
    (tmp_path / "repo" / ".ci-guard.yaml").write_text("version: 1\nfail-on: medium\n", "utf-8")
    monkeypatch.chdir(tmp_path / "repo")
    assert run("../base", ".", "--format", "json") == 1
    assert json.loads(capsys.readouterr().out)["changes"][0]["path"] == "requirements.txt"


SEEDS = [
    json.loads(bill_file(case).read_bytes()) for case in ("trivy-image", "syft-spdx", "spdx-3", "cyclonedx-1.2", "uv")
]
ODD: list[Any] = [
    None,
    7,
    True,
    "",
    [],
    {},
    [[]],
    [{}],
    "pkg:npm/@a/b@1?x=%zz#",
    "pkg:",
    "pkg:oci/a@sha256:1?tag=%",
    "1" * 300,
    "|`<",
]


@settings(max_examples=150)
@given(st.data())
def test_any_two_documents_can_be_compared(data: st.DataObject) -> None:
    """Whatever stands at any place of one of them; and what is told of them can be shown."""
    value = data.draw(st.sampled_from(SEEDS))
    at = data.draw(st.sampled_from(paths(value)))
    broken = read_bill("new.json", json.dumps(wrong_type(value, at, data.draw(st.sampled_from(ODD)))).encode())
    if isinstance(broken, Bill):
        one, other = of_bill(broken), side(json.dumps(value).encode())
        found = compare(one, other, version_order)
        shown = Shown(one, other, found, {}, Verdict(0, "open", "high"))
        assert reporter.page(shown).startswith("### Bill of materials")
        assert reporter.text(shown, Style())
        assert [e.message for e in SCHEMA.iter_errors(json.loads(reporter.json(shown)))] == []
