"""The shop is what its README says, and believable: every file is valid where it should be."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import yaml

KINDS = {
    "ConfigMap", "CronJob", "Deployment", "Ingress", "Job", "List", "Namespace", "NetworkPolicy", "ResourceQuota",
    "Service",
}  # fmt: skip


def test_every_manifest_has_a_kind_that_the_shop_needs(checkout: Path) -> None:
    kinds = set()
    for path in (checkout / "examples/shop/k8s").rglob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            assert document["apiVersion"] and document["metadata" if document["kind"] != "List" else "items"]
            kinds.add(document["kind"])
    assert kinds == KINDS


def test_locks_are_whole(checkout: Path) -> None:
    shop = checkout / "examples/shop/services"
    lock = tomllib.loads((shop / "orders/uv.lock").read_text("utf-8"))
    for package in lock["package"]:
        if "registry" in package["source"]:
            assert all(wheel["hash"].startswith("sha256:") for wheel in package["wheels"])
    packages = json.loads((shop / "storefront/package-lock.json").read_text("utf-8"))["packages"]
    assert all(entry["integrity"].startswith("sha512-") for path, entry in packages.items() if path)


def test_locks_name_example_hosts_only(checkout: Path) -> None:
    shop = checkout / "examples/shop/services"
    text = (shop / "orders/uv.lock").read_text("utf-8")
    assert set(re.findall(r"https?://([^/\"]+)", text)) == {"index.pypi.example", "files.pypi.example"}
    entries = json.loads((shop / "storefront/package-lock.json").read_text("utf-8"))["packages"].values()
    hosts = {entry["resolved"].split("/")[2] for entry in entries if "resolved" in entry}
    assert hosts == {"registry.npm.example"}


def test_nothing_is_left_over(checkout: Path) -> None:
    """Files that git would ignore have no place in the example (a .venv, node_modules)."""
    listed = subprocess.run(
        ["git", "status", "--short", "--ignored", "examples"], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert "!!" not in listed.stdout
