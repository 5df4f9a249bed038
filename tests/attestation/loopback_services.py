"""The Sigstore of `loopback` with sockets: OIDC, Fulcio, Rekor v1 and v2, timestamps and TUF on 127.0.0.1.

    with Services() as services:
        services.token(); services.trust_config(2); services.faults["log"] = "down"

It checks what the real ones check: the token's signature, issuer, audience and time; the proof that the requester has
the key; the signature of every entry that is logged. `faults` makes a service misbehave, `asked` counts its calls.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from jwt.algorithms import RSAAlgorithm

from tests.attestation import der
from tests.attestation.loopback import HOST, HOST_2, Json, Recipe, Sigstore, Tree, b64, canonical, pae, sha

PERSON = "dev@acme.example"
REPOSITORY = "acme/app"
WORKFLOW = f"{REPOSITORY}/.github/workflows/release.yml@refs/heads/main"
SLOW_SECONDS = 10.0
_HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_BY_DETAILS = {"PKIX_ECDSA_P384_SHA_384": "sha384", "PKIX_ECDSA_P521_SHA_512": "sha512"}


class RefusedError(Exception):
    """A request that a real service would refuse as well."""

    def __init__(self, message: str, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}


def verify(key: Any, signature: bytes, digest: bytes, hash_name: str) -> None:
    """Raises RefusedError unless `signature` is the key's over the digest."""
    algorithm = Prehashed(_HASHES[hash_name])
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), algorithm)
        else:
            key.verify(signature, digest, ec.ECDSA(algorithm))
    except InvalidSignature:
        raise RefusedError("invalid signature") from None


def public_key(data: bytes) -> Any:
    """The key in a certificate or public key, PEM or DER."""
    if b"BEGIN CERTIFICATE" in data:
        return x509.load_pem_x509_certificate(data).public_key()
    if b"BEGIN" in data:
        return serialization.load_pem_public_key(data)
    try:
        return x509.load_der_x509_certificate(data).public_key()
    except ValueError:
        return serialization.load_der_public_key(data)


class Services:
    """All services on one port; `base` is their URL."""

    def __init__(self) -> None:
        self.ours = Sigstore()
        self.faults: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.logs: dict[str, list[bytes]] = {"v1": [], "v2": []}
        self.stored: dict[str, Json] = {}
        self.tuf: dict[str, bytes] = {}
        self.oidc_key = rsa.generate_private_key(65537, 2048)
        self._lock = threading.Lock()
        self._codes: dict[str, str] = {}
        handler = type("Handler", (_Handler,), {"services": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    # who signs

    @property
    def issuer(self) -> str:
        return f"{self.base}/oidc"

    def token(self, **claims: Any) -> str:
        """A person's token; `claims` replace its own, None leaves one out."""
        now = int(time.time())
        value = {
            "iss": self.issuer,
            "sub": "somebody",
            "aud": "sigstore",
            "iat": now,
            "nbf": now - 5,
            "exp": now + 300,
            "email": PERSON,
            "email_verified": True,
            **claims,
        }
        value = {name: claim for name, claim in value.items() if claim is not None}
        return jwt.encode(value, self.oidc_key, "RS256", {"kid": "1"})

    def workflow_token(self) -> str:
        """What a workflow's job gets."""
        return self.token(
            email=None,
            email_verified=None,
            sub=f"repo:{REPOSITORY}:ref:refs/heads/main",
            job_workflow_ref=WORKFLOW,
            repository=REPOSITORY,
            ref="refs/heads/main",
            event_name="push",
        )

    # what clients are told

    def signing_config(self, version: int, *, timestamps: bool = True, logs: bool = True) -> Json:
        def service(path: str, number: int = 1) -> Json:
            valid = {"start": "2024-07-01T00:00:00Z"}
            return {"url": self.base + path, "majorApiVersion": number, "validFor": valid, "operator": "acme"}

        return {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service("")],
            "oidcUrls": [service("/oidc")],
            "rekorTlogUrls": [service("", version)] if logs else [],
            "tsaUrls": [service("/api/v1/timestamp")] if timestamps else [],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        }

    def trust_config(self, version: int, **options: bool) -> Json:
        return {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": self.ours.trusted_root(),
            "signingConfig": self.signing_config(version, **options),
        }

    def write(self, folder: Path) -> None:
        """trust1.json, trust2.json, signing1.json, signing2.json, root.json, token."""
        for version in (1, 2):
            timestamps = version == 2
            config = self.trust_config(version, timestamps=timestamps)
            (folder / f"trust{version}.json").write_text(json.dumps(config))
            (folder / f"signing{version}.json").write_text(json.dumps(config["signingConfig"]))
        (folder / "root.json").write_text(json.dumps(self.ours.trusted_root()))
        (folder / "token").write_text(self.token())

    # the services

    def routes(self) -> dict[str, tuple[str, Callable[..., Any]]]:
        """Path prefix -> the service's name for `faults`, and what answers."""
        return {
            "/oidc/gha": ("identity", lambda _b, _p, _h: {"value": self.workflow_token()}),
            "/oidc/.well-known/openid-configuration": ("identity", self._discover),
            "/oidc/keys": ("identity", self._keys),
            "/oidc/auth": ("identity", self._log_in),
            "/oidc/token": ("identity", self._redeem),
            "/api/v2/signingCert": ("authority", self._certify),
            "/api/v1/timestamp": ("timestamps", self._stamp),
            "/api/v1/log/entries": ("log", self._log_1),
            "/api/v2/log/entries": ("log", self._log_2),
            "/api/v2/checkpoint": ("log", lambda _b, _p, _h: self._checkpoint("v2").encode()),
            "/api/v2/tile/0/": ("log", self._tile),
            "/tuf/": ("tuf", self._repository),
        }

    def _discover(self, body: bytes, path: str, headers: Any) -> Json:
        urls = {name: f"{self.issuer}/{name.partition('_')[0]}" for name in ("auth", "token_endpoint")}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": urls["auth"],
            "token_endpoint": urls["token_endpoint"],
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _keys(self, body: bytes, path: str, headers: Any) -> Json:
        key = RSAAlgorithm.to_jwk(self.oidc_key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": "1", "alg": "RS256", "use": "sig"}]}

    def _log_in(self, body: bytes, path: str, headers: Any) -> Json:
        """Somebody who always says yes."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        code = hashlib.sha256(path.encode()).hexdigest()
        self._codes[code] = query.get("nonce", "")
        raise RefusedError("", 302, {"Location": f"{query['redirect_uri']}?code={code}&state={query['state']}"})

    def _redeem(self, body: bytes, path: str, headers: Any) -> Json:
        code = parse_qs(body.decode())["code"][0]
        return {"access_token": self.token(nonce=self._codes.pop(code)), "token_type": "Bearer"}

    def _certify(self, body: bytes, path: str, headers: Any) -> Json:
        request = json.loads(body)
        bearer = (headers.get("Authorization") or "").removeprefix("Bearer ")
        raw = request.get("credentials", {}).get("oidcIdentityToken") or bearer
        try:
            claims = jwt.decode(
                raw, self.oidc_key.public_key(), ["RS256"], audience="sigstore", issuer=self.issuer, leeway=5
            )
        except jwt.InvalidTokenError as problem:
            raise RefusedError(f"There was an error processing the identity token: {problem}", 401) from None
        key = self._proven_key(request, claims)
        moment = datetime.now(UTC).replace(microsecond=0)
        certificate = self.ours.certificate(_Holder(key), self._recipe(claims), moment)
        chain = [certificate, self.ours.ca, self.ours.root]
        pems = [c.public_bytes(serialization.Encoding.PEM).decode() for c in chain]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": pems}}}

    def _proven_key(self, request: Json, claims: Json) -> Any:
        if "certificateSigningRequest" in request:
            csr = x509.load_pem_x509_csr(base64.b64decode(request["certificateSigningRequest"]))
            if not csr.is_signature_valid:
                raise RefusedError("The signature supplied in the request could not be verified")
            return csr.public_key()
        asked = request["publicKeyRequest"]
        key = serialization.load_pem_public_key(asked["publicKey"]["content"].encode())
        who = (claims.get("email") or claims["sub"]).encode()
        verify(key, base64.b64decode(asked["proofOfPossession"]), sha(who), "sha256")
        return key

    def _recipe(self, claims: Json) -> Recipe:
        if "email" in claims:
            return Recipe(names=(x509.RFC822Name(claims["email"]),), issuer=self.issuer, issuer_v1=self.issuer)
        uri = f"https://github.com/{claims['job_workflow_ref']}"
        extra = {"5": claims["repository"], "6": claims["ref"], "2": claims["event_name"], "9": uri}
        extra |= {"12": f"https://github.com/{claims['repository']}", "14": claims["ref"], "18": uri}
        extra |= {"16": f"https://github.com/{claims['repository'].partition('/')[0]}"}
        names = (x509.UniformResourceIdentifier(uri),)
        return Recipe(names=names, issuer=self.issuer, issuer_v1=self.issuer, claims=extra)

    def _stamp(self, body: bytes, path: str, headers: Any) -> bytes:
        imprint, nonce = self._json_query(body) if body.startswith(b"{") else der.timestamp_query(body)
        moment = datetime.now(UTC)
        return der.timestamp(b"", moment, self.ours.tsa, self.ours.tsa_key, imprint=imprint, nonce=nonce)

    def _json_query(self, body: bytes) -> tuple[bytes, bytes]:
        """How sigstore-js asks: the timestamp server takes JSON too."""
        asked = json.loads(body)
        if asked["hashAlgorithm"] != "sha256":
            raise RefusedError("only sha256 here")
        algorithm = der.sequence(der.oid(der.SHA256), b"\x05\x00")
        imprint = der.sequence(algorithm, der.octets(base64.b64decode(asked["artifactHash"])))
        return imprint, der.integer(int(asked["nonce"])) if asked.get("nonce") else b""

    def _log_1(self, body: bytes, path: str, headers: Any) -> Json:
        if not body:
            return self.stored[path.rpartition("/")[2]]
        proposed = json.loads(body)
        if proposed["kind"] == "dsse":
            proposed["spec"] = self._dsse(proposed["spec"]["proposedContent"])
        else:
            data, signature = proposed["spec"]["data"]["hash"], proposed["spec"]["signature"]
            key = public_key(base64.b64decode(signature["publicKey"]["content"]))
            digest = bytes.fromhex(data["value"])
            verify(key, base64.b64decode(signature["content"]), digest, data.get("algorithm", "sha256"))
        leaf = canonical(proposed)
        uuid = sha(b"\0" + leaf).hex()
        if uuid in self.stored:
            raise RefusedError("an equivalent entry already exists", 409, {"Location": f"/api/v1/log/entries/{uuid}"})
        index, tree = self._add("v1", leaf)
        moment = int(time.time())
        promised = {"body": b64(leaf), "integratedTime": moment, "logID": self.ours.log_id("v1").hex()}
        promised["logIndex"] = index
        promise = self.ours.log_key.sign(canonical(promised), ec.ECDSA(hashes.SHA256()))
        proof = {
            "checkpoint": self._checkpoint("v1"),
            "hashes": [sister.hex() for sister in tree.path(index)],
            "logIndex": index,
            "rootHash": tree.root().hex(),
            "treeSize": len(tree.leaves),
        }
        verification = {"inclusionProof": proof, "signedEntryTimestamp": b64(promise)}
        self.stored[uuid] = {uuid: {**promised, "verification": verification}}
        return self.stored[uuid]

    def _dsse(self, content: Json) -> Json:
        envelope = json.loads(content["envelope"])
        payload = base64.b64decode(envelope["payload"])
        pem = base64.b64decode(content["verifiers"][0])
        signature = envelope["signatures"][0]["sig"]
        verify(public_key(pem), base64.b64decode(signature), sha(pae(payload)), "sha256")
        return {
            "envelopeHash": {"algorithm": "sha256", "value": sha(content["envelope"].encode()).hex()},
            "payloadHash": {"algorithm": "sha256", "value": sha(payload).hex()},
            "signatures": [{"signature": signature, "verifier": b64(pem)}],
        }

    def _log_2(self, body: bytes, path: str, headers: Any) -> Json:
        request = json.loads(body)
        if "hashedRekordRequestV002" not in request:
            raise RefusedError("must be hashedrekord")
        asked = request["hashedRekordRequestV002"]
        verifier, signature = asked["signature"]["verifier"], asked["signature"]["content"]
        material = verifier.get("x509Certificate") or verifier["publicKey"]
        hash_name = _BY_DETAILS.get(verifier["keyDetails"], "sha256")
        key = public_key(base64.b64decode(material["rawBytes"]))
        verify(key, base64.b64decode(signature), base64.b64decode(asked["digest"]), hash_name)
        names = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}
        record = {
            "data": {"algorithm": names[hash_name], "digest": asked["digest"]},
            "signature": {"content": signature, "verifier": verifier},
        }
        leaf = canonical({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": record}})
        index, tree = self._add("v2", leaf)
        proof: Json = {
            "rootHash": b64(tree.root()),
            "treeSize": str(len(tree.leaves)),
            "hashes": [b64(sister) for sister in tree.path(index)],
            "checkpoint": {"envelope": self._checkpoint("v2")},
        }
        entry: Json = {
            "logId": {"keyId": b64(self.ours.log_id("v2"))},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "canonicalizedBody": b64(leaf),
            "inclusionProof": proof,
        }
        if index:  # zeros are left out, as protobuf's JSON does
            entry["logIndex"] = proof["logIndex"] = str(index)
        return entry

    def _add(self, log: str, leaf: bytes) -> tuple[int, Tree]:
        with self._lock:
            leaves = self.logs[log]
            if leaf not in leaves:
                leaves.append(leaf)
            return leaves.index(leaf), Tree(leaves)

    def _checkpoint(self, log: str) -> str:
        leaves = self.logs[log]
        return self.ours.checkpoint(Tree(leaves), len(leaves), log)

    def _tile(self, body: bytes, path: str, headers: Any) -> bytes:
        """The lowest, partial tile: `/api/v2/tile/0/000.p/N`."""
        size = int(path.rpartition("/")[2])
        return b"".join(Tree(self.logs["v2"]).leaves[:size])

    def _repository(self, body: bytes, path: str, headers: Any) -> bytes:
        if path not in self.tuf:
            raise RefusedError("not found", 404)
        return self.tuf[path]


class _Holder:
    """What `loopback` takes for a key pair where only the public key is at hand."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def public_key(self) -> Any:
        return self._key


class _Handler(BaseHTTPRequestHandler):
    """Finds the service, lets it misbehave if it is to, and answers."""

    services: Services
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes) -> None:
        path = urlsplit(self.path).path
        for prefix, (name, answer) in self.services.routes().items():
            if path.startswith(prefix):
                self.services.asked[name] += 1
                return self._serve(name, answer, body)
        self._reply(404, b"{}")
        return None

    def _serve(self, name: str, answer: Callable[..., Any], body: bytes) -> None:
        fault = self.services.faults.get(name, "")
        if fault and self._misbehave(name, fault):
            return
        try:
            value = answer(body, self.path, self.headers)
            status, headers = (200 if name in {"identity", "tuf", "authority"} or not body else 201), {}
            if isinstance(value, dict) and (uuid := next(iter(value), "")) in self.services.stored:
                headers = {"ETag": uuid, "Location": f"/api/v1/log/entries/{uuid}"}  # Rekor's own client goes by it
        except RefusedError as problem:
            value, status, headers = {"code": 3, "message": str(problem)}, problem.status, problem.headers
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        if fault == "half-answer":
            return self._reply(status, data, headers, length=len(data) * 2 + 1)
        if fault == "lost-answer":  # done, and nobody hears of it
            self.services.faults.pop(name)
            self.close_connection = True
            return None
        return self._reply(status, data, headers)

    def _misbehave(self, name: str, fault: str) -> bool:
        """True when the request is over."""
        kind, _, times = fault.partition("*")
        if times:  # so many times, then well again
            left = int(times) - 1
            self.services.faults[name] = f"{kind}*{left}" if left else ""
        if kind == "down":
            self.close_connection = True
        elif kind == "slow":
            self._wait_for_the_end(name)
            self.close_connection = True
        elif kind == "wrong-answer":
            self._reply(201, b'{"unexpected": [1, 2')
        elif kind == "strange-answer":
            self._reply(201, b'{"logIndex": -1, "nothing": {"of": "use"}}')
        elif kind.isdigit():
            self._reply(int(kind), b'{"message": "not now"}', {"Retry-After": "0"})
        else:
            return False
        return True

    def _wait_for_the_end(self, name: str) -> None:
        """Say nothing for longer than anybody waits, at most until the test is over."""
        end = time.monotonic() + SLOW_SECONDS
        while time.monotonic() < end and self.services.faults.get(name) == "slow":
            time.sleep(0.05)

    def _reply(self, status: int, data: bytes, headers: dict[str, str] | None = None, length: int = -1) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json" if data[:1] in b"{" else "application/octet-stream")
        self.send_header("Content-Length", str(len(data) if length < 0 else length))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has gone
            self.wfile.write(data)
        if length >= 0:
            self.close_connection = True


__all__ = ["HOST", "HOST_2", "PERSON", "Services", "timedelta"]
