// Verifies a keyless bundle with sigstore-js: node verify_keyless.cjs FOLDER root.json bundle.json artifact TIMES
// Prints the median of TIMES warm verifications in milliseconds of processor time.
const [folder, rootPath, bundlePath, artifactPath, times] = process.argv.slice(2);
const fs = require('fs');
const path = require('path');
const load = (name) => require(path.join(folder, 'node_modules', name));
const { bundleFromJSON } = load('@sigstore/bundle');
const { TrustedRoot } = load('@sigstore/protobuf-specs');
const { Verifier, toSignedEntity, toTrustMaterial } = load('@sigstore/verify');
const root = TrustedRoot.fromJSON(JSON.parse(fs.readFileSync(rootPath, 'utf8')));
const verifier = new Verifier(toTrustMaterial(root));
const artifact = fs.readFileSync(artifactPath);
const text = fs.readFileSync(bundlePath, 'utf8');
const taken = [];
for (let n = 0; n <= Number(times); n++) {
  const started = process.cpuUsage();
  verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(text)), artifact));
  const used = process.cpuUsage(started);
  taken.push((used.user + used.system) / 1e3);
}
const warm = taken.slice(1).sort((a, b) => a - b);
console.log(warm.length ? warm[Math.floor(warm.length / 2)] : taken[0]);
