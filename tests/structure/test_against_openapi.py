"""Our fields against Kubernetes' own schema: `client-go` carries what the API server's OpenAPI says, as YAML.

Runs for every minor version of which the Go module cache has `k8s.io/client-go`; it is read from there, never fetched.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci_guard.kubernetes.schema import load

CACHE = Path(os.environ.get("GOMODCACHE") or Path(os.environ.get("GOPATH") or Path.home() / "go") / "pkg" / "mod")
MODULES = sorted((CACHE / "k8s.io").glob("client-go@v0.*")) if CACHE.is_dir() else []
_NAME = re.compile(r"io\.k8s\.(?:api|apimachinery\.pkg\.apis)\.(\w+)\.(\w+)\.(\w+)")
_SCALARS = {"string": "s", "boolean": "b", "numeric": "in", "untyped": "*sqxin"}


def typed_schema(module: Path) -> dict[str, Any]:
    """The fields of every struct, by our names of the types."""
    text = (module / "applyconfigurations" / "internal" / "internal.go").read_text("utf-8")
    match = re.search(r"typed\.YAMLObject\(`(.*?)`\)", text, re.DOTALL)
    assert match
    out = {}
    for found in yaml.load(match[1], Loader=yaml.CSafeLoader)["types"]:
        name = _NAME.fullmatch(found["name"])
        if name and "fields" in found.get("map", {}):
            out[f"{name[1]}/{name[2]}.{name[3]}"] = {f["name"]: f["type"] for f in found["map"]["fields"]}
    return out


def agrees(theirs: dict[str, Any], ours: str) -> bool:
    if "list" in theirs or "map" in theirs:
        return ours.startswith("[]" if "list" in theirs else "{}")
    if "namedType" in theirs:
        return "/" in ours or ours in "sqx*"
    return ours in _SCALARS[theirs["scalar"]]


@pytest.mark.skipif(not MODULES, reason="no k8s.io/client-go in the Go module cache: go mod download k8s.io/client-go")
@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_fields_are_those_of_the_api_server(module: Path) -> None:
    minor = int(module.name.split(".")[1])
    schemas = load()
    compared = 0
    for type_, theirs in typed_schema(module).items():
        try:
            fields = schemas.fields(type_)
        except KeyError:
            assert type_ == "admissionregistration/v1alpha1.MatchCondition"  # the same as that of v1
            continue
        ours = {name: f.type for name, f in fields.items() if f.since <= minor <= f.until}
        assert ours.keys() == theirs.keys(), type_
        assert [name for name in ours if not agrees(theirs[name], ours[name])] == [], type_
        compared += len(ours)
    assert compared > 2500
