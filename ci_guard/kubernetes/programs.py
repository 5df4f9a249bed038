"""Components of the control plane as subjects (`each: program`): from static pods, and what they share with kubeadm.

A component is found by the base name of every element of `command` and `args`, since it is often started by a
wrapper (`/go-runner`, `sh -c`). A word that merely names one (`kubectl logs kube-apiserver`, `--data-dir
/var/lib/etcd`) is not a program: it must come first, stand in a folder of programs, or follow nothing but wrappers.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from posixpath import basename, dirname
from typing import Final

from ci_guard.kubernetes.flags import Flags, Word, normal, parse
from ci_guard.kubernetes.pods import Member
from ci_guard.kubernetes.resources import Resource
from ci_guard.model.image_reference import parse_image
from ci_guard.model.location import FieldPath, Location, NodePath
from ci_guard.model.pattern import pattern
from ci_guard.model.record import record
from ci_guard.model.subject import Positions, Subject, SubjectId

PROGRAMS: Final = frozenset(
    {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "etcd"}
)
FLAGS: Final = "flags"
"""A key that no container and no kubeadm section has: paths of a program's flags go through it."""

_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_WRAPPERS = _SHELLS | frozenset(
    {"go-runner", "busybox", "env", "exec", "tini", "dumb-init", "catatonit", "nice", "ionice", "timeout", "nohup"}
    | {"setsid", "flock", "hyperkube", "chroot", "nsenter", "sudo"}
)
_SCRIPT_NEXT = pattern(r"-[a-z]*c\Z")
_COMMAND_END = pattern(r"[;&|<>()\n]+|\d?>&?\d?")
_VARIABLE = pattern(r"\$\(([-._A-Za-z][-._A-Za-z0-9]*)\)")
_LONGEST_SCRIPT = 100_000  # characters that are taken apart as a shell would


class FlagPositions:
    """A document in which `(*base, NAME)` is where a program's flag is written; implements `Positions`.

    A flag that is not written, and `base` itself, stand where the program is named (`home`).
    """

    def __init__(self, document: Positions, base: NodePath, home: NodePath, places: Mapping[str, NodePath]) -> None:
        self.path = document.path
        self._document, self._base, self._home, self._places = document, base, home, places

    def _written(self, path: NodePath) -> NodePath:
        if path[: len(self._base)] != self._base:
            return path
        rest = path[len(self._base) : len(self._base) + 1]
        return self._places.get(str(rest[0]), self._home) if rest else self._home

    def locate(self, path: NodePath, *, key: bool = False) -> Location:
        """The place of a flag, else of the program."""
        return self._document.locate(self._written(path), key=key)

    def exists(self, path: NodePath) -> bool:
        """Whether a flag is written in the document."""
        if path[: len(self._base)] != self._base:
            return self._document.exists(path)
        return len(path) == len(self._base) or str(path[len(self._base)]) in self._places

    def field_path(self, path: NodePath) -> FieldPath:
        """Where a flag is written; an argument by its list, since its index changes with every edit above it."""
        written = self._written(path)
        while path[: len(self._base)] == self._base and written and isinstance(written[-1], int):
            written = written[:-1]
        return self._document.field_path(written)


@record
class Program:
    """One component and how it is started. `home` is the node that names it, `base` where its flags hang."""

    name: str
    flags: Flags
    base: NodePath
    home: NodePath

    def subject(self, document: Positions, id: SubjectId, match: Mapping[str, str], **known: str) -> Subject:
        """The program as something to judge; `known` are further facts about it."""
        return Subject(
            "program",
            id,
            self.base,
            FlagPositions(document, self.base, self.home, self.flags.places),
            {"flags": self.flags.values, "program": {"name": self.name, **known}, "subject": self.name},
            match={**match, "program": self.name},
        )


def programs_of(resource: Resource) -> Iterator[Subject]:
    """The components that the pods of a resource run; at most one a container."""
    match = {"kind": resource.kind, "group": resource.group, "version": resource.version}
    for pod in resource.pods:
        for container in pod.containers:
            program = find_program(container)
            if program is not None:
                name = container.value.get("name")
                owner = resource.id
                label = container.label or (name if isinstance(name, str) else program.name)
                id = SubjectId(owner.kind, owner.name, owner.namespace, owner.api_version, label)
                yield program.subject(resource.document, id, match)


def find_program(container: Member) -> Program | None:
    """The component that a container runs, if it runs one."""
    command, args = _words(container, "command"), _words(container, "args")
    words = command + args
    base = (*container.path, FLAGS)
    for index, word in enumerate(words):
        if index and _SCRIPT_NEXT.match(words[index - 1].text) and basename(words[0].text) in _SHELLS:
            found = _in_script(word, base)
            if found is not None:
                return _with_environment(found, container)
        name = basename(word.text)
        if name in PROGRAMS and not word.text.startswith("-") and _is_run(words, index):
            return _with_environment(Program(name, parse(words[index + 1 :]), base, word.place), container)
    if command or not args or not args[0].text.startswith("-"):
        return None
    repository = parse_image(container.value.get("image")).get("repository", "")
    name = basename(repository) if isinstance(repository, str) else ""
    if name not in PROGRAMS:
        return None
    return _with_environment(Program(name, parse(args), base, (*container.path, "image")), container)


def _words(container: Member, key: str) -> list[Word]:
    value = container.value.get(key)
    if not isinstance(value, list):
        return []
    known = dict(_environment(container))
    where = [(item, (*container.path, key, index)) for index, item in enumerate(value)]
    return [Word(_expanded(item, known), place) for item, place in where if isinstance(item, str)]


def _environment(container: Member) -> Iterator[tuple[str, str]]:
    env = container.value.get("env")
    for item in env if isinstance(env, list) else ():
        name, value = (item.get("name"), item.get("value")) if isinstance(item, dict) else (None, None)
        if isinstance(name, str) and isinstance(value, str):
            yield name, value


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` replaced as the kubelet does; what is not known stays as it is."""
    if "$(" not in text:
        return text
    return _VARIABLE.sub(lambda m: known.get(m[1], m[0]), text)


def _is_run(words: Sequence[Word], index: int) -> bool:
    """Whether the word at `index`, which names a component, starts it."""
    before = [w.text for w in words[:index] if not w.text.startswith("-")]
    follows_flag = index > 0 and words[index - 1].text.startswith("-") and "=" not in words[index - 1].text
    if all(basename(text) in _WRAPPERS or text.replace(".", "").isdigit() for text in before):
        return bool(before) or not follows_flag
    folder = basename(dirname(words[index].text))
    return folder in {"bin", "sbin"} and not follows_flag


def _in_script(word: Word, base: NodePath) -> Program | None:
    """The first component that a shell script starts, with the flags of that one command."""
    text = word.text[:_LONGEST_SCRIPT].replace("\\\n", " ")
    for part in _COMMAND_END.split(text):
        try:
            words = [Word(w, word.place) for w in shlex.split(part, comments=True)]
        except ValueError:
            words = [Word(w, word.place) for w in part.split()]
        for index, found in enumerate(words):
            if basename(found.text) in PROGRAMS and found.text[0] != "-" and _is_run(words, index):
                return Program(basename(found.text), parse(words[index + 1 :]), base, word.place)
    return None


def _with_environment(program: Program, container: Member) -> Program:
    """Fill in from the environment: etcd takes every flag from `ETCD_…` too; a flag that is written wins."""
    if program.name != "etcd":
        return program
    env = container.value.get("env")
    for index, item in enumerate(env if isinstance(env, list) else ()):
        name, value = (item.get("name"), item.get("value")) if isinstance(item, dict) else (None, None)
        if isinstance(name, str) and isinstance(value, str) and name.startswith("ETCD_"):
            flag = normal(name.removeprefix("ETCD_").lower())
            if flag not in program.flags.values:
                program.flags.set(flag, value, (*container.path, "env", index))
    return program
