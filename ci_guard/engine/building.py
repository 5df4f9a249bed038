"""Building the catalogue: every rule file read, compiled and checked, and written to `rules/catalog.json`."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ci_guard.engine import frameworks, profilefile, rulefile, yamlfile
from ci_guard.engine.expression import check, not_portable
from ci_guard.engine.fix import check_fix
from ci_guard.engine.frameworks import Framework
from ci_guard.engine.program import Program
from ci_guard.engine.rule import NEWEST, Clause, Rule
from ci_guard.engine.rulefile import RuleFile
from ci_guard.engine.ruleformat import FOLDERS, schema
from ci_guard.engine.tokens import refused
from ci_guard.model.errors import ConfigError, RuleError

NO_RULES: Final = frozenset({"frameworks", "profiles"})
_NO_API_OBJECTS = frozenset({"KubeletConfiguration", "EncryptionConfiguration", "AdmissionConfiguration", "Policy"})


def rule_files(folder: Path) -> Iterator[RuleFile]:
    """Every rule of the catalogue, sorted by folder and id. Raises ConfigError."""
    for path in sorted(folder.glob("*/*.yaml")):
        if path.parent.name not in NO_RULES:
            yield rulefile.read(path, str(path.relative_to(folder.parent)))


def catalog(folder: Path) -> dict[str, Any]:
    """The catalogue of all files below `folder`. Raises ConfigError, RuleError."""
    rules: dict[str, Any] = {}
    catalogues = frameworks.read_all(folder)
    files = list(rule_files(folder))
    for found in files:
        if found.id in rules:
            raise ConfigError(f"there is a second rule {found.id!r}", path=found.file.path, line=1)
        check_controls(found, catalogues)
        rules[found.id] = entry(found)
    checks = checks_of(folder)
    profiles = _profiles(folder, files, catalogues)
    _check_references(rules, checks, profiles)
    return {"format": 1, "newest": f"v1.{NEWEST}", "checks": checks, "profiles": profiles, "rules": rules}


def written(value: Any) -> bytes:
    """Generated JSON as it is committed: sorted, indented, one line end."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def generated(folder: Path) -> dict[str, bytes]:
    """The generated files below `folder` and what they should hold. Raises ConfigError, RuleError."""
    return {"catalog.json": written(catalog(folder)), "schema.json": written(schema())}


def entry(found: RuleFile) -> dict[str, Any]:
    """What the catalogue holds of a rule, once all of its expressions have compiled. Raises RuleError, ConfigError."""
    rule = found.rule
    reasons: set[str] = set()
    try:
        for clauses in _variants(rule):
            for clause in clauses:
                _check(clause)
                reasons.add(_not_portable(rule, clause))
            check_fix(rule, clauses)
            for each in {c.each for c in clauses}:
                Program(each, [c for c in clauses if c.each == each])
    except RuleError as error:
        raise RuleError(f"{found.file.path}: {error}") from error
    not_so = sorted(reasons - {""}) or (["judged by code"] if rule.by_code else [])
    return {"category": found.category, "portable": not not_so, "not-portable": not_so, **rule.source}


def _variants(rule: Rule) -> Iterator[tuple[Clause, ...]]:
    seen: set[tuple[Clause, ...]] = set()
    for minor in range(NEWEST + 1):
        clauses = rule.clauses(minor)
        if clauses not in seen:
            seen.add(clauses)
            yield clauses


def _check(clause: Clause) -> None:
    for text in filter(None, (clause.require, clause.when)):
        why = refused(text)
        if why:
            raise RuleError(f"{why}\n  in: {text}")
        check(text, clause.each, item=bool(clause.items))


def _not_portable(rule: Rule, clause: Clause) -> str:
    if _NO_API_OBJECTS.intersection(rule.match.get("kind", ())):
        return "the file is no API object"
    texts = filter(None, (clause.require, clause.when))
    return next(filter(None, (not_portable(t, clause.each, item=bool(clause.items)) for t in texts)), "")


def checks_of(folder: Path) -> dict[str, Any]:
    """The Pod Security checks by upstream id. Raises ConfigError."""
    file = yamlfile.read(folder / "frameworks" / "pod-security.yaml")
    file.insist(profilefile.CHECKS)
    keys = ("title", "level", "since", "overrides")
    return {c["id"]: {key: c[key] for key in keys if key in c} for c in file.value["checks"]}


def _profiles(folder: Path, rules: Sequence[RuleFile], catalogues: Container[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for path in sorted((folder / "profiles").glob("*.yaml")):
        file = yamlfile.read(path)
        file.insist(profilefile.PROFILE)
        if file.value["id"] != path.stem:
            raise ConfigError("the id differs from the file's name", path=str(path), line=file.line(("id",)))
        profile = {k: v for k, v in file.value.items() if k not in {"id", "description"}}
        for line in profile["rules"]:
            _known(f"profile {path.stem}", [line["framework"]] if "framework" in line else [], catalogues)
            if "relation" in line and "framework" not in line:
                raise ConfigError("`relation` belongs to a framework", path=str(path), line=file.line(("rules",)))
        out[path.stem] = {**profile, "rules": [one for line in profile["rules"] for one in _expanded(line, rules)]}
    return out


def _expanded(line: dict[str, Any], rules: Sequence[RuleFile]) -> Iterator[dict[str, Any]]:
    """A line of a profile; one about a framework as a line for each of its rules.

    Those are the rules that check a control of it directly; with `relation: related` also those on by default that
    support one in part.
    """
    if "framework" not in line:
        yield line
        return
    rest = {key: value for key, value in line.items() if key not in {"framework", "relation"}}
    for found in rules:
        relations = set(found.meta.controls.get(line["framework"], {}).values())
        in_part = line.get("relation") == "related" and found.rule.on_by_default and relations
        if "direct" in relations or in_part:
            yield {"rule": found.id, **rest}


def check_controls(found: RuleFile, catalogues: Mapping[str, Framework]) -> None:
    """Every control that a rule names exists, and files can show those that it claims to check. Raises ConfigError."""
    for name, claimed in found.meta.controls.items():
        line = found.file.line(("controls", name))
        if name not in catalogues and not found.shipped:
            continue  # a framework of one's own
        if name not in catalogues:
            raise ConfigError(f"there is no framework {name!r}", path=found.file.path, line=line)
        known = {control.id: control for control in catalogues[name].controls}
        for id, relation in claimed.items():
            if id not in known:
                raise ConfigError(f"{name} has no control {id!r}", path=found.file.path, line=line)
            if relation == "direct" and known[id].assessable in {"manual", "not"}:
                raise ConfigError(f"{name} says that no file shows {id!r}", path=found.file.path, line=line)


def _check_references(rules: dict[str, Any], checks: dict[str, Any], profiles: dict[str, Any]) -> None:
    """Every rule, check and folder that is named exists. Raises ConfigError."""
    for id, rule in rules.items():
        _known(f"rule {id}", [rule["category"]], FOLDERS)
        _known(f"rule {id}", rule.get("implied-by", ()), rules)
        _known(f"rule {id}", filter(None, [rule.get("pod-security", {}).get("check")]), checks)
    for id, check_ in checks.items():
        _known(f"check {id}", check_.get("overrides", ()), checks)
    for id, profile in profiles.items():
        for line in profile["rules"]:
            _known(f"profile {id}", [line["folder"]] if "folder" in line else [], FOLDERS)
            _known(f"profile {id}", [line["rule"]] if "rule" in line else [], rules)
        for exemption in profile.get("exemptions", ()):
            _known(f"profile {id}", exemption["rules"], rules)


def _known(who: str, names: Any, known: Any) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"{who} names {name!r}, which does not exist")
