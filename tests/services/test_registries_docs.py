"""The commands of docs/registries.md run as they stand there; its policy is one that the configuration takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from ci_guard.attestation.notary.verification import STEPS
from ci_guard.config.loader import read_config
from tests.services.test_deployed_images import POD
from tests.services.test_images import Place, here, user  # noqa: F401 - fixtures

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "registries.md").read_text("utf-8")


def test_the_commands_of_the_page(here: Place) -> None:  # noqa: F811
    (here.home / "sbom.cdx.json").write_text('{"bomFormat": "CycloneDX"}')
    (here.home / "deploy").mkdir()
    (here.home / "deploy" / "app.yaml").write_text(POD.format(name="app", image=f"{here.host}/team/app:v1"))
    signers = f"images: [{{match: ['{here.host}/team/**'], signed-by: [{{key: cosign.pub}}]}}]\n"
    (here.home / ".ci-guard.yaml").write_text(signers)
    block = PAGE.split("```sh\n")[1].split("```")[0].replace("registry.example", here.host)
    commands = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert len(commands) == 5
    for command in commands:
        code, told = here.run(*command[1:])
        assert code == 0, (command, told)


def test_the_policy_of_the_page() -> None:
    config = read_config(PAGE.split("```yaml\n")[1].split("```")[0].encode(), ".ci-guard.yaml")
    assert len(config.images[0].signed_by) == 3
    assert config.services.hosts == ("tokens.example",)


def test_the_page_names_every_step_of_a_notary_signature() -> None:
    assert re.findall(r"^\| (\d+ [a-z-]+) \|", PAGE, re.MULTILINE) == [f"{n} {s}" for n, s in enumerate(STEPS, 1)]
