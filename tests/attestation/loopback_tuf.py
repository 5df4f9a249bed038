"""A TUF repository for the loopback Sigstore: made with `python-tuf`, signed with keys of its own."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer


class Repository:
    """`files` maps paths below `/tuf/` to content; `publish` makes a next version of everything but the root."""

    def __init__(self) -> None:
        self.keys = {name: CryptoSigner.generate_ed25519() for name in ("root", "timestamp", "snapshot", "targets")}
        self.version = 0
        self.files: dict[str, bytes] = {}
        root = Root(expires=datetime.now(UTC) + timedelta(days=365), consistent_snapshot=True)
        for name, key in self.keys.items():
            root.add_key(key.public_key, name)
        self.root = self._signed(root, "root")
        self.files["/tuf/1.root.json"] = self.root

    def _signed(self, signed: Root | Timestamp | Snapshot | Targets, role: str) -> bytes:
        metadata = Metadata(signed)
        metadata.sign(self.keys[role])
        return metadata.to_bytes(JSONSerializer(compact=True))

    def publish(self, targets: dict[str, bytes], *, days: float = 7) -> None:
        """Publish `targets`, valid for so many days."""
        self.version += 1
        expires = datetime.now(UTC) + timedelta(days=days)
        listed = Targets(self.version, expires=expires)
        for name, data in targets.items():
            listed.targets[name] = TargetFile.from_data(name, data)
            self.files[f"/tuf/targets/{hashlib.sha256(data).hexdigest()}.{name}"] = data
        snapshot = Snapshot(self.version, expires=expires, meta={"targets.json": MetaFile(self.version)})
        timestamp = Timestamp(self.version, expires=expires, snapshot_meta=MetaFile(self.version))
        self.files[f"/tuf/{self.version}.targets.json"] = self._signed(listed, "targets")
        self.files[f"/tuf/{self.version}.snapshot.json"] = self._signed(snapshot, "snapshot")
        self.files["/tuf/timestamp.json"] = self._signed(timestamp, "timestamp")
