// A small client on @hyperledger/fabric-gateway, for one user of a local network.
import { createPrivateKey, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { connect, hash, signers } from '@hyperledger/fabric-gateway';
import { decodeValue, open } from './record.mjs';

export const region = 'us';
export const collection = 'us-a';
const maxMessage = 32 << 20; // a record may have 16 MiB
const patience = 120_000; // ms; peers may be a few blocks behind
const base = { v: 1, region, collection };

const deadline = (seconds) => () => ({ deadline: Date.now() + seconds * 1000 });

/** The codes and words of a refusal, which are in the details of the endorsers' answers. */
function explained(err) {
  const details = Array.isArray(err.details) ? err.details.map((d) => d.message) : [];
  return new Error([err.message, ...details].join('; '), { cause: err });
}

async function told(promise) {
  try {
    return await promise;
  } catch (err) {
    throw explained(err);
  }
}

/**
 * Repeats step while it fails because the gateway chose a peer that is a block behind: that
 * peer does not know the record yet, and what it endorses is a conflict for the ledger.
 */
async function caughtUp(step) {
  for (const end = Date.now() + patience; ;) {
    try {
      return await told(step());
    } catch (err) {
      if (Date.now() > end || !/ABSENT: |MISSING_DATA: |MVCC/.test(err.message)) throw err;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

export class Client {
  /** A client of the organisation's own first peer, and of no other one. */
  constructor(dir, org, role) {
    const node = path.join(dir, 'nodes', `peer0.${org}`);
    const msp = path.join(dir, 'orgs', org, 'users', role, 'msp');
    const [, address] = readFileSync(path.join(node, 'config', 'core.yaml'), 'utf8').match(/^ {2}address: "(.*)"$/m);
    this.dir = dir;
    this.org = org;
    this.connection = new grpc.Client(address, grpc.credentials.createSsl(readFileSync(path.join(node, 'tls', 'ca.crt'))), {
      'grpc.max_receive_message_length': maxMessage, 'grpc.max_send_message_length': maxMessage,
    });
    this.gateway = connect({
      client: this.connection, hash: hash.sha256,
      identity: { mspId: org, credentials: readFileSync(path.join(msp, 'signcerts', 'cert.pem')) },
      signer: signers.newPrivateKeySigner(createPrivateKey(readFileSync(path.join(msp, 'keystore', 'private.key')))),
      evaluateOptions: deadline(120), endorseOptions: deadline(120), submitOptions: deadline(120), commitStatusOptions: deadline(120),
    });
    this.network = this.gateway.getNetwork('global');
    this.contract = this.network.getContract('domicile');
  }

  /** The region's secret for index tokens; a user of another region has none. */
  indexKey() {
    return readFileSync(path.join(this.dir, 'regions', region, 'index.key'));
  }

  close() {
    this.gateway.close();
    this.connection.close();
  }

  /** A private write: everything goes in the transient map, to the holder's peers alone. */
  async put(id, resource, index = {}) {
    const rules = await this.rules();
    await caughtUp(() => {
      const request = { ...base, records: [{ id, seed: randomBytes(32).toString('base64'), ...rules, ...index }] };
      return this.contract.submit('Write', {
        transientData: { op: 'put', request: JSON.stringify(request), 'body/0': resource },
        endorsingOrganizations: [this.org],
      });
    });
  }

  /**
   * The labelling rules that the holder's private part puts into force, which a put names.
   * This client applies none: its record has no code that a rule could match.
   */
  async rules() {
    const part = JSON.parse(await this.read('get-private', { v: 1, region, collection: `${collection}-log` }));
    return part.labels?.rules ? { rules: part.labels.rules } : {};
  }

  async get(id) {
    return decodeValue(await this.read('get', { ...base, id }));
  }

  /** A private read: evaluated, never submitted, and sealed under a key of its own. */
  async read(op, request) {
    const key = randomBytes(32);
    const sealed = await caughtUp(() => this.contract.evaluate('Read', {
      transientData: { op, request: JSON.stringify(request), key },
      endorsingOrganizations: [this.org],
    }));
    return open(key, sealed);
  }

  /** A public transaction without private data: the gateway plans endorsers in two regions. */
  async anchor(id, hash) {
    const request = JSON.stringify({ v: 1, region, records: [{ collection, id, hash }] });
    return caughtUp(() => this.contract.submitTransaction('Anchor', request));
  }

  /** Compares a hash with an anchor, which the peer that is asked may not have yet. */
  async verify(id, hash) {
    return caughtUp(async () => {
      const answer = await this.contract.evaluateTransaction('Verify', JSON.stringify({ v: 1, id, hash }));
      const verdict = JSON.parse(Buffer.from(answer).toString());
      if (['unknown', 'unanchored'].includes(verdict.state)) throw new Error(`ABSENT: no anchor of ${id}`);
      return verdict;
    });
  }

  /** The number of blocks on this organisation's peer. */
  async height() {
    const info = await told(this.network.getContract('qscc').evaluateTransaction('GetChainInfo', 'global'));
    return readVarint(info);
  }

  /** Waits for the event that says that the record was anchored. */
  async anchored(id, startBlock) {
    const events = await this.network.getChaincodeEvents('domicile', { startBlock: BigInt(startBlock) });
    const tooLong = setTimeout(() => events.close(), patience);
    try {
      for await (const e of events) {
        const payload = JSON.parse(Buffer.from(e.payload).toString());
        if (e.eventName === 'anchored' && payload.records.some((r) => r.id === id)) return payload;
      }
    } finally {
      clearTimeout(tooLong);
      events.close();
    }
    throw new Error(`no event for ${id}`);
  }
}

/** The first field of common.BlockchainInfo, a varint (protobuf encoding): the height. */
function readVarint(b) {
  let n = 0;
  for (let i = 1, shift = 0; ; i++, shift += 7) {
    n += (b[i] & 0x7f) * 2 ** shift;
    if (b[i] < 0x80) return n;
  }
}
