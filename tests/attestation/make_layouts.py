"""Writes `layouts/`: supply chains, good and broken, by in-toto's own models and signers. Run by hand, kept in git.

    python -m tests.attestation.make_layouts

Keys are made anew each time and thrown away; nothing signs with them but this.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from in_toto.models.layout import Inspection, Layout, Step
from in_toto.models.link import Link
from in_toto.models.metadata import Envelope, Metablock
from securesystemslib.signer import CryptoSigner

FOLDER = Path(__file__).parent / "layouts"
PRODUCT = b"the product\n"
LATER = "2099-01-01T00:00:00Z"


def signers() -> dict[str, CryptoSigner]:
    return {
        "owner": CryptoSigner.generate_ecdsa(),
        "writer": CryptoSigner.generate_ed25519(),
        "builder": CryptoSigner.generate_rsa(),
        "second": CryptoSigner.generate_ecdsa(),
        "stranger": CryptoSigner.generate_ed25519(),
    }


WHO = signers()


def key_of(name: str) -> dict[str, Any]:
    key = WHO[name].public_key
    return {**key.to_dict(), "keyid": key.keyid}


def id_of(name: str) -> str:
    return WHO[name].public_key.keyid


def hashed(text: bytes) -> dict[str, str]:
    return {"sha256": hashlib.sha256(text).hexdigest()}


def steps(threshold: int = 1) -> list[Step]:
    return [
        Step(
            name="write",
            pubkeys=[id_of("writer")],
            expected_command=["vi", "app.c"],
            expected_products=[["CREATE", "app.c"], ["DISALLOW", "*"]],
        ),
        Step(
            name="build",
            pubkeys=[id_of("builder"), id_of("second")],
            threshold=threshold,
            expected_command=["make"],
            expected_materials=[["MATCH", "app.c", "WITH", "PRODUCTS", "FROM", "write"], ["DISALLOW", "*"]],
            expected_products=[["REQUIRE", "app"], ["CREATE", "app"], ["ALLOW", "app.c"], ["DISALLOW", "*"]],
        ),
    ]


def layout(**changed: Any) -> Layout:
    keys = {id_of(name): key_of(name) for name in ("writer", "builder", "second")}
    return Layout(**{"steps": steps(), "keys": keys, "expires": LATER, **changed})


def links() -> dict[str, tuple[str, Link]]:
    """Step -> who signs, link."""
    source = {"app.c": hashed(b"int main;\n")}
    made = {**source, "app": hashed(PRODUCT)}
    return {
        "write": ("writer", Link(name="write", command=["vi", "app.c"], products=source)),
        "build": ("builder", Link(name="build", command=["make"], materials=source, products=made)),
    }


def signed(payload: Any, who: str, dsse: bool = False) -> Any:
    metadata = Envelope.from_signable(payload) if dsse else Metablock(signed=payload, compact_json=True)
    metadata.create_signature(WHO[who])
    return metadata


@dataclass
class Case:
    """A folder: the layout, its links, and what is expected."""

    name: str
    step: str = ""
    in_toto: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def put(self, name: str, metadata: Any) -> Case:
        self.files[name] = json.dumps(metadata.to_dict(), sort_keys=True).encode()
        return self

    def write(self) -> None:
        folder = FOLDER / ("broken" if self.step else "good") / self.name
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        facts = {"step": self.step, "in-toto": self.in_toto or ("refuses" if self.step else "accepts"), **self.facts}
        (folder / "expected.json").write_text(json.dumps(facts, indent=1) + "\n")


def chain(name: str, step: str = "", *, dsse: bool = False, in_toto: str = "", **changed: Any) -> Case:
    case = Case(name, step, in_toto).put("root.layout", signed(layout(**changed), "owner", dsse))
    for link_step, (who, link) in links().items():
        case.put(f"{link_step}.{id_of(who)[:8]}.link", signed(link, who, dsse))
    return case


def link_name(step: str, who: str) -> str:
    return f"{step}.{id_of(who)[:8]}.link"


def edited(case: Case, name: str, change: Callable[[dict[str, Any]], None]) -> Case:
    value = json.loads(case.files[name])
    change(value)
    case.files[name] = json.dumps(value).encode()
    return case


def good() -> list[Case]:
    both = chain("threshold-of-two", steps=steps(2))
    both.put(link_name("build", "second"), signed(links()["build"][1], "second"))
    other = chain("another-command")
    other.put(link_name("write", "writer"), signed(_but(links()["write"][1], command=["emacs"]), "writer"))
    other.facts["warned"] = "commands"
    mixed = chain("dsse-layout-metablock-links")
    mixed.put("root.layout", signed(layout(), "owner", dsse=True))
    return [chain("metablock"), chain("dsse", dsse=True), both, other, mixed, sub("sublayout")]


def sub(name: str, step: str = "", **changed: Any) -> Case:
    """The step `build` is delegated: the builder lays down steps of their own."""
    inner_keys = {id_of("second"): key_of("second")}
    inner_step = Step(name="compile", pubkeys=[id_of("second")], expected_products=[["ALLOW", "*"]])
    inner = Layout(**{"steps": [inner_step], "keys": inner_keys, "expires": LATER, **changed})
    case = chain(name, step).put(link_name("build", "builder"), signed(inner, "builder"))
    compiled = _but(links()["build"][1], name="compile")
    folder = f"build.{id_of('builder')[:8]}"
    return case.put(f"{folder}/{link_name('compile', 'second')}", signed(compiled, "second"))


def _but(link: Link, **changed: Any) -> Link:
    names = ("name", "command", "materials", "products", "byproducts", "environment")
    return Link(**{**{name: getattr(link, name) for name in names}, **changed})


def broken_layouts() -> list[Case]:
    keys = {id_of(name): key_of(name) for name in ("writer", "builder", "second")}
    copy = "0" * 64
    two_names = {**keys, copy: {**keys[id_of("builder")], "keyid": copy}}
    path = steps()
    path[0].name = "../write"
    none = steps()
    none[0].threshold = 0
    cases = [
        chain("no-steps", "layout", in_toto="accepts", steps=[]),
        chain("threshold-of-nothing", "layout", in_toto="accepts", steps=none),
        chain("one-key-twice", "layout", in_toto="accepts", keys=two_names),
        chain("step-is-a-path", "layout", steps=path),
        chain("expired", "expiry", expires="2020-01-01T00:00:00Z"),
        Case("a-link", "layout").put("root.layout", signed(links()["write"][1], "owner")),
        Case("not-json", "layout", files={"root.layout": b"{"}),
        Case("a-list", "layout", files={"root.layout": b"[]"}),
        chain("signed-by-a-stranger", "signature").put("root.layout", signed(layout(), "stranger")),
        edited(chain("changed", "signature"), "root.layout", lambda v: v["signed"].update(readme="changed")),
        edited(chain("unsigned", "signature"), "root.layout", lambda v: v.update(signatures=[])),
    ]
    doubled = chain("same-field-twice", "layout", in_toto="accepts")
    doubled.files["root.layout"] = doubled.files["root.layout"].replace(b'{"signatures"', b'{"signed":{},"signatures"')
    foreign = chain("foreign-payload-type", "layout", dsse=True, in_toto="refuses")
    edited(foreign, "root.layout", lambda v: v.update(payloadType="application/json"))
    flipped = chain("payload-changed", "signature", dsse=True)
    payload = base64.b64encode(json.dumps({**json.loads(_payload(flipped)), "readme": "x"}).encode()).decode()
    edited(flipped, "root.layout", lambda v: v.update(payload=payload))
    return [*cases, doubled, foreign, flipped]


def _payload(case: Case) -> bytes:
    return base64.b64decode(json.loads(case.files["root.layout"])["payload"])


def broken_links() -> list[Case]:
    missing = chain("link-missing", "links")
    del missing.files[link_name("write", "writer")]
    garbage = chain("link-not-json", "links")
    garbage.files[link_name("write", "writer")] = b"\x00"
    stranger = chain("link-by-a-stranger", "links")
    stranger.put(link_name("write", "writer"), signed(links()["write"][1], "stranger"))
    changed = chain("link-changed", "links")
    edited(changed, link_name("build", "builder"), lambda v: v["signed"]["products"].update(evil={"sha256": "00"}))
    one = chain("one-person-of-two", "links", steps=steps(2))
    one.put(link_name("build", "second"), signed(links()["build"][1], "builder"))
    replayed = chain("link-of-another-step", "links", in_toto="accepts", steps=[*steps()[:1], _again()])
    replayed.put(link_name("again", "writer"), signed(links()["write"][1], "writer"))
    disagree = chain("links-disagree", "agreement", steps=steps(2))
    other = _but(links()["build"][1], products={"app": hashed(b"another")})
    disagree.put(link_name("build", "second"), signed(other, "second"))
    return [missing, garbage, stranger, changed, one, replayed, disagree]


def _again() -> Step:
    return Step(name="again", pubkeys=[id_of("writer")], expected_products=[["ALLOW", "*"]])


def broken_chains() -> list[Case]:
    swapped = chain("source-swapped", "rules")
    link = _but(links()["build"][1], materials={"app.c": hashed(b"evil\n")})
    swapped.put(link_name("build", "builder"), signed(link, "builder"))
    more = chain("product-too-many", "rules")
    link = links()["build"][1]
    link = _but(link, products={**link.products, "evil": hashed(b"evil")})
    more.put(link_name("build", "builder"), signed(link, "builder"))
    without = chain("product-missing", "rules")
    link = _but(link, products={"app.c": link.products["app.c"]})
    without.put(link_name("build", "builder"), signed(link, "builder"))
    late = sub("sublayout-expired", "sublayouts", expires="2020-01-01T00:00:00Z")
    lost = sub("sublayout-link-missing", "sublayouts")
    for name in [name for name in lost.files if "/" in name]:
        del lost.files[name]
    other = chain("another-product", "product", in_toto="accepts")
    other.facts["artifact"] = "another product\n"
    return [swapped, more, without, late, lost, other]


def unjudged() -> list[Case]:
    """Only executing what they say would tell whether they hold."""
    look = Inspection(name="look", run=["touch", "looked"], expected_products=[["ALLOW", "*"]])
    case = chain("inspections", "unjudged", inspect=[look])
    inner = sub("inspections-of-a-sublayout", "unjudged", inspect=[look])
    for one in (case, inner):
        one.in_toto = "accepts"
    return [case, inner]


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    cases = [*good(), *broken_layouts(), *broken_links(), *broken_chains(), *unjudged()]
    for case in cases:
        case.write()
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    for name in ("owner", "stranger"):
        public = WHO[name]._private_key.public_key()
        (FOLDER / f"{name}.pub").write_bytes(public.public_bytes(serialization.Encoding.PEM, kind))
    (FOLDER / "product").write_bytes(PRODUCT)


if __name__ == "__main__":
    main()
