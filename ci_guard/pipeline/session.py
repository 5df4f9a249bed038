"""What every judging command starts with: root, targets, the policy in force, the rules, the day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci_guard.config.settings import config_path
from ci_guard.config.types import CONFIG_NAME, Config
from ci_guard.model.finding import Finding
from ci_guard.model.record import record, replace
from ci_guard.model.report import Comparison, Report, Scope
from ci_guard.pipeline.conclude import Conclusion, RulesInForce
from ci_guard.pipeline.lint import LintRequest
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.policy.base import BaseTree, find_base, tree_at
from ci_guard.pipeline.policy.boundary import Policy, day_of, load_policy
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.pipeline.root import root_and_targets
from ci_guard.source.files import read_or_none

if TYPE_CHECKING:
    from ci_guard.pipeline.dependencies.advisories import Asked

if TYPE_CHECKING:
    from ci_guard.suppress.directives import Directive


@record
class Session:
    """One run of a judging command. `fixing`: its findings carry the edits that mend them."""

    root: Path
    targets: tuple[str, ...]
    policy: Policy
    rules: RulesInForce
    today: date
    repo_wide: bool
    advisories: Asked | None = None
    fixing: bool = False

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.policy.config

    @property
    def before(self) -> BaseTree | None:
        """What was there at `--since`, else in the base of a pull request; None when this run judges no change.

        Raises RevisionError.
        """
        return tree_at(self.root, self.config.since) if self.config.since else self.policy.base

    def lint_request(self, targets: Sequence[str] | None = None) -> LintRequest:
        """What to lint."""
        wanted = self.targets if targets is None else targets
        request = LintRequest.of(self.root, wanted, self.config, repo_wide=self.repo_wide)
        return replace(request, choice=self.rules.choice, today=self.today, fixing=self.fixing)

    def report(self, linted: Linted, *, commit: str = "", digests: Mapping[str, str] | None = None) -> Report:
        """The report on what was judged: suppressions, baseline and `--since` applied."""
        scope = Scope(
            root=self.targets[0] if len(self.targets) == 1 else ".",
            profile=self.config.profile,
            pod_security_version=self.config.pod_security_version,
            commit=commit,
            digests=dict(digests or {}),
        )
        conclusion = Conclusion(self.policy, self.rules, self.today, self._directives)
        if not self.config.since:
            return conclusion.report(linted, scope)
        return self._compared(conclusion, linted, scope)

    def _compared(self, conclusion: Conclusion, linted: Linted, scope: Scope) -> Report:
        """The report in which what was there at `--since` is accepted like a baseline, and what is gone is named."""
        from ci_guard.pipeline.since import findings_before, gone  # few runs ask what was there, or suppress anything
        from ci_guard.suppress.baseline import Baseline, from_findings

        revision, findings = self.config.since, linted.judged.findings
        before = findings_before(self.root, revision, findings, self._judge_again, self._judges)
        old = Baseline(from_findings(before).counts, revision)
        report = conclusion.report(linted, scope, old=old)
        unchanged = sum(f.suppressed == old.acceptance and not f.implied_by for f in report.findings)
        new = sum(f.counts for f in report.findings)
        return replace(report, comparison=Comparison(revision, new, unchanged, gone(before, findings)))

    def _judges(self, path: str) -> bool:
        """Whether this run looks at a file of that name: under the targets, wanted, a lock only if it judges locks."""
        from ci_guard.pipeline.onefile import is_pulled_in

        request = self.lint_request()
        below = any(target in {".", path} or path.startswith(f"{target}/") for target in self.targets)
        return below and request.wants(path) and (self.advisories is not None or not is_pulled_in(path))

    def _judge_again(self, path: str, data: bytes) -> list[Finding]:
        return self._judged(path, data, self.advisories).judged.findings

    def _directives(self, path: str, data: bytes) -> Iterable[Directive]:
        return self._judged(path, data).suppressions.directives.get(path, ())

    def _judged(self, path: str, data: bytes, advisories: Asked | None = None) -> Linted:
        from ci_guard.pipeline.onefile import judge_file

        return judge_file(self.lint_request(), path, data, advisories)


def open_session(
    current: Path,
    targets: Sequence[str],
    environ: Mapping[str, str],
    options: Mapping[str, Any],
    *,
    repo_wide: bool = False,
    expect_baseline: bool = True,
) -> Session:
    """Find root and policy. Raises InputError, ConfigError, RevisionError."""
    root, relative = root_and_targets(current, targets)
    base = find_base(root, environ, options)
    settled = {**options, **_nearest_config(root, relative, environ, options, base)}
    policy = load_policy(root, environ, settled, base=base, expect_baseline=expect_baseline)
    rules = RulesInForce(RuleChoice.of(policy.config, repo_wide=repo_wide, own=policy.own_rules))
    return Session(root, relative, policy, rules, day_of(environ), repo_wide)


def _nearest_config(
    root: Path, targets: Sequence[str], environ: Mapping[str, str], options: Mapping[str, Any], base: BaseTree | None
) -> dict[str, str]:
    """The configuration of the one folder that is judged, if it has one and nobody named another.

    On a pull request it must stand in the base commit: a change could otherwise put a lax one in front of the root's.
    """
    _, asked = config_path(options, environ)
    if asked or len(targets) != 1 or targets[0] == "." or not (root / targets[0]).is_dir():
        return {}
    folders = [Path(targets[0]), *Path(targets[0]).parents]
    for candidate in (str((folder / CONFIG_NAME).as_posix()) for folder in folders if str(folder) != "."):
        found = base.read(candidate) if base is not None else read_or_none(root, candidate)
        if found is not None:
            return {"config": candidate}
    return {}
