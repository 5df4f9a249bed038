"""Cron schedules: what the CronJob controller takes, what it refuses, what never comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.kubernetes.schedules import schedule_facts


@pytest.mark.parametrize(
    "text",
    ["* * * * *", "*/5 0-23/2 1,15 JAN-mar ?", "@daily", "@every 1h30m", "0 0 29 2 *", "0 0 31 2 1", "5/10 * * * 0"],
)
def test_a_schedule_that_comes_is_valid(text: str) -> None:
    assert schedule_facts(text) == {"valid": True, "error": ""}


@pytest.mark.parametrize(
    "text",
    [
        *("", "* * * *", "* * * * * *", "60 * * * *", "* * 0 * *", "*/0 * * * *", "5-1 * * * *", "@often"),
        *("0 0 31 4 *", "TZ=UTC 0 0 * * *", "0 0 * * 7", "a * * * *", "@every soon", "1,, * * * *"),
    ],
)
def test_a_schedule_that_never_comes_says_why(text: str) -> None:
    facts = schedule_facts(text)
    assert not facts["valid"] and facts["error"]


@given(st.text(alphabet="0123456789*/,-? @TZ=janmo", max_size=40) | st.integers() | st.none())
def test_no_schedule_breaks_the_reader(text: object) -> None:
    facts = schedule_facts(text)
    assert facts["valid"] == (facts["error"] == "")
