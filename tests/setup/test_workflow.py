"""The workflow as text: whatever branch and folder are called, it says what was meant."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.model.errors import InputError
from ci_guard.setup.reference import Reference
from ci_guard.setup.workflow import text

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(NAMES, NAMES.filter(lambda name: "${{" not in name), st.booleans())
def test_any_branch_and_folder(branch: str, folder: str, something: bool) -> None:
    read = yaml.safe_load(text(Reference(), branch, target=folder, judges_something=something))
    (pattern,) = read[True]["push"]["branches"]
    assert unescaped(pattern) == branch
    for job in ("guard", "sign"):
        assert read["jobs"][job]["steps"][-1]["with"]["path"] == folder
    assert ("allow-empty" in read["jobs"]["guard"]["steps"][-1]["with"]) == (not something)


def unescaped(pattern: str) -> str:
    """What a filter pattern of GitHub matches that has no wildcards."""
    out, characters = "", iter(pattern)
    for character in characters:
        assert character not in "*?+![]", "a wildcard"
        out += next(characters) if character == "\\" else character
    return out


def test_a_folder_that_github_would_evaluate_is_refused() -> None:
    with pytest.raises(InputError, match="GitHub would evaluate"):
        text(Reference(), "main", target="a/${{ secrets.X }}")
