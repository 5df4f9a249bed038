"""Extending a hook configuration: a case is a folder, `refused-…` must be left alone; every other byte stays."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.setup.hook_config import HookEntry, extended, has_ours, new
from ci_guard.setup.reference import Reference

CASES = sorted((Path(__file__).parent / "hook_configs").iterdir())
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ENTRY = HookEntry(Reference("acme/ci-guard", COMMIT, "v0.1.0"))
NAME = ".pre-commit-config.yaml"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path) -> None:
    before = (case / "before.yaml").read_bytes()
    after = extended(NAME, before, ENTRY)
    if case.name.startswith("refused-"):
        assert after is None
        return
    assert after is not None
    assert yaml.safe_load(after) == {
        **yaml.safe_load(before),
        "repos": [*yaml.safe_load(before)["repos"], ENTRY.value()],
    }
    assert without_one_stretch(before, after)
    assert (b"\r\n" in before) == (b"\r\n" in after) and after.count(b"\r") in {0, after.count(b"\n")}
    assert not has_ours(NAME, before, ENTRY) and has_ours(NAME, after, ENTRY)


def without_one_stretch(before: bytes, after: bytes) -> bool:
    """Whether `after` is `before` with bytes added in one place."""
    same = next((i for i, (x, y) in enumerate(zip(before, after, strict=False)) if x != y), len(before))
    return after.endswith(before[same:]) and len(after) > len(before)


def test_a_new_file_holds_the_entry_alone() -> None:
    assert yaml.safe_load(new(ENTRY)) == {"repos": [ENTRY.value()]}
    assert [hook["id"] for hook in ENTRY.value()["hooks"]] == ["ci-guard", "ci-guard-deps", "ci-guard-config"]


def test_a_commit_of_digits_alone_stays_text() -> None:
    entry = HookEntry(Reference("acme/ci-guard", "1" * 40))
    assert yaml.safe_load(new(entry))["repos"][0]["rev"] == "1" * 40


def test_a_folder_is_judged_by_its_own_configuration() -> None:
    hook = HookEntry(Reference(), "services/shop").value()["hooks"][0]
    assert hook == {
        "id": "ci-guard",
        "args": ["--config=services/shop/.ci-guard.yaml", "--"],
        "files": "^services/shop/",
    }


@given(st.text(min_size=1, max_size=10).filter(lambda name: "/" not in name and "\0" not in name))
def test_any_folder_is_named_as_it_is(folder: str) -> None:
    try:
        folder.encode()
    except UnicodeEncodeError:
        return
    entry = HookEntry(Reference("acme/ci-guard", COMMIT), f"apps/{folder}")
    read = yaml.safe_load(new(entry))["repos"][0]
    assert read == entry.value()
    assert re.match(read["hooks"][0]["files"], f"apps/{folder}/a.yaml")
    assert not re.match(read["hooks"][0]["files"], f"apps/{folder}s/a.yaml")


WORDS = st.text(string.ascii_letters + " #:-'\"{}[]&*!|>%\u00e9\u2028", max_size=8)
VALUES = WORDS | st.integers() | st.lists(WORDS, max_size=2) | st.dictionaries(WORDS, WORDS, max_size=2)
HOOK = st.fixed_dictionaries({"id": WORDS}, optional={"args": st.lists(WORDS, max_size=3), "name": VALUES})
REPO = st.fixed_dictionaries({"repo": WORDS, "hooks": st.lists(HOOK, max_size=2)}, optional={"rev": VALUES})
CONFIG = st.fixed_dictionaries({"repos": st.lists(REPO, min_size=1, max_size=3)}, optional={"ci": VALUES, "a": VALUES})


@given(CONFIG, st.booleans(), st.sampled_from([2, 4]), st.booleans())
def test_what_was_said_is_still_said(value: object, sort: bool, indent: int, unicode: bool) -> None:
    before = yaml.safe_dump(value, sort_keys=sort, indent=indent, allow_unicode=unicode).encode()
    after = extended(NAME, before, ENTRY)
    if after is not None:
        assert without_one_stretch(before, after)
        said = yaml.safe_load(after)
        assert said.pop("repos")[:-1] == yaml.safe_load(before)["repos"]


@given(st.binary(max_size=200) | WORDS.map(lambda text: f"repos:\n- {text}\n".encode()))
def test_any_bytes_are_extended_or_refused(data: bytes) -> None:
    has_ours(NAME, data, ENTRY)
    after = extended(NAME, data, ENTRY)
    assert after is None or without_one_stretch(data, after)
