// Sign and verify with sigstore-js: node sigstore_js.cjs FOLDER < tasks.json > results.json, one result a task.
const path = require('path');
const load = (name) => require(path.join(process.argv[2], 'node_modules', '@sigstore', name));
const { bundleFromJSON, bundleToJSON } = load('bundle');
const { Verifier, toSignedEntity, toTrustMaterial } = load('verify');
const { TrustedRoot } = load('protobuf-specs');
const crypto = require('crypto');

async function sign(task) {
  const s = load('sign');
  const quick = { retry: 0, timeout: 20000 };
  const identityProvider = { getToken: async () => task.token };
  const signer = new s.FulcioSigner({ fulcioBaseURL: task.base, identityProvider, ...quick });
  const witnesses = [new s.RekorWitness({ rekorBaseURL: task.base, majorApiVersion: task.rekor, ...quick })];
  if (task.rekor === 2) witnesses.push(new s.TSAWitness({ tsaBaseURL: task.base, ...quick }));
  const Builder = task.payloadType ? s.DSSEBundleBuilder : s.MessageSignatureBundleBuilder;
  const builder = new Builder({ signer, witnesses });
  const data = Buffer.from(task.data, 'base64');
  return bundleToJSON(await builder.create({ data, type: task.payloadType }));
}

function verify(task) {
  const key = task.key && crypto.createPublicKey(task.key);
  const find = key ? () => ({ publicKey: key, validFor: () => true }) : undefined;
  const trust = toTrustMaterial(TrustedRoot.fromJSON(task.root), find);
  const options = key ? { ctlogThreshold: 0 } : {};
  const entity = toSignedEntity(bundleFromJSON(task.bundle), task.data && Buffer.from(task.data, 'base64'));
  const policy = task.identity && { subjectAlternativeName: task.identity, extensions: { issuer: task.issuer } };
  new Verifier(trust, options).verify(entity, policy || undefined);
  return null;
}

(async () => {
  const tasks = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  const results = [];
  for (const task of tasks) {
    try {
      results.push({ value: task.do === 'sign' ? await sign(task) : verify(task), error: '' });
    } catch (error) {
      results.push({ value: null, error: `${error.name}: ${error.message} ${error.cause ? error.cause.message : ''}` });
    }
  }
  process.stdout.write(JSON.stringify(results));
})();
