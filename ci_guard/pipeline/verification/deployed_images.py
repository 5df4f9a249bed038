"""The images that manifests deploy, verified in their registries by whom the policy trusts; each verdict at its line.

What is found are facts on image subjects; the rules in `rules/provenance/` judge them. Each image is asked for once,
however often it is deployed. One that cannot be asked for is not judged, and that is said: never "passed".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ci_guard.attestation import keyless, verification
from ci_guard.attestation.artifact import Artifact
from ci_guard.attestation.identity import IdentityPolicy, pattern
from ci_guard.attestation.keys import read_public_key
from ci_guard.attestation.policy import Expectations, predicate_type
from ci_guard.attestation.trustedroot import TrustedRoot
from ci_guard.attestation.trustedroot import read as read_roots
from ci_guard.attestation.verdict import Verdict
from ci_guard.config.globs import any_matches
from ci_guard.config.trust import ImageTrust, TrustedSigner
from ci_guard.engine.evaluation import Judge
from ci_guard.model.errors import ConfigError, InputError, ServiceError, UsageError, VerificationError
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import record, replace
from ci_guard.model.report import Notice, Unjudged
from ci_guard.model.subject import Subject
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.session import Session
from ci_guard.pipeline.verification.image import Examine, Piece, evidence
from ci_guard.pipeline.verification.image_reference import ImageReference
from ci_guard.pipeline.verification.registries import Network
from ci_guard.pipeline.verification.trust import PUBLIC_GOOD, open_roots
from ci_guard.sbom.deployed import DeployedImage, Workload
from ci_guard.sbom.facts import EntryPosition

if TYPE_CHECKING:
    from ci_guard.attestation.notary.verification import Trust
    from ci_guard.services.registry import Descriptor, Repository

EACH = "image"
TYPE = "deployed"  # of images that builds start from nobody asks here who signed them
CATEGORIES = frozenset({"provenance", "input", "policy"})
"""The folders of rules by which deployed images are judged."""
_LONGEST_REASON = 400


@record
class Trusting:
    """One entry of `images:`, ready to examine with: whose signature counts, and what must be attested.

    `examine` judges bundles; `notary` are those whose signatures of the Notary Project count.
    """

    entry: ImageTrust
    examine: Examine
    notary: tuple[Trust, ...] = ()

    def demands(self) -> list[tuple[str, str]]:
        """Predicate types as written, and their URIs."""
        return [(name, predicate_type(name)) for name in self.entry.attested]


def trusting(entries: Sequence[ImageTrust], read: ReadBytes) -> list[Trusting]:
    """The entries of `images:`; `read` gives their keys and roots from where policy is read. Raises ConfigError."""
    found = []
    for entry in entries:
        line = entry.location.region.start_line if entry.location and entry.location.region else 0
        path = entry.location.path if entry.location else ""
        try:
            examiners = [_examiner(signer, read) for signer in entry.signed_by if not signer.notation]
            notary = [_notary(signer, read) for signer in entry.signed_by if signer.notation]
            one = Trusting(entry, _any_of(examiners), tuple(notary))
            one.demands()
        except (UsageError, InputError, VerificationError) as problem:
            raise ConfigError(str(problem), path=path, line=line) from None
        found.append(one)
    return found


def _notary(signer: TrustedSigner, read: ReadBytes) -> Trust:
    from ci_guard.pipeline.verification.notary import trust_in

    return trust_in(_file(signer.notation, read), signer.notation, signer.subject)


def _examiner(signer: TrustedSigner, read: ReadBytes) -> Examine:
    wanted = Expectations()
    if signer.key:
        key = read_public_key(_file(signer.key, read), signer.key)
        return lambda data, artifact: verification.examine(data, artifact, key, wanted, ())
    roots = _roots(signer, read)
    matching = pattern(signer.identity_regexp) if signer.identity_regexp else None
    trust = keyless.Trust(roots, IdentityPolicy(signer.issuer, signer.identity, matching, {}))
    return lambda data, artifact: keyless.examine(data, artifact, trust, wanted)


def _roots(signer: TrustedSigner, read: ReadBytes) -> tuple[TrustedRoot, ...]:
    if not signer.trusted_root:
        return open_roots([], PUBLIC_GOOD)
    return tuple(read_roots(_file(signer.trusted_root, read), signer.trusted_root))


def _file(path: str, read: ReadBytes) -> bytes:
    data = read(path)
    if data is None:
        raise ConfigError("there is no such file where the policy is read from", path=path)
    return data


def _any_of(examiners: Sequence[Examine]) -> Examine:
    """The first good verdict, else the refusal that came furthest."""

    def examine(data: bytes, artifact: Artifact) -> Verdict:
        verdicts = [Verdict(False, (), reason="only signatures of the Notary Project count")]
        for one in examiners:
            verdict = one(data, artifact)
            if verdict.verified:
                return verdict
            verdicts.append(verdict)
        return max(verdicts, key=lambda verdict: len(verdict.steps))

    return examine


def judge_images(session: Session, workloads: Sequence[Workload], network: Network | None, into: Linted) -> int:
    """Judge the images of `workloads` by the policy in force; returns how many. Raises ConfigError, InputError."""
    trusted = trusting(session.config.images, session.policy.read)
    return ImageJudge(Judge(session.rules.selection), trusted, network, into).judge(workloads)


class ImageJudge:
    """Judges deployed images; adds to the verdicts of the manifests. `network` None: nobody may be asked."""

    def __init__(self, judge: Judge, trusted: Sequence[Trusting], network: Network | None, into: Linted) -> None:
        self._judge = judge
        self._trusted = trusted
        self._network = network
        self._into = into
        self._asked: dict[tuple[str, str], tuple[str, tuple[Piece, ...]] | str] = {}

    def judge(self, workloads: Sequence[Workload]) -> int:
        """Judge every image of every workload; returns how many were judged."""
        judged, nobodys = 0, 0
        for workload, image in _uses(workloads):
            reference = ImageReference(*(str(image.facts[k]) for k in ("registry", "repository", "tag", "digest")))
            trusted = next((t for t in self._trusted if any_matches(t.entry.match, reference.name)), None)
            if trusted is None:
                nobodys += 1
                continue
            judged += self._one(workload, image, reference, trusted)
        if nobodys:
            words = f"{nobodys} images match no entry of `images:`, so nobody was asked whether they are signed"
            self._into.judged.notices.append(Notice(words))
        return judged

    def _one(self, workload: Workload, image: DeployedImage, reference: ImageReference, trusted: Trusting) -> bool:
        key = (reference.name, reference.wanted)
        if key not in self._asked:
            self._asked[key] = self._ask(reference, trusted)
        found = self._asked[key]
        named = str(image.facts["reference"])
        if isinstance(found, str):
            self._into.judged.unjudged.append(Unjudged("", named, found, image.location))
            return False
        subject = _subject(workload, image, found[0], found[1], trusted)
        judgement = self._judge.judge(subject)
        self._into.judged.keep(judgement)
        self._into.judged.subjects += 1
        self._into.suppressions.observe(image.location.path, subject.id, judgement.evaluated.keys())
        return True

    def _ask(self, image: ImageReference, trusted: Trusting) -> tuple[str, tuple[Piece, ...]] | str:
        """The digest and all evidence of an image, or why there is no telling."""
        if self._network is None:
            return "not judged: asking its registry needs --online"
        try:
            with self._network.repository(image) as repository:
                found = repository.resolve(image.wanted)
                pieces = evidence(repository, found.digest, trusted.examine)
                if trusted.notary and not any(piece.signs for piece in pieces):
                    pieces += _notary_pieces(repository, found, trusted.notary)
                return found.digest, pieces
        except (ServiceError, InputError) as problem:
            return str(problem)


def _notary_pieces(repository: Repository, image: Descriptor, trusted: tuple[Trust, ...]) -> tuple[Piece, ...]:
    from ci_guard.pipeline.verification.notary import pieces

    return pieces(repository, image, trusted)


def _uses(workloads: Sequence[Workload]) -> Iterator[tuple[Workload, DeployedImage]]:
    for workload in workloads:
        for image in workload.images:
            if image.facts.get("valid"):
                yield workload, image


def _subject(
    workload: Workload, image: DeployedImage, digest: str, pieces: Sequence[Piece], trusted: Trusting
) -> Subject:
    demanded = [
        {"type": name, "state": _state(pieces, [piece.attests(uri) for piece in pieces])}
        for name, uri in trusted.demands()
    ]
    facts: dict[str, Any] = {
        "type": TYPE,
        **image.facts,
        "resolved": digest,
        "signature": _state(pieces, [piece.signs for piece in pieces]),
        "refused": _refused(pieces),
        "demanded": demanded,
    }
    place: Location = image.location
    id = replace(workload.id, container=str(image.facts["reference"]))
    return Subject(EACH, id, (), EntryPosition(place.path, place), {"image": facts}, match={"type": TYPE})


def _state(pieces: Sequence[Piece], good: Sequence[bool]) -> str:
    """`good`; `refused`: there is evidence, and none that holds; `none`: nothing of the kind."""
    if any(good):
        return "good"
    return "refused" if any(not piece.verdict.verified for piece in pieces) else "none"


def _refused(pieces: Sequence[Piece]) -> str:
    reasons = "; ".join(f"{_brief(p.name)}: {p.verdict.reason}" for p in pieces if not p.verdict.verified)
    return reasons if len(reasons) <= _LONGEST_REASON else f"{reasons[:_LONGEST_REASON]}…"


def _brief(name: str) -> str:
    return re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]+", r"\1…", name)
