"""The main job: every stage once, in order, each adding to one report that one gate decides on.

policy -> lint -> deps -> sbom -> attest -> verify -> report -> gate
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.attestation.provenance import LocalBuild
from ci_guard.gate import GatePolicy, decide, verdict_json
from ci_guard.model.errors import CiGuardError
from ci_guard.model.ports import Progress
from ci_guard.model.record import field, record, replace
from ci_guard.model.report import Report, Verdict
from ci_guard.pipeline import attest as attesting
from ci_guard.pipeline.advisories import ask
from ci_guard.pipeline.artifact import pull_request
from ci_guard.pipeline.deps import DependencyJudge
from ci_guard.pipeline.gathering import Gathered, gather_locks
from ci_guard.pipeline.joined import judge_joins
from ci_guard.pipeline.lint import lint
from ci_guard.pipeline.manifests import Linted
from ci_guard.pipeline.namespaces import judge_namespaces
from ci_guard.pipeline.sbom import render as render_sbom
from ci_guard.pipeline.session import Session
from ci_guard.report import render
from ci_guard.report.sarif import frameworks
from ci_guard.report.style import Style
from ci_guard.sarif.writer import CATEGORIES
from ci_guard.sarif.writer import write as write_sarif
from ci_guard.sbom.metadata import Metadata, timestamp
from ci_guard.source.edit import replace_file
from ci_guard.source.files import read_file, read_or_none
from ci_guard.source.revision import GitRepository

if TYPE_CHECKING:
    from ci_guard.attestation.signatory import Signatory

SARIF_FILE = "ci-guard.sarif"
UPLOAD_FILE = "upload.sarif"
CYCLONEDX_FILE = "sbom.cdx.json"
SPDX_FILE = "sbom.spdx.json"
REPORT_FILE = "report.md"
VERDICT_FILE = "verdict.json"
FILES = (
    *(SARIF_FILE, UPLOAD_FILE, CYCLONEDX_FILE, SPDX_FILE),
    *(attesting.PROVENANCE_FILE, attesting.SBOM_FILE, REPORT_FILE, VERDICT_FILE),
)
"""What a run leaves, in this order; without a key the two bundles are missing."""


@record
class RunRequest:
    """What the main job is asked to do. `subjects` are (name, sha256) given by the user; empty: what was judged.

    `signer` says who signs, once it comes to that: certificates for an identity hold for ten minutes.
    """

    session: Session
    folder: Path
    environ: Mapping[str, str]
    signer: Callable[[], Signatory] | None = None
    subjects: tuple[tuple[str, str], ...] = ()
    allow_empty: bool = False
    command: tuple[str, ...] = ()
    online: bool = False


@record(frozen=False)
class Ran:
    """What the main job found, decided and wrote."""

    report: Report
    verdict: Verdict
    written: list[Path] = field(default_factory=list)


def run(request: RunRequest, progress: Progress) -> Ran:
    """Do the main job. Raises CiGuardError when a stage cannot work at all; then nothing has been written."""
    job = _Job(request, progress)
    linted = job.lint()
    gathered = job.gather(linted)
    job.dependencies(gathered, linted)
    cyclonedx, spdx = job.sboms(gathered)
    bundles = job.attest(linted, cyclonedx)
    job.verify(linted, bundles)
    report, verdict = job.decide(linted)
    documents = {CYCLONEDX_FILE: cyclonedx, SPDX_FILE: spdx, **bundles}
    return Ran(report, verdict, job.write(report, verdict, documents))


class _Job:
    """The stages of one run, in the order in which `run` calls them."""

    def __init__(self, request: RunRequest, progress: Progress) -> None:
        self.request = request
        self.session = request.session
        self.progress = progress
        self.subjects = list(request.subjects)
        self.signatory: Signatory | None = None
        self.commit = _commit(request.session.root)

    def lint(self) -> Linted:
        """Judge the manifests, file by file and as a whole."""
        self.progress.stage("lint", "manifests")
        linted = lint(self.session.lint_request(), self.progress)
        judge_namespaces(self.session, linted)
        judge_joins(self.session, linted)
        judged = linted.judged
        self.progress.done(f"{judged.files['judged']} manifests, {judged.subjects} subjects")
        return linted

    def gather(self, linted: Linted) -> Gathered:
        """Read the locks, and what the manifests deploy."""
        self.progress.stage("locks", "entries and hashes")
        session = self.session
        wants, registries = session.lint_request().wants, session.config.registries
        gathered = gather_locks(session.root, session.targets, self.progress, wants, registries)
        gathered.unseen = linted.unseen
        gathered.workloads = sorted(linted.workloads, key=lambda w: (w.location.path, w.id))
        for lock in gathered.locks:
            self._take_digest(lock.path)
        words = f"{len(gathered.locks)} locks, {sum(len(lock.components) for lock in gathered.locks)} entries"
        self.progress.done(words)
        return gathered

    def dependencies(self, gathered: Gathered, linted: Linted) -> None:
        """Judge every entry of the locks and every `uses:` of the workflows."""
        self.progress.stage("deps", "pins, hashes, advisories")
        before = linted.judged.subjects
        session = self.session
        asked = ask(session.root, session.policy, session.today, self.request.environ, {"online": self.request.online})
        self.session = replace(self.session, advisories=asked)
        judge = DependencyJudge(self.session.rules, linted, asked)
        judge.locks(gathered)
        judge.workflows(self.session.root, self.session.targets, self.session.lint_request().wants)
        judge.finish()
        self.progress.done(f"{linted.judged.subjects - before} lock entries and workflow steps")

    def sboms(self, gathered: Gathered) -> tuple[bytes, bytes]:
        """The inventory in both formats."""
        self.progress.stage("sbom", "CycloneDX and SPDX")
        inventory = gathered.inventory()
        # Not the name of the root folder: the same commit must give the same bytes wherever it lies.
        name = Path(self.session.targets[0]).name or "repository"
        metadata = Metadata(timestamp=timestamp(self.request.environ), name=name, version=self.commit[:12])
        documents = render_sbom("cyclonedx", inventory, metadata), render_sbom("spdx", inventory, metadata)
        self.progress.done(f"{len(inventory.components)} components, {len(inventory.edges)} edges")
        return documents

    def attest(self, linted: Linted, sbom: bytes) -> Mapping[str, bytes]:
        """Sign provenance and SBOM, or say why not."""
        self.progress.stage("attest", "provenance and SBOM")
        for path in linted.digests:
            self._take_digest(path)
        local = LocalBuild(command=self.request.command, commit=self.commit)
        environ = self.request.environ
        if self.request.signer is not None and self.subjects and not pull_request(environ):
            self.signatory = self.request.signer()
        attested = attesting.attest(
            sorted(set(self.subjects)), sbom, signer=self.signatory, environ=environ, local=local
        )
        linted.judged.notices += attested.notices
        words = f"{len(attested.bundles)} bundles about {len(set(self.subjects))} subjects"
        self.progress.done(words if attested.bundles else attested.notices[0].message)
        return attested.bundles

    def verify(self, linted: Linted, bundles: Mapping[str, bytes]) -> None:
        """Verify what was signed as anybody else would, and judge the facts."""
        if self.signatory is None or not bundles:
            return
        from ci_guard.engine.evaluation import Judge
        from ci_guard.pipeline.verify import verify

        self.progress.stage("verify", "bundles")
        who = self.signatory.authenticate
        judged = verify(Judge(self.session.rules.selection), sorted(set(self.subjects)), bundles, who)
        linted.judged.add(judged)
        self.progress.done(f"{judged.subjects} artifacts against {len(bundles)} bundles")

    def decide(self, linted: Linted) -> tuple[Report, Verdict]:
        """One report, one decision."""
        digests = {
            "inputs": _digest_of(linted.digests),
            "rules": self.session.rules.catalogue.digest,
        }
        report = self.session.report(linted, commit=self.commit, digests=digests)
        policy = GatePolicy(self.session.config.fail_on, allow_empty=self.request.allow_empty)
        return report, decide(report, policy)

    def write(self, report: Report, verdict: Verdict, documents: Mapping[str, bytes]) -> list[Path]:
        """Write the files; a file of an earlier run that this one does not make is removed."""
        self.progress.stage("report", "SARIF, Markdown, verdict")
        read = partial(read_or_none, self.session.root)
        known = frameworks()
        made = {
            **documents,
            SARIF_FILE: write_sarif(report, read, categories=CATEGORIES, taxonomies=known),
            UPLOAD_FILE: write_sarif(report, read, suppressed=False, categories=CATEGORIES, taxonomies=known),
            REPORT_FILE: render("markdown", report, verdict, Style(), read).encode("utf-8", "backslashreplace"),
            VERDICT_FILE: verdict_json(verdict, report),
        }
        self.request.folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name in FILES:
            path = self.request.folder / name
            if name in made:
                replace_file(path, made[name])
                written.append(path)
            else:
                path.unlink(missing_ok=True)
        self.progress.done(f"{len(written)} files in {self.request.folder}")
        return written

    def _take_digest(self, path: str) -> None:
        if not self.request.subjects:
            digest = hashlib.sha256(read_file(self.session.root, path)).hexdigest()
            self.subjects.append((path, digest))


def _commit(root: Path) -> str:
    """The commit of the working tree, "" outside of git or before the first commit."""
    try:
        repository = GitRepository.discover(root)
        return repository.resolve("HEAD") if repository is not None else ""
    except CiGuardError:
        return ""


def _digest_of(digests: Mapping[str, str]) -> str:
    """One digest over a set of files: of the lines `sha256sum` would print, sorted by path."""
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items()))
    return "sha256:" + hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
