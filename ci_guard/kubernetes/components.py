"""The control plane in a resource: programs and configuration files, wherever they are written."""

from __future__ import annotations

from collections.abc import Container, Iterator

from ci_guard.kubernetes import component_files, embedded, kubeadm, programs
from ci_guard.kubernetes.resources import Resource
from ci_guard.model.subject import Subject


def component_subjects(resource: Resource, needs: Container[str] = ()) -> Iterator[Subject]:
    """Subjects `each: program` and `each: kubelet` of a resource, those in strings that it carries included.

    `needs` are the variables that rules name; without `flags`, `program` and `config` among them nothing is looked
    for. Empty means everything.
    """
    if needs and not any(name in needs for name in ("flags", "program", "config")):
        return
    yield from _own(resource)
    for inner in embedded.embedded_resources(resource):
        for subject in _own(inner):
            subject.id = resource.id
            yield subject


def _own(resource: Resource) -> Iterator[Subject]:
    if kubeadm.is_kubeadm(resource):
        yield from kubeadm.programs_of(resource)
    elif component_files.reader_of(resource):
        yield from component_files.config_of(resource)
    else:
        yield from programs.programs_of(resource)
