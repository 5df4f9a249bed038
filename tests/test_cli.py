"""The command line: exit codes, a quick start, and no way for a name to repaint the screen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ci_guard import __version__
from ci_guard.cli import main, printable
from ci_guard.commands import COMMANDS

ROOT = Path(__file__).resolve().parent.parent


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ci-guard {__version__}\n"


def test_no_command_shows_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


def test_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lnit\x1b[2J"]) == 2
    err = capsys.readouterr().err
    assert "no command" in err
    assert "\x1b" not in err


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert COMMANDS[command].split(":")[0] in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_refuses_an_unknown_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--no-such-option"]) == 2
    assert capsys.readouterr().err.startswith(f"usage: ci-guard {command}")


@pytest.mark.parametrize("name", ["--ignore=privileged-container,x.yaml", "--quiet", "-"])
def test_a_file_named_like_an_option_is_neither(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("a: 1\n")
    assert main(["lint", name, "--format=json"]) == 2
    assert "an option or a file?" in capsys.readouterr().err
    assert main(["lint", "--format=json", "--", f"./{name}"]) == 0


def test_controls_are_made_visible() -> None:
    assert printable("a\x1b[31mb\u202ec\n") == "a\\u001b[31mb\\u202ec\n"


def modules_after(*argv: str) -> set[str]:
    """The modules that a whole `ci-guard ARGV` has imported when it ends."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from ci_guard.cli import main\n"
        "code = main(sys.argv[2:]); sys.stderr.write('\\nMODULES ' + ' '.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(ROOT), *argv], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stderr.rpartition("MODULES ")[2].split())


def test_version_starts_without_yaml_and_cel() -> None:
    loaded = modules_after("--version")
    assert not {m for m in loaded if m.split(".")[0] in {"yaml", "cel_expr_python"}}


HEAVY = {"sarif_om", "attr", "attrs", "jsonschema", "jsonschema_rs", "cyclonedx", "sigstore", "spdx_tools"}
HEAVY |= {"cryptography", "nacl", "requests", "packaging", "packageurl", "urllib3", "pydantic"}


def test_the_hook_path_imports_nothing_heavy(tmp_path: Path) -> None:
    manifest = tmp_path / "pod.yaml"
    manifest.write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n")
    loaded = {m.split(".")[0] for m in modules_after("lint", str(manifest))}
    assert not loaded & HEAVY
    assert not {"socket", "ssl", "http", "subprocess", "multiprocessing", "asyncio"} & loaded


def test_a_file_that_is_no_manifest_needs_neither_yaml_nor_cel(tmp_path: Path) -> None:
    other = tmp_path / "values.yaml"
    other.write_text("replicas: 3\n")
    loaded = {m.split(".")[0] for m in modules_after("lint", str(other))}
    assert not {"yaml", "cel_expr_python"} & loaded


@pytest.mark.parametrize(("argv", "code"), [(["--version"], 0), (["lint", "--format", "nope"], 2), (["nope"], 2)])
def test_the_command_ends_with_its_code_and_all_that_it_said(argv: list[str], code: int) -> None:
    done = subprocess.run([sys.executable, "-m", "ci_guard", *argv], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert "ci-guard" in done.stdout + done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_what_cannot_be_written_is_no_success() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "ci_guard", "rules", "list"], stdout=full, check=False, stderr=-1)
    assert done.returncode != 0
