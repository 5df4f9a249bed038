"""Every exception that ci-guard raises on purpose, and the exit code each one ends in.

    CiGuardError
    ├── UsageError            2  the command line is wrong
    ├── ConfigError           2  .ci-guard.yaml, a rule file or a profile is wrong (names file and line)
    ├── InputError            3  an input that the user named cannot be read (names the path)
    ├── RuleError             3  a rule is broken: it does not compile, or fails on its own examples
    ├── RevisionError         3  git cannot give what was asked for (a shallow clone, an unknown revision)
    ├── SigningError          3  nothing was signed (wrong password, hostile key file, no identity)
    ├── ServiceError          3  a remote service failed; carries the service's name
    └── VerificationError     1  evidence is there and is not good; a verdict, not a failure

`cli` is the only place that turns them into exit codes. Inputs found while walking a tree never raise:
they become `Unreadable` values and findings, so that one bad file does not lose the others.
"""

from __future__ import annotations

EXIT_OPEN = 0  # judged, and the gate is open
EXIT_CLOSED = 1  # judged, and findings closed the gate
EXIT_USAGE = 2  # the command line or the configuration is wrong
EXIT_BROKEN = 3  # the tool or a service failed: it could not judge


class CiGuardError(Exception):
    """Base of every deliberate error; `exit_code` is what the process ends with."""

    exit_code = EXIT_BROKEN


class UsageError(CiGuardError):
    """The command line is wrong."""

    exit_code = EXIT_USAGE


class ConfigError(CiGuardError):
    """Configuration is wrong; `path` and `line` (1-based, 0 when unknown) say where."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str, *, path: str = "", line: int = 0) -> None:
        self.path = path
        self.line = line
        where = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(where + message)


class InputError(CiGuardError):
    """An input that the user named cannot be read."""


class RuleError(CiGuardError):
    """A rule does not compile, raises, or errs on its own examples."""


class RevisionError(CiGuardError):
    """git cannot give what was asked for."""


class SigningError(CiGuardError):
    """Nothing was signed."""


class ServiceError(CiGuardError):
    """A remote service failed or answered nonsense; `status` is that of its refusal, 0 where it gave none."""

    def __init__(self, service: str, message: str, *, status: int = 0) -> None:
        self.service = service
        self.status = status
        super().__init__(f"{service}: {message}")


class VerificationError(CiGuardError):
    """Evidence does not hold; `step` names the verification step that refused it."""

    exit_code = EXIT_CLOSED

    def __init__(self, message: str, *, step: str = "") -> None:
        self.step = step
        super().__init__(message)
