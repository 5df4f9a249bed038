"""Precedence in one function: option > environment `CI_GUARD_<OPTION>` > configuration file > default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ci_guard.config import values
from ci_guard.config.types import CONFIG_NAME, Config
from ci_guard.config.values import Parse, T
from ci_guard.model.errors import ConfigError
from ci_guard.model.record import replace

OPTIONS: Mapping[str, Parse[Any]] = {
    "profile": values.profile,
    "pod_security_version": values.pod_security_version,
    "fail_on": values.fail_on,
    "baseline": values.named,
    "select": values.separated(values.rule_id),
    "ignore": values.separated(values.rule_id),
    "since": values.named,
    "extends": values.named,
    "ratchet": values.named,
    "advisories": values.separated(values.named),
    "advisories_max_age": values.days,
    "kubernetes_version": values.kubernetes_version,
    "vex": values.separated(values.named),
}
"""The fields of `Config` that an option or the environment may set. A path given there may lie outside the root."""


def variable(option: str) -> str:
    """The environment variable of an option: `fail_on` -> `CI_GUARD_FAIL_ON`."""
    return "CI_GUARD_" + option.upper().replace("-", "_")


def setting(
    option: str, parse: Parse[T], *, options: Mapping[str, Any], environ: Mapping[str, str], configured: T
) -> T:
    """The value in force for one option; `configured` is what the file says, or the default.

    None in `options` means "not given"; an empty environment variable means "not set". Raises ConfigError that names
    the option or the variable.
    """
    given, where = options.get(option), "--" + option.replace("_", "-")
    if given is None:
        given, where = environ.get(variable(option)) or None, variable(option)
    if given is None:
        return configured
    try:
        return parse(given)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def in_force(config: Config, options: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """`config` (from the file) with environment and options applied. Raises ConfigError."""
    changed = {
        option: setting(option, parse, options=options, environ=environ, configured=getattr(config, option))
        for option, parse in OPTIONS.items()
    }
    return replace(config, **changed)


def config_path(options: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, bool]:
    """Where the configuration is, and whether somebody asked for that file (then it must be there)."""
    named = setting("config", values.named, options=options, environ=environ, configured="")
    return (named, True) if named else (CONFIG_NAME, False)


def switch(option: str, options: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """A yes-or-no option (`online`, `quiet`, `no_color`); the variable is on with 1, true, yes or on.

    Raises ConfigError for another word.
    """
    return setting(option, _on, options=options, environ=environ, configured=False)


def _on(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = values.one_of(("1", "true", "yes", "on", "0", "false", "no", "off"))(str(value).lower())
    return word in {"1", "true", "yes", "on"}
