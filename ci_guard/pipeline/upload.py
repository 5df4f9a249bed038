"""SARIF of any tool into GitHub code scanning, from any CI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from ci_guard.model.errors import UsageError
from ci_guard.model.printable import visible
from ci_guard.model.record import record, replace
from ci_guard.pipeline.checkout import Checkout, find_checkout
from ci_guard.pipeline.verification.artifact import read_named
from ci_guard.pipeline.verification.registries import network_of
from ci_guard.sarif.delivery import Delivery, deliveries
from ci_guard.services.code_scanning import Analysis, CodeScanning, Patience, check
from ci_guard.services.github import API, Instance
from ci_guard.services.hosts import split_url
from ci_guard.source.files import read_or_none

_LARGEST = 256 << 20  # bytes of one SARIF file
_PUBLIC = frozenset({"github.com", "ssh.github.com", "api.github.com"})


@record
class UploadRequest:
    """What to upload. What is "" in `given` is found out; `url` is of a GitHub Enterprise Server, or of its API."""

    root: Path
    environ: Mapping[str, str]
    files: tuple[Path, ...]
    given: Checkout = Checkout()
    category: str = ""
    url: str = ""
    wait: float = 300


@record
class Uploaded:
    """One delivery that GitHub has: its id, and the errors of processing it."""

    delivery: Delivery
    number: str
    errors: tuple[str, ...] = ()


@record
class Prepared:
    """What will be sent where."""

    deliveries: Sequence[Delivery]
    repository: str
    analysis: Analysis


def prepare(request: UploadRequest) -> Prepared:
    """Read the files and find out what they are about; asks nobody. Raises UsageError, InputError."""
    found = find_checkout(request.root, request.environ)
    given = request.given
    about = Checkout(given.repository or found.repository, given.commit or found.commit, given.ref or found.ref)
    for name, value in (("repository", about.repository), ("commit", about.commit), ("ref", about.ref)):
        if not value:
            raise UsageError(f"neither the CI nor git says the {name} that this is about: say --{name}")
    if about.repository == found.repository and found.host not in {"", *_PUBLIC}:
        _refuse_elsewhere(request, found.host)
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    analysis = Analysis(about.commit, about.ref, now, request.root.absolute().as_uri() + "/")
    check(analysis)
    logs = {str(path): read_named(path, _LARGEST) for path in request.files}
    ready = deliveries(logs, partial(read_or_none, request.root), category=request.category)
    if not ready:
        raise UsageError("there is no run of any tool in what was given")
    return Prepared(ready, about.repository, analysis)


def upload(request: UploadRequest, prepared: Prepared, told: Callable[[str], object]) -> list[Uploaded]:
    """Hand in all, then wait for all to be processed. `told` gets a line for each that GitHub took.

    Raises UsageError, ServiceError.
    """
    patience = Patience(total=request.wait)
    done = []
    with CodeScanning(instance_of(request), prepared.repository) as scanning:
        for delivery in prepared.deliveries:
            number = scanning.send(delivery.packed, delivery.tool, prepared.analysis)
            told(f"{described(delivery)}: upload {visible(number)}")
            done.append(Uploaded(delivery, number))
        if not request.wait:
            return done
        return [replace(one, errors=scanning.errors(one.number, patience)) for one in done]


def instance_of(request: UploadRequest) -> Instance:
    """The GitHub to ask: `--github-url`, else GITHUB_API_URL, else the public one. Raises UsageError.

    Whoever names a server on the command line means its address, too; what the environment names must be public, or
    allowed by `services: {private: …}` of the policy in force.
    """
    instance = Instance.of(request.environ, network_of(request.root, request.environ).private)
    if not request.url:
        return instance
    api, host = api_of(request.url)
    return replace(instance, api=api, private=(*instance.private, host))


def _refuse_elsewhere(request: UploadRequest, host: str) -> None:
    """A repository of another server: its name, findings and token are none of the public GitHub's business."""
    if not request.url and not request.environ.get("GITHUB_API_URL"):
        name = visible(host)
        raise UsageError(
            f"`origin` is on {name}: say --repository OWNER/NAME, or --github-url https://{name} where that is a GitHub"
        )


def api_of(url: str) -> tuple[str, str]:
    """The API and the host of a GitHub by any of its URLs: of the server, or of the API. Raises UsageError."""
    try:
        parts = split_url(url.rstrip("/"))
    except ValueError as problem:
        raise UsageError(f"--github-url: {problem}") from None
    host = urlsplit(url).netloc.lower()
    if parts.hostname in _PUBLIC:
        return API, host
    if (parts.hostname or "").endswith(".ghe.com"):  # GitHub Enterprise Cloud with data residency
        return f"https://api.{host.removeprefix('api.')}", f"api.{host.removeprefix('api.')}"
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{host}{path if path.endswith('/api/v3') else path + '/api/v3'}", host


def described(delivery: Delivery) -> str:
    """`checkov, 12 results (ci/checkov)`: a delivery on one line."""
    named = ", ".join(visible(c.rpartition("/")[0] or c) for c in delivery.categories if c)
    count = f"{delivery.results:,} result{'' if delivery.results == 1 else 's'}"
    return f"{visible(delivery.tool)}, {count}" + (f" ({named})" if named else "")
