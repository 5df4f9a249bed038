"""Lists of checksums: coreutils writes and checks the same, and nothing outside of the folder is read."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.cli import main
from ci_guard.model.errors import InputError
from ci_guard.source.checksum_file import Checksum, is_checksum_file, read_checksums, write_checksums

NAMES = ["plain.txt", "with space.txt", "back\\slash", "new\nline", "a/b/deep.bin", "(odd) = name"]
HEX = "ab" * 32
needs_coreutils = pytest.mark.skipif(shutil.which("sha256sum") is None, reason="coreutils is not installed")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with files of difficult names."""
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, "utf-8")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[tuple[str, str]]]:
    """The exit code, and (rule, file) of the findings."""
    code = main(["sbom", "check", *arguments, "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    return code, [(f["rule"], f["subject"]["name"]) for f in report["findings"]]


@needs_coreutils
@pytest.mark.parametrize("program", [["sha256sum"], ["sha256sum", "--tag"], ["sha512sum", "-b"], ["sha384sum"]])
def test_what_coreutils_writes_is_checked(folder: Path, capsys: pytest.CaptureFixture[str], program: list[str]) -> None:
    listed = subprocess.run([*program, *NAMES], capture_output=True, check=True).stdout
    (folder / "SUMS").write_bytes(listed)
    assert said(capsys, "SUMS") == (0, [])
    (folder / "new\nline").write_text("other", "utf-8")
    (folder / "a/b/deep.bin").unlink()
    code, findings = said(capsys, "SUMS")
    assert code == 1
    assert sorted(findings) == [("checksum-file-missing", "a/b/deep.bin"), ("checksum-mismatch", "new\nline")]


@needs_coreutils
@pytest.mark.parametrize("name", ["SHA256SUMS", "SHA512SUMS"])
def test_what_we_write_is_checked_by_coreutils(folder: Path, name: str) -> None:
    (folder / "requirements.txt").write_text("idna==3.7\n", "utf-8")
    arguments = ["sbom", "create", ".", "--quiet", "--output", "bom.cdx.json", "--checksums", name]
    assert main(arguments) == 0
    listed = [line.name for line in read_checksums(name, (folder / name).read_bytes())]
    assert listed == ["bom.cdx.json", "requirements.txt"]
    program = "sha512sum" if "512" in name else "sha256sum"
    assert subprocess.run([program, "--check", "--strict", name], capture_output=True, check=False).returncode == 0
    assert main(["sbom", "check", name]) == 0
    assert main(["sbom", "check", "."]) == 0


def test_a_list_stands_above_its_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "requirements.txt").write_text("idna==3.7\n", "utf-8")
    (folder / "out").mkdir()
    arguments = ["sbom", "create", ".", "--quiet", "--output", "out/bom.json", "--checksums", "out/SHA256SUMS"]
    assert main(arguments) == 2
    assert "is not below its folder" in capsys.readouterr().err


def test_nothing_outside_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (folder / "secret").write_text("secret", "utf-8")
    (inner / "link").symlink_to("../secret")
    names = ["../secret", str(folder / "secret"), "link", "."]
    (inner / "SHA256SUMS").write_text("".join(f"{HEX}  {name}\n" for name in names), "utf-8")
    code, findings = said(capsys, "inner/SHA256SUMS")
    assert code == 1
    assert sorted(findings) == sorted(("checksum-file-missing", name) for name in names)


def test_a_link_in_a_folder_is_not_passed_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "elsewhere").write_text("{}", "utf-8")
    (folder / "bom.cdx.json").symlink_to("elsewhere")
    assert main(["sbom", "check", "."]) == 3
    assert "symbolic link" in capsys.readouterr().out


def test_files_that_are_not_listed_when_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = Checksum("sha256", "00" * 32, "plain.txt")
    (folder / "SHA256SUMS").write_bytes(write_checksums([line]))
    assert said(capsys, "SHA256SUMS") == (1, [("checksum-mismatch", "plain.txt")])
    assert said(capsys, "SHA256SUMS", "--profile", "sbom-bsi") == (1, [("checksum-mismatch", "plain.txt")])
    _, findings = said(capsys, "SHA256SUMS", "--select", "checksum-file-unlisted")
    assert ("checksum-file-unlisted", "a/b/deep.bin") in findings
    assert len(findings) == len(NAMES)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lists nothing"),
        (f"{HEX}  a\nnothing\n", "SUMS:2: expected"),
        (f"{HEX}  a\n{HEX[:-1]}  b\n", "SUMS:2: expected"),
        (f"{HEX}  a\n\\{HEX}  b\\x\n", "SUMS:2: expected"),
        (f"{HEX}  a\nSHA512 (b) = {HEX}\n", "SUMS:2: expected"),
    ],
)
def test_a_broken_list_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_checksums("SUMS", text.encode())


def test_a_broken_list_is_not_judged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "SUMS").write_text(f"{HEX}  plain.txt\nnothing\n", "utf-8")
    assert main(["sbom", "check", "SUMS"]) == 3
    assert "SUMS:2: expected" in capsys.readouterr().out


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=1))
def test_any_name_comes_back(names: list[str]) -> None:
    given_ = {Checksum("sha256", HEX, name) for name in names}
    read = read_checksums("SUMS", write_checksums(given_))
    assert {line._replace(line=0) for line in read} == given_


@given(st.binary(max_size=80) | st.text(st.sampled_from("ab09\\ *()=SHA256\n\r"), max_size=200).map(str.encode))
def test_any_bytes_are_a_list_or_refused(data: bytes) -> None:
    is_checksum_file(data)
    with contextlib.suppress(InputError):
        assert all(line.name for line in read_checksums("SUMS", data))
