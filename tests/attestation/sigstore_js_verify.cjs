// Verify a bundle that was signed with a key: node sigstore_js_verify.cjs FOLDER bundle.json key.pub artifact
const [folder, bundlePath, keyPath, artifactPath] = process.argv.slice(2);
const fs = require('fs');
const crypto = require('crypto');
const path = require('path');
const load = (name) => require(path.join(folder, 'node_modules', name));
const { bundleFromJSON } = load('@sigstore/bundle');
const { Verifier, toSignedEntity, toTrustMaterial } = load('@sigstore/verify');
try {
  const bundle = bundleFromJSON(JSON.parse(fs.readFileSync(bundlePath, 'utf8')));
  const publicKey = crypto.createPublicKey(fs.readFileSync(keyPath));
  const root = { tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities: [], mediaType: '' };
  const trust = toTrustMaterial(root, () => ({ publicKey, validFor: () => true }));
  const verifier = new Verifier(trust, { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 });
  verifier.verify(toSignedEntity(bundle, fs.readFileSync(artifactPath)));
} catch (error) {
  console.error(String(error));
  process.exit(1);
}
