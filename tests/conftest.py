"""What all tests share: no test has a time limit of its own, because machines are busy; runs are bounded as a whole."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("ci-guard", deadline=None)
settings.load_profile("ci-guard")
