"""Cases: an image described in image.yaml, and what must be found in it in expected.json."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ci_guard.sbom.images.compression import Limits
from ci_guard.sbom.images.contents import LAYER, image_inventory
from ci_guard.sbom.images.opening import choose, image_place, stored_images
from tests.sbom.images.image_building import CASES, build, described


def summary(case: str, folder: Path) -> dict[str, Any]:
    """What the case is about, without digests that a change of the builder would change."""
    place = build(described(case), folder)
    with ExitStack() as keep:
        image = choose(stored_images(image_place(str(place)), Limits(), keep), "")
        inventory = image_inventory(image, Limits())
    own, *packages = inventory.components
    layers = {layer.diff_id: number for number, layer in enumerate(image.layers)}
    refs = {c.ref for c in inventory.components}
    assert all(e.source in refs and e.target in refs for e in inventory.edges)
    assert {e.target for e in inventory.edges if e.kind == "contains"} == refs - {own.ref}
    return {
        "image": own.name,
        "platform": image.platform,
        "packages": {c.ref: _package(c, layers) for c in packages},
        "edges": sorted([e.source, e.target] for e in inventory.edges if e.kind == "depends-on"),
        "complete": sorted(inventory.complete),
        "unknown": [text.replace(own.ref, "IMAGE").replace(own.version, "DIGEST") for text in inventory.unknown],
    }


def _package(component: Any, layers: dict[str, int]) -> dict[str, Any]:
    properties = dict(component.properties)
    found: dict[str, Any] = {"name": component.name, "version": component.version}
    found["at"] = [f"{p.path.partition('!/')[2]}:{p.region.start_line if p.region else 0}" for p in component.locations]
    found["layer"] = layers.get(properties.pop(LAYER, ""))
    return {**found, "licenses": list(component.licenses), "properties": properties}


@pytest.mark.parametrize("case", sorted(p.name for p in CASES.iterdir()))
def test_case(case: str, tmp_path: Path) -> None:
    expected = CASES / case / "expected.json"
    found = summary(case, tmp_path)
    if os.environ.get("CI_GUARD_WRITE_EXPECTED"):  # to look at what changed, in the diff
        expected.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    assert found == json.loads(expected.read_text("utf-8"))
