// What clients compute themselves: ids, tokens, and the opening of sealed answers.
// Package chaincode/record of this repository is the definition.
import { createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** A new record id: 128 random bits in lower-case base32 (RFC 4648), 26 characters. */
export function newID() {
  const bits = [...randomBytes(16)].map((b) => b.toString(2).padStart(8, '0')).join('').padEnd(130, '0');
  return bits.match(/.{5}/g).map((five) => alphabet[parseInt(five, 2)]).join('');
}

function token(indexKey, kind, text) {
  return createHmac('sha256', indexKey).update(`domicile ${kind}\0`).update(text).digest().subarray(0, 16).toString('hex');
}

/** The index token of a person, "Patient/id"; only holders of the index key can make it. */
export const subjectToken = (indexKey, reference) => token(indexKey, 'subject', reference);

/** The index token of a FHIR resource, "Type/id". */
export const resourceToken = (indexKey, reference) => token(indexKey, 'resource', reference);

/** Opens the answer of a private read with the 32 bytes that were sent with it. */
export function open(key, sealed) {
  const { v, txId, sealed: text } = JSON.parse(Buffer.from(sealed).toString());
  if (v !== 1) throw new Error(`sealed answer has version ${v}, want 1`);
  const box = Buffer.from(text, 'base64');
  const secret = Buffer.from(hkdfSync('sha256', key, txId, 'domicile seal 1', 64));
  const aead = createDecipheriv('aes-256-gcm', secret.subarray(0, 32), box.subarray(0, 12));
  aead.setAAD(Buffer.from(txId));
  aead.setAuthTag(box.subarray(-16));
  const plain = Buffer.concat([aead.update(box.subarray(12, -16)), aead.final()]);
  return plain.subarray(4, 4 + plain.readUInt32BE());
}

/** Splits a stored value into its salt and the resource's bytes. */
export function decodeValue(value) {
  if (value.length < 33 || value[0] !== 1) throw new Error('stored value has an unknown format');
  return { salt: value.subarray(1, 33), bytes: value.subarray(33) };
}
