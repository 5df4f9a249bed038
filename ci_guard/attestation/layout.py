"""Was a supply chain carried out as its owner laid it down? in-toto's layouts, numbered steps as in `verification`.

    1 layout           the layout is well-formed, within bounds
    2 signature        every key that was given signed it
    3 expiry           it has not expired
    4 inspections      it executes nothing, or that was allowed
    5 links            each step has as many links as demanded, each signed by another one of its functionaries
    6 sublayouts       steps that were delegated hold by themselves, in the same way
    7 commands         what was run is what was expected; a difference is a warning, as the specification wants it
    8 agreement        the links of one step agree on materials and products
    9 rules            materials and products of the steps follow the artifact rules
    10 inspection      the inspections ended well, and what they left follows their rules
    11 product         the artifact is a product of the last step

The trust is the keys. No file is read and nothing is run here: links come from a function, and so do the results of
inspections. Only VerificationError comes out, whatever the links say; a layout that cannot be judged without executing
what it says, and a link that cannot be read, is InputError.

Source: in-toto specification 1.0, section 5.2 (verifying the final product).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from in_toto import verifylib
from in_toto.models.link import Link

from ci_guard.attestation.artifact import Artifact
from ci_guard.attestation.intoto import envelope_of, read, refusing
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.verdict import Trace, Verdict, count
from ci_guard.model.errors import InputError, VerificationError
from ci_guard.model.record import record, replace

STEPS = (
    "layout",
    "signature",
    "expiry",
    "inspections",
    "links",
    "sublayouts",
    "commands",
    "agreement",
    "rules",
    "inspection",
    "product",
)
_MAX_NESTING = 8

Hashes = Mapping[str, Mapping[str, str]]
"""Path -> algorithm -> hex."""
Links = Callable[[tuple[str, ...], str], bytes | None]
"""The bytes of a link by its folder (below where the links are) and name, None when there is none."""


@record
class Inspected:
    """What an inspection did: the files before and after, and how its command ended."""

    materials: Hashes
    products: Hashes
    ended: int


Inspect = Callable[[str, Sequence[str]], Inspected]
"""Runs the command (words) of the inspection (name)."""


@record
class Chain:
    """What a layout is verified against. `inspect` is None unless the user allowed the layout to execute commands."""

    keys: Mapping[str, Mapping[str, Any]]
    links: Links
    now: datetime
    inspect: Inspect | None = None
    folder: tuple[str, ...] = ()


def examine(data: bytes, chain: Chain, artifact: Artifact | None) -> Verdict:
    """The verdict on the layout in `data`, and on `artifact` as its product. Raises InputError."""
    trace = Trace(STEPS)
    try:
        with trace.step("layout") as detail:
            metadata = read(data, "layout", ["layout"])
            detail.append(f"{len(data):,} bytes, {envelope_of(metadata)}, {_inventory(metadata.get_payload())}")
        summary = _judge(metadata, chain, trace)
        _check_product(summary, artifact, trace)
    except VerificationError as refusal:
        return Verdict(False, tuple(trace.steps), reason=str(refusal))
    return Verdict(True, tuple(trace.steps), identity=f"key {', '.join(sorted(key[:16] for key in chain.keys))}")


def _inventory(layout: Any) -> str:
    steps, inspections = count(len(layout.steps), "step"), count(len(layout.inspect), "inspection")
    return f"{steps}, {inspections}, {count(len(layout.keys), 'key')}"


def _judge(metadata: Any, chain: Chain, trace: Trace) -> Link:
    """Steps 2 to 10; the link that sums the layout up. Raises VerificationError, InputError."""
    layout = metadata.get_payload()
    with trace.step("signature") as detail, refusing("not signed by every given key"):
        verifylib.verify_metadata_signatures(metadata, dict(chain.keys))
        detail.append(f"by {count(len(chain.keys), 'given key')}: {', '.join(key[:16] for key in chain.keys)}")
    with trace.step("expiry") as detail, refusing("the expiry"):
        _check_expiry(layout.expires, chain.now)
        detail.append(f"until {layout.expires}")
    _need_inspections(layout, chain, trace)
    with trace.step("links") as detail:
        found = _signed_links(layout, chain)
        detail += [_who(step, found[step.name]) for step in layout.steps]
    with trace.step("sublayouts") as detail:
        links = {name: _links_of_step(name, signed, layout, chain) for name, signed in found.items()}
        delegated = [name for name, signed in found.items() if any(_is_layout(one) for one in signed.values())]
        detail.append(f"{', '.join(map(quoted, delegated))} held" if delegated else "none")
    _compare_commands(layout, links, trace)
    with trace.step("agreement") as detail, refusing("the links disagree"):
        verifylib.verify_threshold_constraints(layout, links)
        detail.append(f"{count(sum(map(len, links.values())), 'link')} of {count(len(links), 'step')}")
    reduced = verifylib.reduce_chain_links(links)
    with trace.step("rules") as detail, refusing("the artifact rules"):
        verifylib.verify_all_item_rules(layout.steps, reduced)
        detail.append(count(sum(len(s.expected_materials) + len(s.expected_products) for s in layout.steps), "rule"))
    _run_inspections(layout, reduced, chain, trace)
    summary: Link = verifylib.get_summary_link(layout, reduced, "")
    return summary


def _check_expiry(expires: str, now: datetime) -> None:
    """That the layout has not expired; ValueError for a day that does not exist."""
    until = datetime.strptime(expires, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    if until <= now:
        raise VerificationError(f"the layout expired at {expires}")


def _need_inspections(layout: Any, chain: Chain, trace: Trace) -> None:
    """Step 4. A layout says what is executed here, so it is asked for by hand or not judged at all."""
    if not layout.inspect:
        trace.skip("inspections", "the layout has none")
        return
    names = ", ".join(quoted(inspection.name) for inspection in layout.inspect)
    if chain.inspect is None and chain.folder:
        raise InputError(
            f"the sublayout in {'/'.join(chain.folder)} has inspections ({names}): commands of a functionary are "
            "never executed, so it cannot be judged"
        )
    if chain.inspect is None:
        raise InputError(
            f"the layout has inspections ({names}), which execute commands on this machine: without them it cannot be "
            "judged, and they run only with --run-inspections DIR"
        )
    with trace.step("inspections") as detail:
        detail.append(f"allowed on the command line: {names}")


def _signed_links(layout: Any, chain: Chain) -> dict[str, dict[str, Any]]:
    """The links (or layouts) of each step by the id of who signed them, each signature verified."""
    found: dict[str, dict[str, Any]] = {}
    for step in layout.steps:
        read_links = {key: link for key in step.pubkeys if (link := _link(step.name, key, chain)) is not None}
        if len(read_links) < step.threshold:
            said = f"{count(len(read_links), 'link')}, expected at least {step.threshold}"
            raise VerificationError(f"step {quoted(step.name)} has {said}")
        found[step.name] = read_links
    with refusing("the links"):
        signed: dict[str, dict[str, Any]] = verifylib.verify_link_signature_thresholds(layout, found)
    for name, links in signed.items():
        for metadata in links.values():
            if not _is_layout(metadata) and metadata.get_payload().name != name:
                other = quoted(str(metadata.get_payload().name))
                raise VerificationError(f"a link of step {quoted(name)} speaks of step {other}")
    return signed


def _link(step: str, key: str, chain: Chain) -> Any:
    name = f"{step}.{key[:8]}.link"
    data = chain.links(chain.folder, name)
    return None if data is None else read(data, f"link {quoted('/'.join([*chain.folder, name]))}", ["link", "layout"])


def _who(step: Any, signed: Mapping[str, Any]) -> str:
    return f"{quoted(step.name)}: {len(signed)} of {step.threshold} by {', '.join(key[:8] for key in signed)}"


def _is_layout(metadata: Any) -> bool:
    return bool(metadata.get_payload().type_ == "layout")


def _links_of_step(name: str, signed: Mapping[str, Any], layout: Any, chain: Chain) -> dict[str, Any]:
    """The links of one step by key; a layout is verified and replaced by the link that sums it up."""
    return {
        key: _delegated(name, key, metadata, layout, chain) if _is_layout(metadata) else metadata.get_payload()
        for key, metadata in signed.items()
    }


def _delegated(name: str, key: str, metadata: Any, layout: Any, chain: Chain) -> Link:
    if len(chain.folder) >= _MAX_NESTING:
        raise VerificationError(f"layouts are nested more than {_MAX_NESTING} levels deep")
    folder = (*chain.folder, f"{name}.{key[:8]}")
    below = replace(chain, keys={key: layout.keys[key]}, inspect=None, folder=folder)
    try:
        return _judge(metadata, below, Trace(STEPS))
    except VerificationError as refusal:
        raise VerificationError(f"sublayout {'/'.join(folder)}: step {refusal.step}: {refusal}") from None


def _compare_commands(layout: Any, links: Mapping[str, Mapping[str, Any]], trace: Trace) -> None:
    """Step 7: a functionary may call a program by another name, so a difference is told and refuses nothing."""
    different = [
        f"step {quoted(step.name)} ran {quoted(' '.join(link.command))}, expected "
        f"{quoted(' '.join(step.expected_command))}"
        for step in layout.steps
        for link in links[step.name].values()
        if step.expected_command and link.command != step.expected_command
    ]
    if different:
        trace.warn("commands", "; ".join(different))
        return
    with trace.step("commands") as detail:
        detail.append(f"of {count(sum(bool(step.expected_command) for step in layout.steps), 'step')}")


def _run_inspections(layout: Any, reduced: Mapping[str, Any], chain: Chain, trace: Trace) -> None:
    """Step 10. The rules of the steps held before: nothing is executed on what was tampered with."""
    if not layout.inspect or chain.inspect is None:
        trace.skip("inspection", "the layout has none")
        return
    with trace.step("inspection") as detail:
        links = dict(reduced)
        for inspection in layout.inspect:
            done = chain.inspect(inspection.name, inspection.run)
            if done.ended:
                raise VerificationError(f"inspection {quoted(inspection.name)} ended with {done.ended}")
            links[inspection.name] = Link(name=inspection.name, materials=done.materials, products=done.products)
        with refusing("the artifact rules"):
            verifylib.verify_all_item_rules(layout.inspect, links)
        detail.append(f"{', '.join(quoted(inspection.name) for inspection in layout.inspect)} ended well")


def _check_product(summary: Link, artifact: Artifact | None, trace: Trace) -> None:
    """Step 11. What the links say is worth little for a file that nobody compared with them."""
    if artifact is None:
        trace.skip("product", "no ARTIFACT was named: only what the links say was judged")
        return
    with trace.step("product") as detail:
        digest = artifact.digest("sha256")
        wanted = digest.hex() if digest else ""
        names = [name for name, hashes in summary.products.items() if hashes.get("sha256", "").lower() == wanted]
        if not names:
            raise VerificationError(f"{artifact.name} (sha256:{wanted}) is no product of the last step")
        detail.append(f"sha256:{wanted} is {quoted(names[0])}")
