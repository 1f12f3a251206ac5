import { createHash, createHmac, createSecretKey } from 'node:crypto';
import {
  DIGEST_LENGTH,
  hashSecret,
  isId,
  newId,
  newNonce,
  newSecret,
  sameDigest,
  successorOf,
} from '../../../lib/core/token/ids.js';

const ID = 'AZaz09-_AZaz09-_AZaz09';

describe('an id', () => {
  it.each([newId(), newNonce(), ID])('has 22 characters of base64url: %s', (id) => {
    expect(isId(id)).toBe(true);
  });

  it.each([
    undefined,
    null,
    7,
    [ID],
    { toString: () => ID },
    '',
    ID.slice(1),
    `${ID}A`,
    `A${ID}`,
    `${ID}\n`,
    `\n${ID}`,
    ` ${ID}`,
    `${ID.slice(1)}+`,
    `/${ID.slice(1)}`,
    `${ID.slice(1)}=`,
    `é${ID.slice(1)}`,
  ])('is not %j', (value) => {
    expect(isId(value)).toBe(false);
  });
});

it.each([
  ['ids', newId, 22],
  ['secrets', newSecret, 43],
  ['nonces', newNonce, 22],
] as const)('all %s differ, and have one length', (_what, make, length) => {
  const texts = Array.from({ length: 1_000 }, make);
  expect(new Set(texts).size).toBe(1_000);
  for (const text of texts) {
    expect(text).toHaveLength(length);
    expect(text).toMatch(/^[\w-]+$/);
  }
});

it('a secret is stored as its SHA-256', () => {
  expect(hashSecret('a secret')).toBe(createHash('sha256').update('a secret').digest('base64url'));
});

describe('the successor of a secret', () => {
  const key = createSecretKey(Buffer.alloc(32, 1));
  const successor = successorOf(key, 'id', 'secret', 'nonce');

  it('is the HMAC of its id, the secret and the nonce, which other nodes and later versions derive alike', () => {
    expect(successor).toBe(
      createHmac('sha256', key).update('nest-sessions/rotate|id|secret|nonce').digest('base64url'),
    );
  });

  it.each([
    ['key', successorOf(createSecretKey(Buffer.alloc(32, 2)), 'id', 'secret', 'nonce')],
    ['id', successorOf(key, 'other', 'secret', 'nonce')],
    ['secret', successorOf(key, 'id', 'other', 'nonce')],
    ['nonce', successorOf(key, 'id', 'secret', 'other')],
  ])('is another for another %s', (_what, other) => {
    expect(other).not.toBe(successor);
  });
});

describe('two digests', () => {
  const digest = 'd'.repeat(DIGEST_LENGTH);

  it('are the same if all of their characters are', () => {
    expect(sameDigest(digest, `${'d'.repeat(DIGEST_LENGTH)}`)).toBe(true);
    for (let at = 0; at < DIGEST_LENGTH; at++) {
      const other = `${digest.slice(0, at)}e${digest.slice(at + 1)}`;
      expect(sameDigest(digest, other)).toBe(false);
      expect(sameDigest(other, digest)).toBe(false);
    }
  });

  // What was compared before stays in the buffers, and must not complete what is shorter.
  it.each([
    ['is empty', ''],
    ['is shorter', digest.slice(1)],
    ['is longer', `${digest}d`],
    ['has a character of two octets', `é${digest.slice(1)}`],
    ['has as many octets', `é${digest.slice(2)}`],
    ['ends with a character of two octets', `${digest.slice(1)}é`],
    ['ends with a character of three octets', `${digest.slice(1)}€`],
    ['ends with a character of four octets', `${digest.slice(2)}😀`],
    ['is followed by its padding', `${digest}=`],
  ])('are not the same if one %s', (_what, other) => {
    expect(sameDigest(digest, digest)).toBe(true);
    expect(sameDigest(digest, other)).toBe(false);
    expect(sameDigest(digest, digest)).toBe(true);
    expect(sameDigest(other, digest)).toBe(false);
  });
});
