"""Rule files: read, checked, and told apart into what judging needs and what is told about a rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ci_guard import HOME_URL, TOOL_NAME
from ci_guard.engine import yamlfile
from ci_guard.engine.rule import NEWEST, Rule, minor_version
from ci_guard.engine.ruleformat import JUDGING_FIELDS, RULE
from ci_guard.model.errors import ConfigError, RuleError
from ci_guard.model.finding import Severity
from ci_guard.model.record import record
from ci_guard.model.report import RuleMeta

DEFAULT_EXAMPLE_PATH = "manifest.yaml"


@record
class Example:
    """A file that a rule must pass (`good`) or report on exactly the lines marked `# finding`."""

    good: bool
    text: str
    path: str
    version: str = "latest"
    number: int = 1


@record
class RuleFile:
    """A rule file whose shape is right. `category` is its folder."""

    file: yamlfile.YamlFile
    category: str
    shipped: bool = True

    @property
    def id(self) -> str:
        """The rule's id."""
        return str(self.file.value["id"])

    @property
    def text(self) -> dict[str, Any]:
        """Everything the file says."""
        return self.file.value  # type: ignore[no-any-return]

    @property
    def rule(self) -> Rule:
        """What judging needs."""
        return Rule(self.id, self.category, {key: self.text[key] for key in JUDGING_FIELDS if key in self.text})

    @property
    def meta(self) -> RuleMeta:
        """What is told about the rule."""
        text = self.text
        return RuleMeta(
            TOOL_NAME,
            self.id,
            text["title"],
            Severity(text["severity"]),
            category=self.category,
            why=text["why"].strip(),
            remedy=text["remedy"].strip(),
            status=text.get("status", "stable"),
            since=text["since"],
            sensitive=text.get("sensitive", False),
            controls=text.get("controls", {}),
            stride=tuple(text["threat"]["stride"]),
            dread=text["threat"]["dread"],
            references=tuple(text["references"]),
            pod_security=text.get("pod-security", {}).get("check", ""),
            help_uri=f"{HOME_URL}/rules/{self.id}" if self.shipped else "",
            tags=("security", self.category),
        )

    @property
    def examples(self) -> list[Example]:
        """The examples of the file, good ones first."""
        given = self.text.get("examples", {})
        return [
            _example(e, kind == "good", n) for kind in ("good", "bad") for n, e in enumerate(given.get(kind, ()), 1)
        ]


def _example(given: Any, good: bool, number: int) -> Example:
    if isinstance(given, str):
        return Example(good, given, DEFAULT_EXAMPLE_PATH, number=number)
    version = given.get("pod-security-version", "latest")
    return Example(good, given["text"], given.get("path", DEFAULT_EXAMPLE_PATH), version, number)


def read(path: Path, shown: str = "", *, trusted: bool = False) -> RuleFile:
    """Read a rule file; its folder is its category. Raises ConfigError naming file and line.

    `trusted`: the file is one of a catalogue, so it was checked when the catalogue was built.
    """
    file = yamlfile.read(path, shown)
    if trusted:
        return RuleFile(file, path.parent.name)
    found = shaped(file, path.parent.name, path.stem)
    check_sense(found)
    return found


def shaped(file: yamlfile.YamlFile, category: str, stem: str, *, shipped: bool = True) -> RuleFile:
    """The rule of a file called `stem`, if it has the shape of one. Raises ConfigError."""
    file.insist(RULE)
    found = RuleFile(file, category, shipped)
    if found.id != stem:
        raise ConfigError(f"the id {found.id!r} differs from the file's name", path=file.path, line=file.line(("id",)))
    return found


def check_sense(found: RuleFile) -> None:
    """What the shape cannot say. Raises ConfigError."""
    text = found.text
    for key, wrong in (
        ("each", "judge" not in text and "clauses" not in text and "each" not in text),
        ("message", "message" not in text and "clauses" not in text),
        ("examples", "judge" not in text and not {"good", "bad"} <= text.get("examples", {}).keys()),
        ("sensitive", text.get("sensitive", False) and _tells_values(text)),
        ("revisions", not _in_order(text.get("revisions", []))),
    ):
        if wrong:
            raise ConfigError(_SENSE[key], path=found.file.path, line=found.file.line((key,)))
    try:
        found.rule.fix  # noqa: B018 - its paths are read
    except ValueError as error:
        raise ConfigError(str(error), path=found.file.path, line=found.file.line(("fix",))) from None
    try:
        for minor in range(NEWEST + 1):
            found.rule.clauses(minor)
    except RuleError as error:
        raise ConfigError(str(error), path=found.file.path, line=found.file.line(("require",))) from error


_SENSE = {
    "each": "a rule says in `each` what it looks at",
    "message": "a rule needs a `message`",
    "examples": "a rule needs good and bad examples",
    "sensitive": "the message of a sensitive rule may name only {…name}, {…key}, {…kind}, {subject} and {path}",
    "revisions": "revisions come oldest first",
}


def _in_order(revisions: list[dict[str, Any]]) -> bool:
    found = [minor_version(r["since"]) for r in revisions]
    return found == sorted(found)


def _tells_values(text: dict[str, Any]) -> bool:
    """Whether a message has a field that could be a secret."""
    messages = [part.get("message", "") for part in (text, *text.get("clauses", ()), *text.get("revisions", ()))]
    fields = [field.partition("}")[0] for m in messages for field in m.split("{")[1:]]
    return any(f.rpartition(".")[2] not in {"name", "key", "kind", "subject", "path"} for f in fields)
