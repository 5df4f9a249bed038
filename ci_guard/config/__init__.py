"""`.ci-guard.yaml` -> frozen `Config`; every mistake in it is a ConfigError that names file, line and what is allowed.

`types` holds the frozen types, `settings` the precedence (option > environment > file > default), `values` what a
single value may be, `loader` the way from bytes to `Config`, `globs` the path patterns.
"""
