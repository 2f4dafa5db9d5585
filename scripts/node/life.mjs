// The life of one record with Fabric's Node client: put, get, anchor, the
// feed of events, verify. Every answer is checked; the exit status is 1 at the first
// that is not as it should be.
//
//   node life.mjs [DIR]        DIR of a running local network, default ../../.domicile
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { Client, region, collection } from './client.mjs';
import { newID, resourceToken, subjectToken } from './record.mjs';

const dir = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, '../../.domicile'));

/** Runs step and says what it does. */
async function say(what, step) {
  console.log(`== ${what}`);
  return step();
}

async function life(open) {
  const writer = open('UsHospital', 'writer');
  const reader = open('UsHospital', 'reader');
  const other = open('EuHospital', 'reader');

  const id = newID();
  const resource = Buffer.from(JSON.stringify({
    resourceType: 'Observation', id: `trial-${randomBytes(4).toString('hex')}`, status: 'final',
    code: { text: 'trial' }, subject: { reference: 'Patient/trial-1' }, effectiveDateTime: '2026-01-02',
  }));
  const { id: name } = JSON.parse(resource);
  const from = await writer.height();

  await say('put', () => writer.put(id, resource, {
    resource: resourceToken(writer.indexKey(), `Observation/${name}`),
    subjects: [subjectToken(writer.indexKey(), 'Patient/trial-1')],
  }));
  await assert.rejects(writer.put(id, resource), /EXISTS: /);

  const { salt, bytes } = await say('get, unsealed here', () => reader.get(id));
  assert.deepEqual(bytes, resource, 'the bytes that came back differ');
  await assert.rejects(other.get(id), /WRONG_PEER: /);

  const hash = createHash('sha256').update(Buffer.of(1)).update(salt).update(bytes).digest('hex');
  await say('anchor, endorsed by peers of two regions', () => writer.anchor(id, hash));

  const event = await say('feed of events of another region, from the block where this began', () => other.anchored(id, from));
  assert.equal(event.region, region);
  assert.deepEqual(event.records.filter((r) => r.id === id), [{ collection, id }]);

  const verdict = await say('verify, from another region', () => other.verify(id, hash));
  assert.equal(verdict.match, true);
  assert.equal(verdict.state, 'active');
  assert.equal((await other.verify(id, '0'.repeat(64))).match, false);
  console.log(`all as it should be: ${id} ${hash}`);
}

const clients = [];
try {
  await life((org, role) => {
    const c = new Client(dir, org, role);
    clients.push(c);
    return c;
  });
} catch (err) {
  console.error('FAILED:', err.message);
  process.exitCode = 1;
} finally {
  clients.forEach((c) => c.close());
}
