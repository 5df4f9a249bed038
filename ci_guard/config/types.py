"""The frozen types of the configuration; the defaults written here are the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from ci_guard.config.licenses import LicensePolicy
from ci_guard.config.trust import ImageTrust, Services
from ci_guard.model.finding import Severity
from ci_guard.model.location import Location
from ci_guard.model.record import field, record

CONFIG_NAME = ".ci-guard.yaml"
POLICY_FILES = ("baseline", "ratchet", "extends")
"""Fields of `Config` that name policy files, read from the base commit; what a change does to them is reported."""
BASELINE_NAME = ".ci-guard.baseline.json"


@record
class RuleSetting:
    """What the configuration says of one rule (`place`: where); None = as the rule file and the profile say."""

    severity: Severity | None = None
    params: Mapping[str, Any] | None = None
    enabled: bool | None = None
    place: str | None = None


@record
class SuppressionEntry:
    """Findings of `rule` that are accepted. Each empty field matches everything.

    `path` is a glob; `namespace` and `name` know `*` and `?`; `kind` is exact. The last day it holds is `expires`.
    An entry without `reason` is kept, so that it can be reported; it does not apply.
    """

    rule: str
    path: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    reason: str = ""
    expires: date | None = None
    approver: str = ""
    location: Location | None = None


@record
class Config:
    """The policy that judges a run: the file, with environment and options already applied.

    `source` is the path it was read from ("" = there was no file). `select`, `ignore` and `since` come from options
    and environment only. `paths` and `exclude` are globs relative to the folder of the file; `baseline`,
    `ratchet`, `extends` and `rule_paths` are paths from the root. `repo_may` are the keys in which a file that extends
    this one may loosen it. `advisories` are databases (empty: what `deps db update` took in), their data at most
    `advisories_max_age` days old; `advisories_not_judged` are ecosystems for which no database is wanted. `vex` are
    documents relative to the root, `vex_products` the names that they have for what this repository makes.
    """

    source: str = ""
    version: int = 1
    profile: str = "default"
    pod_security_version: str = "latest"
    fail_on: str = "high"
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    baseline: str = ""
    registries: tuple[str, ...] = ()
    advisories: tuple[str, ...] = ()
    advisories_max_age: int = 7
    advisories_not_judged: tuple[str, ...] = ()
    kubernetes_version: str = ""
    vex: tuple[str, ...] = ()
    vex_products: tuple[str, ...] = ()
    suppressions: tuple[SuppressionEntry, ...] = ()
    rules: Mapping[str, RuleSetting] = field(default_factory=dict)
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    since: str = ""
    rule_paths: tuple[str, ...] = ()
    extends: str = ""
    repo_may: tuple[str, ...] = ()
    ratchet: str = ""
    services: Services = field(default_factory=Services)
    images: tuple[ImageTrust, ...] = ()
    licenses: LicensePolicy = field(default_factory=LicensePolicy)
