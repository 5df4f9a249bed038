"""The main job: every stage once, in order, each adding to one report that one gate decides on.

policy -> lint -> deps -> sbom -> attest -> verify -> report -> gate
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci_guard.attestation.provenance import LocalBuild
from ci_guard.gate import GatePolicy, decide, verdict_json
from ci_guard.model.location import Location
from ci_guard.model.ports import Progress
from ci_guard.model.record import field, record, replace
from ci_guard.model.report import Notice, Report, Unjudged, Verdict
from ci_guard.pipeline import attest as attesting
from ci_guard.pipeline.dependencies.advisories import ask, database_digests
from ci_guard.pipeline.deps import judge_gathered
from ci_guard.pipeline.evidence import Evidence, digest_of, policy_digests
from ci_guard.pipeline.gate import head_of, options_in_force
from ci_guard.pipeline.lint import lint
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.manifests.joined import judge_joins
from ci_guard.pipeline.manifests.namespaces import judge_namespaces
from ci_guard.pipeline.materials.gathering import Gathered, gather_locks
from ci_guard.pipeline.policy.boundary import lock_in_force
from ci_guard.pipeline.sbom import render as render_sbom
from ci_guard.pipeline.session import Session
from ci_guard.pipeline.verification.artifact import pull_request
from ci_guard.report import render
from ci_guard.report.sarif import frameworks
from ci_guard.report.style import Style
from ci_guard.sarif.writer import CATEGORIES
from ci_guard.sarif.writer import write as write_sarif
from ci_guard.sbom.metadata import Metadata, timestamp
from ci_guard.source.edit import replace_file
from ci_guard.source.files import SourceFile, read_file, read_or_none, walk
from ci_guard.workflows.files import is_workflow

if TYPE_CHECKING:
    from ci_guard.attestation.signatory import Signatory

SARIF_FILE = "ci-guard.sarif"
UPLOAD_FILE = "upload.sarif"
CYCLONEDX_FILE = "sbom.cdx.json"
SPDX_FILE = "sbom.spdx.json"
VSA_FILE = "vsa.sigstore.json"
REPORT_FILE = "report.md"
VERDICT_FILE = "verdict.json"
FILES = (
    *(SARIF_FILE, UPLOAD_FILE, CYCLONEDX_FILE, SPDX_FILE),
    *(attesting.PROVENANCE_FILE, attesting.SBOM_FILE, VSA_FILE, REPORT_FILE, VERDICT_FILE),
)
"""What a run leaves, in this order; without a key the three bundles are missing."""


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
    options: Mapping[str, Any] = field(default_factory=dict)


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
    job.images(gathered, linted)
    cyclonedx, spdx = job.sboms(gathered)
    bundles = job.attest(linted, cyclonedx)
    job.verify(linted, bundles)
    report, verdict = job.decide(linted)
    documents = {CYCLONEDX_FILE: cyclonedx, SPDX_FILE: spdx, **bundles}
    return Ran(report, verdict, job.write(report, verdict, documents, linted))


class _Job:
    """The stages of one run, in the order in which `run` calls them."""

    def __init__(self, request: RunRequest, progress: Progress) -> None:
        self.request = request
        self.session = replace(request.session, fixing=True)  # SARIF carries the edits
        self.progress = progress
        self.subjects = list(request.subjects)
        self.signatory: Signatory | None = None
        self.locks: dict[str, str] = {}
        self.commit = head_of(request.session.root)

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
        self._open_images(gathered, linted)
        for lock in gathered.locks:
            self.locks[lock.path] = hashlib.sha256(read_file(session.root, lock.path)).hexdigest()
            self._take_digest(lock.path)
        words = f"{len(gathered.locks)} locks, {sum(len(lock.components) for lock in gathered.locks)} entries"
        self.progress.done(words)
        return gathered

    def _open_images(self, gathered: Gathered, linted: Linted) -> None:
        """What the images at hand contain; one that cannot be read is unknown in the documents, and not judged."""
        options = self.request.options
        if not options.get("image_archive"):
            return
        from ci_guard.pipeline.materials.images import archived_images

        gathered.images = archived_images(options["image_archive"], gathered.workloads, options.get("platform", ""))
        for content in gathered.images.contents:
            for text in content.unread:
                ref = content.components[0].ref
                linted.judged.unjudged.append(Unjudged("", ref, text, Location(ref)))
        unused = (f"{place}: no workload names an image of it" for place in gathered.images.unused)
        linted.judged.notices += [Notice(text) for text in unused]

    def dependencies(self, gathered: Gathered, linted: Linted) -> None:
        """Judge every entry of the locks and every `uses:` of the workflows."""
        self.progress.stage("deps", "pins, hashes, advisories")
        before = linted.judged.subjects
        session = self.session
        options = {**self.request.options, "online": self.request.online}
        asked = ask(session.root, session.policy, session.today, self.request.environ, options)
        self.session = replace(self.session, advisories=asked)
        lock = lock_in_force(session.policy)
        judge_gathered(session.lint_request(), session.rules, gathered, linted, asked, lock, session.before)
        self.progress.done(f"{linted.judged.subjects - before} lock entries and workflow steps")

    def images(self, gathered: Gathered, linted: Linted) -> None:
        """Judge the deployed images by their signatures, where the policy says whose count."""
        session = self.session
        if not session.config.images:
            return
        if not self.request.online:
            words = "whose signature the deployed images carry was not judged: asking registries needs --online"
            linted.judged.notices.append(Notice(words))
            return
        from ci_guard.pipeline.verification.deployed_images import judge_images
        from ci_guard.pipeline.verification.registries import network_by

        self.progress.stage("images", "signatures in registries")
        network = network_by(session.config, session.root, self.request.environ)
        judged = judge_images(session, gathered.workloads, network, linted)
        self.progress.done(f"{judged} deployed images")

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
            "inputs": digest_of(linted.digests),
            "rules": self.session.rules.catalogue.digest,
            "config": digest_of(policy_digests(self.session.policy)),
            "databases": digest_of(database_digests(self.session.advisories)),
        }
        report = self.session.report(linted, commit=self.commit, digests=digests)
        ratchet = self.session.policy.ratchet
        policy = GatePolicy(self.session.config.fail_on, allow_empty=self.request.allow_empty, ratchet=ratchet)
        return report, decide(report, policy)

    def write(self, report: Report, verdict: Verdict, documents: Mapping[str, bytes], linted: Linted) -> list[Path]:
        """Write the files; a file of an earlier run that this one does not make is removed."""
        self.progress.stage("report", "SARIF, Markdown, verdict")
        read = partial(read_or_none, self.session.root)
        known = frameworks()
        made = {
            **documents,
            SARIF_FILE: write_sarif(report, read, categories=CATEGORIES, taxonomies=known),
            UPLOAD_FILE: write_sarif(report, read, suppressed=False, categories=CATEGORIES, taxonomies=known),
            REPORT_FILE: render("markdown", report, verdict, Style(), read).encode("utf-8", "backslashreplace"),
        }
        evidence = self._evidence(linted, made[SARIF_FILE])
        made[VERDICT_FILE] = verdict_json(verdict, report, evidence.document())
        if summary := self._summary(verdict, evidence):
            made[VSA_FILE] = summary
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

    def _evidence(self, linted: Linted, results: bytes) -> Evidence:
        """What the verdict rests on; `results` is our SARIF, from which it can be derived again."""
        session = self.session
        policy, options = session.policy, options_in_force(self.request.options, self.request.environ, session.policy)
        chosen = {"fail_on": session.config.fail_on, "allow_empty": self.request.allow_empty}
        return Evidence(
            kind="run",
            results={SARIF_FILE: hashlib.sha256(results).hexdigest()},
            day=session.today,
            inputs={**linted.digests, **self.locks, **self._workflows()},
            databases=database_digests(session.advisories),
            policy=policy_digests(policy),
            base=policy.base.commit if policy.base is not None else "",
            options={**options, **chosen},
            rules=session.rules.catalogue.digest,
        )

    def _workflows(self) -> dict[str, str]:
        """The digests of the workflows that were judged."""
        session = self.session
        wants = session.lint_request().wants
        found = [f.path for f in walk(session.root, session.targets) if isinstance(f, SourceFile)]
        judged = (path for path in found if is_workflow(path) and wants(path))
        data = ((path, read_or_none(session.root, path)) for path in judged)
        return {path: hashlib.sha256(content).hexdigest() for path, content in data if content is not None}

    def _summary(self, verdict: Verdict, evidence: Evidence) -> bytes:
        """The signed summary, b"" when nothing is signed here: `attest` has said why."""
        who, environ = self.signatory, self.request.environ
        if who is None:
            return b""
        from ci_guard.pipeline.signing.summary import summary

        about = sorted(set(self.subjects))
        return summary(verdict, evidence, about, commit=self.commit, signer=lambda: who, environ=environ)[0]

    def _take_digest(self, path: str) -> None:
        if not self.request.subjects:
            digest = hashlib.sha256(read_file(self.session.root, path)).hexdigest()
            self.subjects.append((path, digest))
