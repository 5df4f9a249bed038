"""From the name of an image to an open repository: who may be asked, and with which login."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from ci_guard.config.types import Config
from ci_guard.model.record import record
from ci_guard.pipeline.policy.boundary import load_policy
from ci_guard.pipeline.verification.image_reference import ImageReference
from ci_guard.services.docker_config import Keyring
from ci_guard.services.hosts import HostPolicy
from ci_guard.services.http import HttpClient, Limits
from ci_guard.services.registry import Repository, base_url


@record
class Network:
    """Who may be asked: `hosts` and `private` as in `.ci-guard.yaml`; logins from `environ`, never from `judged`."""

    environ: Mapping[str, str]
    judged: Path
    hosts: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    limits: Limits | None = None

    @contextmanager
    def repository(self, image: ImageReference, *, push: bool = False) -> Iterator[Repository]:
        """The repository of an image whose registry the user or the policy named."""
        host = urlsplit(base_url(image.registry)).netloc
        policy = HostPolicy.of(host, *self.hosts, private=self.private)
        keyring = Keyring(self.environ, self.judged)
        with HttpClient(image.registry, policy, self.limits) as http:
            login = lambda: keyring.login(host, image.repository)  # noqa: E731 - asked only when a registry wants one
            yield Repository(http, image.registry, image.repository, login=login, push=push)


def network_of(folder: Path, environ: Mapping[str, str]) -> Network:
    """Who may be asked by the configuration in force in `folder`. Raises ConfigError, RevisionError."""
    policy = load_policy(folder, environ, {}, expect_baseline=False)
    return network_by(policy.config, folder, environ)


def network_by(config: Config, judged: Path, environ: Mapping[str, str]) -> Network:
    """Who may be asked by `config`."""
    return Network(environ, judged, config.services.hosts, config.services.private)
