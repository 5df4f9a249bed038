"""The page about the configuration: what it shows is read, and chooses rules that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ci_guard.config.loader import CONFIG_KEYS, read_config
from ci_guard.engine.catalogue import load_catalogue
from ci_guard.engine.selection import RuleOverride

PAGE = (Path(__file__).parents[2] / "docs/configuration.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", BLOCKS)
def test_examples_are_read_and_name_rules_that_exist(text: str) -> None:
    config = read_config(text.encode(), ".ci-guard.yaml")
    overrides = {id: RuleOverride(params=s.params, enabled=s.enabled) for id, s in config.rules.items()}
    catalogue = load_catalogue()
    assert catalogue.select(config.profile, overrides=overrides).rules
    assert {e.rule for e in config.suppressions if "/" not in e.rule} <= set(catalogue.rule_ids)


def test_every_key_is_on_the_page() -> None:
    assert BLOCKS
    missing = [key for key in CONFIG_KEYS if not re.search(rf"(^|[`# ]){key}(:|`)", PAGE, re.MULTILINE)]
    assert missing in ([], ["services", "images"]), "these two have pages of their own"
