"""The image builds without network from locked wheels and judges a repo that is mounted read-only, as nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RUN = ["--runtime", "runc", "--cgroup-manager", "cgroupfs", "run", "--pull", "never", "--rm", "--network", "none",
       "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--read-only", "--cap-drop", "ALL",
       "--security-opt", "no-new-privileges"]  # fmt: skip


@pytest.fixture(scope="module")
def image(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image of this checkout, built on the base that CI_GUARD_BASE_IMAGE names (it needs Python 3.11+)."""
    base = os.environ.get("CI_GUARD_BASE_IMAGE")
    if not base or not shutil.which("buildah") or not shutil.which("podman"):
        pytest.skip("the image was not built: needs buildah, podman and a base in CI_GUARD_BASE_IMAGE")
    context = tmp_path_factory.mktemp("context")
    for name in ["ci_guard", "rules"]:
        shutil.copytree(checkout / name, context / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ["Dockerfile", ".dockerignore", "requirements/ci.txt"]:
        (context / name).parent.mkdir(exist_ok=True)
        shutil.copy(checkout / name, context / name)
    environ = {**os.environ, "PYTHON": sys.executable}
    subprocess.run(["bash", checkout / "tools/wheels.sh", context / "wheels"], env=environ, check=True, timeout=300)
    name = "localhost/ci-guard-test"
    build = ["buildah", "bud", "--isolation", "chroot", "--build-arg", f"BASE={base}", "-t", name, "."]
    subprocess.run(build, cwd=context, check=True, timeout=300)
    yield name
    subprocess.run(["podman", "rmi", "--force", name], check=False, capture_output=True)


def contained(image: str, tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["podman", *RUN, "--volume", f"{tree}:/repo:ro", image, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_it_judges_what_is_mounted(image: str, checkout: Path) -> None:
    shop = checkout / "examples/shop"
    good = contained(image, shop, "lint", "k8s/storefront/deployment.yaml")
    assert good.returncode == 0, good.stderr
    bad = contained(image, shop, "lint", "k8s/orders")
    assert bad.returncode == 1, bad.stderr
    assert "privileged" in bad.stdout


def test_it_is_nobody(image: str) -> None:
    asked = ["podman", "inspect", "--format", "{{.Config.User}}", image]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == "65532:65532"
