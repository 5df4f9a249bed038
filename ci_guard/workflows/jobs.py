"""The facts of one job, of a called workflow, or of a composite action.

| list | its items |
|---|---|
| `heads` | places where code of a pull request is fetched although the job has the rights of the base |
| `injections` | expressions in a script that hold a stranger's words: `text`, `context`, `into` |
| `inputs` | expressions in a script that hold an input whose value the caller gives |
| `checkouts` | `actions/checkout` that leaves its login for all later steps: `uses` |
| `downloads` | lines that run what they fetch: `text` |
| `settings` | lines that let a stranger set variables or the path of later steps: `text`, `file`, `from` |
| `secrets` | expressions that hold all secrets at once: `text` |
| `passwords` | literal passwords of a container's or a service's registry |
| `switches` | places that turn workflow commands on that were turned off for a reason |
| `caches` | caches that a job restores which runs for releases only |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ci_guard.model.location import NodePath
from ci_guard.model.record import field, record
from ci_guard.workflows import scripts
from ci_guard.workflows.expressions import EXPRESSION, contexts
from ci_guard.workflows.untrusted import is_branch, is_head, is_untrusted, may_have_lines

PRIVILEGED = frozenset({"pull_request_target", "workflow_run", "issue_comment"})
"""Triggers by which strangers start a run that has the rights and secrets of the base."""

UNSECURED = "ACTIONS_ALLOW_UNSECURE_COMMANDS"
_STRANGERS = PRIVILEGED | {"pull_request", "pull_request_review", "pull_request_review_comment", "issues", "discussion"}
_SCRIPT_INPUTS: Mapping[str, str] = {
    "actions/github-script": "script",
    "azure/cli": "inlineScript",
    "azure/powershell": "inlineScript",
    "appleboy/ssh-action": "script",
    "nick-fields/retry": "command",
    "nick-invision/retry": "command",
}
_SAME_REPOSITORY = re.compile(
    r"github\.event\.pull_request\.head\.repo\.full_name\s*==\s*github\.(?:repository|event\.(?:repository|"
    r"pull_request\.base\.repo)\.full_name)"
    r"|github\.repository\s*==\s*github\.event\.pull_request\.head\.repo\.full_name"
    r"|!\s*github\.event\.pull_request\.head\.repo\.fork|head\.repo\.fork\s*(?:==\s*false|!=\s*true)"
    r"|github\.event\.workflow_run\.head_repository\.full_name\s*==\s*github\.repository"
    r"|github\.event\.workflow_run\.event\s*==\s*'(?:push|schedule|release|workflow_dispatch)'"
)
_HEAD_OUTPUT = re.compile(r"steps\.[^.]+\.outputs\..*(?:head|sha|ref).*|needs\.[^.]+\.outputs\..*(?:head|sha|ref).*")
_MOST_TOLD_APART = 100  # of one expression in one script; those after it are shown where this one is
_PULL_REF = re.compile(r"refs/pull/")
_LITERAL = re.compile(r"\S")
_ON = (True, "true", "1")  # tuples: what is compared with them may be a list
_OFF = (False, "false")


@record
class Item:
    """One thing within a job: its facts, the node that holds it (from the job), the text in it and which occurrence."""

    facts: dict[str, Any]
    node: NodePath
    text: str = ""
    number: int = 0


@record(frozen=False)
class _Job:
    """A job while its facts are gathered; `inputs` are those that a caller fills with any text."""

    body: Mapping[str, Any]
    triggers: frozenset[str]
    inputs: frozenset[str]
    items: dict[str, list[Item]] = field(default_factory=dict)

    def add(self, key: str, item: Item) -> None:
        """One more item of the list `key`."""
        self.items[key].append(item)


LISTS = (
    *("heads", "injections", "inputs", "checkouts", "downloads"),
    *("settings", "secrets", "passwords", "switches", "caches"),
)


def allows_unsecured(owner: Mapping[str, Any]) -> bool:
    """Whether the `env:` of a workflow, a job or a step turns the old workflow commands on."""
    return _map(owner.get("env")).get(UNSECURED) in _ON


def triggers_of(workflow: Mapping[str, Any]) -> list[str]:
    """The events of `on:`, in order."""
    given = workflow.get("on")
    if isinstance(given, str):
        return [given]
    return [name for name in given if isinstance(name, str)] if isinstance(given, list | dict) else []


def permissions_of(owner: Mapping[str, Any]) -> tuple[str, list[str]]:
    """(`missing`, `write-all`, `read-all`, `none` or `scoped`, the scopes that may be written)."""
    if "permissions" not in owner:
        return "missing", []
    given = owner["permissions"]
    if isinstance(given, str):
        return (given if given in {"write-all", "read-all"} else "scoped"), []
    scopes = given.items() if isinstance(given, dict) else ()
    writes = sorted(str(scope) for scope, right in scopes if right == "write")
    return ("scoped" if scopes else "none"), writes


def job_facts(
    name: str, body: Mapping[str, Any], workflow: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, list[Item]]]:
    """The facts of a job, and its items by list."""
    action = "using" in body
    triggers = frozenset(triggers_of(workflow))
    job = _Job(body, triggers, _text_inputs(workflow, action=action), {key: [] for key in LISTS})
    _unsecured(job, body, ())
    _registries(job)
    for index, step in enumerate(_steps(body)):
        _step(job, step, ("steps", index), {**_map(workflow.get("env")), **_map(body.get("env"))})
    _all_secrets(job, body, ())
    uses = body.get("uses")
    kind, writes = permissions_of(body)
    facts = {
        "kind": "action" if action else "call" if isinstance(uses, str) else "job",
        "name": name,
        "uses": uses if isinstance(uses, str) else "",
        "triggers": sorted(triggers),
        "permissions": kind,
        "writes": writes,
        "inherits": body.get("secrets") == "inherit",
        "external": isinstance(uses, str) and not uses.startswith(("./", "$/")),
        "selfHosted": "self-hosted" in _labels(body.get("runs-on")),
        "strangers": bool(triggers & _STRANGERS),
        "releases": _is_release(workflow),
    }
    return facts, job.items


def _is_release(workflow: Mapping[str, Any]) -> bool:
    """Whether a workflow runs for releases, and otherwise at most by hand."""
    triggers = set(triggers_of(workflow)) - {"workflow_dispatch"}
    push = _map(_map(workflow.get("on")).get("push"))
    tags_only = "push" in triggers and "tags" in push and "branches" not in push
    return bool(triggers) and triggers <= {"release", "push"} and ("push" not in triggers or tags_only)


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _steps(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    steps = body.get("steps")
    return [_map(step) for step in steps] if isinstance(steps, list) else []


def _labels(given: Any) -> list[str]:
    """The labels of `runs-on:`, in any of its three forms."""
    if isinstance(given, dict):
        given = given.get("labels")
    labels = given if isinstance(given, list) else [given]
    return [label.lower() for label in labels if isinstance(label, str)]


def _text_inputs(workflow: Mapping[str, Any], *, action: bool) -> frozenset[str]:
    """The inputs that a caller fills with any text; one who starts a run by hand may push, too, and is no stranger."""
    given = workflow.get("inputs") if action else _map(_map(workflow.get("on")).get("workflow_call")).get("inputs")
    types = {str(name).lower(): _map(spec).get("type", "string") for name, spec in _map(given).items()}
    return frozenset(f"inputs.{name}" for name, kind in types.items() if kind == "string")


def _step(job: _Job, step: dict[str, Any], node: NodePath, around: Mapping[str, Any]) -> None:
    uses = step.get("uses")
    name = str(uses).partition("@")[0].lower() if isinstance(uses, str) else ""
    inputs = _map(step.get("with"))
    _unsecured(job, step, node)
    script, variables = step.get("run"), {**around, **_map(step.get("env"))}
    if isinstance(script, str):
        _expressions(job, script, variables, (*node, "run"), "a script")
        _script(job, script, (*node, "run"), variables)
    code = _SCRIPT_INPUTS.get(name, "")
    if code and isinstance(inputs.get(code), str):
        _expressions(job, inputs[code], variables, (*node, "with", code), f"a script of {name}")
    if name == "actions/checkout":
        _checkout(job, step, variables, node)
    if _is_cache(name, inputs):
        job.add("caches", Item({"uses": str(uses)}, (*node, "uses")))


def _unsecured(job: _Job, owner: Mapping[str, Any], node: NodePath) -> None:
    if allows_unsecured(owner):
        job.add("switches", Item({"name": UNSECURED}, (*node, "env", UNSECURED)))


def _expressions(job: _Job, script: str, variables: Mapping[str, Any], node: NodePath, into: str) -> None:
    """Expressions that GitHub puts into the text of a program before anything can quote them."""
    seen: Counter[str] = Counter()
    for found in EXPRESSION.finditer(script):
        number = min(seen[found[0]], _MOST_TOLD_APART)
        seen[found[0]] += 1
        named = _through(contexts(found[1]), variables)
        stranger = next((c for c in sorted(named) if is_untrusted(c)), "")
        given = next((c for c in sorted(named) if c in job.inputs), "")
        facts = {"text": _short(found[0]), "context": stranger or given, "into": into}
        if stranger:
            job.add("injections", Item(facts, node, found[0], number))
        elif given:
            job.add("inputs", Item(facts, node, found[0], number))


def _script(job: _Job, script: str, node: NodePath, variables: Mapping[str, Any]) -> None:
    for line in scripts.run_downloads(script):
        job.add("downloads", Item({"text": _short(line.text)}, node, line.written))
    held = {name: sorted(_held(value)) for name, value in variables.items() if isinstance(value, str)}
    strangers = {name: found for name, found in held.items() if any(map(is_untrusted, found))}
    from_files = scripts.filled_from_files(script) if _gets_artifact(job) else frozenset()
    for file, line in scripts.settings(script):
        name = scripts.uses(line, strangers)
        whole = file == "GITHUB_PATH" or any(may_have_lines(c) for c in strangers.get(name, ()) if is_untrusted(c))
        if name and whole:
            facts = {"text": _short(line.text), "file": file, "from": strangers[name][0]}
            job.add("settings", Item(facts, node, line.written))
        elif _gets_artifact(job) and (scripts.reads_file(line) or scripts.uses(line, from_files)):
            facts = {"text": _short(line.text), "file": file, "from": "an artifact of another run"}
            job.add("settings", Item(facts, node, line.written))
    head = scripts.checks_out_head(script)
    if head is not None and _has_rights(job):
        job.add("heads", Item({"text": _short(head.text), "trigger": _trigger(job)}, node, head.written))


def _gets_artifact(job: _Job) -> bool:
    """Whether the job works with what a run of a pull request has left: only `workflow_run` has the rights to."""
    if "workflow_run" not in job.triggers or _SAME_REPOSITORY.search(str(job.body.get("if"))):
        return False
    return any(
        "download-artifact" in str(step.get("uses", "")) or "gh run download" in str(step.get("run", ""))
        for step in _steps(job.body)
    )


def _held(text: str) -> frozenset[str]:
    """The contexts that a text with expressions holds."""
    return frozenset[str]().union(*(contexts(found[1]) for found in EXPRESSION.finditer(text)))


def _through(named: frozenset[str], variables: Mapping[str, Any]) -> frozenset[str]:
    """The contexts, and those that stand in a variable that one of them names: `env.TITLE`."""
    wanted = {name.removeprefix("env.") for name in named if name.startswith("env.")}
    if not wanted:
        return named
    texts = (v for k, v in variables.items() if isinstance(v, str) and str(k).lower() in wanted)
    return named.union(*map(_held, texts))


def _checkout(job: _Job, step: Mapping[str, Any], variables: Mapping[str, Any], node: NodePath) -> None:
    inputs = _map(step.get("with"))
    if inputs.get("persist-credentials", True) not in _OFF and not _pushes(job):
        job.add("checkouts", Item({"uses": step["uses"]}, (*node, "uses")))
    if not _has_rights(job) or _SAME_REPOSITORY.search(str(step.get("if"))):
        return
    for name in ("ref", "repository"):
        given = inputs.get(name)
        if isinstance(given, str) and _names_head(job, given, variables, alone="repository" not in inputs):
            job.add("heads", Item({"text": _short(given), "trigger": _trigger(job)}, (*node, "with", name)))
            return


def _names_head(job: _Job, text: str, variables: Mapping[str, Any], *, alone: bool) -> bool:
    """Whether it names a stranger's code; `alone`: of the base repository, where a branch of that name is its own."""
    held = {c for c in _through(_held(text), variables) if not (alone and is_branch(c))}
    by_output = "issue_comment" in job.triggers and any(_HEAD_OUTPUT.fullmatch(c) for c in held)
    return any(map(is_head, held)) or by_output or _PULL_REF.search(text) is not None


def _has_rights(job: _Job) -> bool:
    """Whether strangers can start the job with the rights of the base."""
    return bool(job.triggers & PRIVILEGED) and not _SAME_REPOSITORY.search(str(job.body.get("if")))


def _trigger(job: _Job) -> str:
    return min(job.triggers & PRIVILEGED)


def _pushes(job: _Job) -> bool:
    """Whether a later step needs the login that checkout leaves."""
    return any(scripts.talks_to_remote(str(step.get("run", ""))) for step in _steps(job.body))


def _registries(job: _Job) -> None:
    """Passwords that are written out."""
    owners: list[tuple[NodePath, dict[str, Any]]] = [(("container",), _map(job.body.get("container")))]
    services = _map(job.body.get("services"))
    owners += [(("services", name), _map(service)) for name, service in services.items() if isinstance(name, str)]
    for node, owner in owners:
        password = _map(owner.get("credentials")).get("password")
        if isinstance(password, str | int) and _LITERAL.search(str(password)) and "${{" not in str(password):
            job.add("passwords", Item({}, (*node, "credentials", "password")))


def _all_secrets(job: _Job, value: Any, node: NodePath) -> None:
    """Expressions anywhere in the job that hold every secret, not one."""
    pending: list[tuple[Any, NodePath]] = [(value, node)]
    while pending:
        value, node = pending.pop()
        if isinstance(value, dict):
            pending += [(child, (*node, key)) for key, child in value.items() if isinstance(key, str)]
        elif isinstance(value, list):
            pending += [(child, (*node, index)) for index, child in enumerate(value)]
        elif isinstance(value, str) and "secrets" in value:
            for found in EXPRESSION.finditer(value):
                if "secrets" in contexts(found[1]):
                    job.add("secrets", Item({"text": _short(found[0])}, node, found[0]))


def _is_cache(name: str, inputs: Mapping[str, Any]) -> bool:
    """Whether a step restores a cache: the action itself, or a set-up that was asked to."""
    if name in {"actions/cache", "actions/cache/restore"}:
        return True
    return name.startswith("actions/setup-") and bool(inputs.get("cache")) and inputs["cache"] not in _OFF


def _short(text: str) -> str:
    return " ".join(text.split())[:120]
