"""Drafts of VEX documents about everything that the advisories found and no statement accepted yet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ci_guard.advisories.vex import drafts
from ci_guard.model.errors import InputError
from ci_guard.model.record import replace
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.dependencies.advisories import ask
from ci_guard.pipeline.deps import DependencyJudge
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.materials.gathering import gather_locks
from ci_guard.pipeline.session import Session
from ci_guard.report.progress import Silent
from ci_guard.sbom.metadata import timestamp


def draft(
    session: Session,
    environ: Mapping[str, str],
    options: Mapping[str, Any],
    *,
    kind: str,
    author: str,
    sbom: Path | None,
) -> str:
    """The document's text. Raises InputError when something could not be judged, or the SBOM is none."""
    rules = RulesInForce(replace(session.rules.choice, categories=frozenset({"dependencies"})))
    linted = Linted()
    judge = DependencyJudge(rules, linted, ask(session.root, session.policy, session.today, environ, options))
    request = session.lint_request()
    judge.locks(gather_locks(request.root, request.targets, Silent(), request.wants, session.config.registries))
    judge.finish()
    failed = [u.reason for u in linted.judged.unjudged if not u.rule or u.subject.startswith("advisories")]
    if failed:
        raise InputError(f"no draft, since not everything could be judged: {'; '.join(failed)}")
    open_ones = [found for found in judge.audited if not found.accepted]
    when = timestamp(environ)
    if kind == "openvex":
        return drafts.openvex(open_ones, author or "unknown author", when)
    return drafts.cyclonedx(open_ones, author, when, _linked(sbom) if sbom else None)


def _linked(path: Path) -> drafts.Bom:
    try:
        given = json.loads(path.read_bytes())
        refs = {str(c["purl"]): str(c["bom-ref"]) for c in given.get("components", ()) if c.get("purl")}
        return drafts.Bom(str(given["serialNumber"]), int(given.get("version", 1)), refs)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{path}: this is no CycloneDX document (JSON, with a serialNumber)") from None
