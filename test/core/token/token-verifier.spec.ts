import { jest } from '@jest/globals';
import { hashSecret, newId, newSecret, TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { TokenVerifier } from '../../../lib/core/token/token-verifier.js';
import { secretsOf } from '../../../lib/core/token/secret.js';

const CACHED = 10_000;

describe('TokenVerifier', () => {
  it('keeps what its full cache holds, and lets a token in that is used again', () => {
    const { signer, verifier, signatures } = setUp();
    const cached = verifyNew(CACHED);
    verifyNew(7 * 500);
    const kept = cached.filter((value) => !signatureComputed(value));
    // One of eight of the later tokens replaced one of the first.
    expect(kept.length).toBeGreaterThan(CACHED - 500);

    const used = newValue();
    const computed = Array.from({ length: 16 }, () => signatureComputed(used));
    expect(computed.indexOf(false)).toBeLessThanOrEqual(8);
    expect(computed.slice(computed.indexOf(false))).not.toContain(true);

    function newValue() {
      return signer.sign(`${newId()}.${newSecret()}`);
    }

    function verifyNew(count: number) {
      const values = Array.from({ length: count }, newValue);
      for (const value of values) expect(verifier.verify(value)).toBeDefined();
      return values;
    }

    function signatureComputed(value: string) {
      const before = signatures();
      expect(verifier.verify(value)).toBeDefined();
      return signatures() > before;
    }
  });

  it('verifies a token alike whether it is cached or not', () => {
    const { signer, verifier } = setUp();
    const value = signer.sign(`${newId()}.${newSecret()}`);
    const first = verifier.verify(value);
    expect(first).toMatchObject({ form: 'current' });
    expect(verifier.verify(value)).toEqual(first);
    expect(verifier.verify(`${value.slice(0, -1)}${value.endsWith('A') ? 'B' : 'A'}`)).toBeUndefined();
  });

  const percent = (text: string) =>
    [...text].map((character) => `%${character.charCodeAt(0).toString(16)}`).join('');

  it('verifies a token of which any character is percent-encoded, or all', () => {
    const { signer, verifier } = setUp();
    const value = signer.sign(`${newId()}.${newSecret()}`);
    const verified = verifier.verify(value);
    for (const encoded of [encodeURIComponent(value), percent(value[0]!) + value.slice(1), percent(value)]) {
      expect(verifier.verify(encoded)).toEqual(verified);
      expect(verifier.hasForm(encoded)).toBe(true);
    }
  });

  it('finds id, secret and hash in a token, and the same in its cache', () => {
    const { signer, verifier, signatures } = setUp();
    const value = signer.sign(`${'I'.repeat(22)}.${'S'.repeat(43)}`);
    const [hash, form] = [hashSecret('S'.repeat(43)), 'current'];
    for (let n = 0; n < 2; n++)
      expect(verifier.verify(value)).toEqual({ id: 'I'.repeat(22), secret: 'S'.repeat(43), hash, form });
    expect(signatures()).toBe(1);
  });

  it.each([
    ['no dot', `${'I'.repeat(22)}-${'S'.repeat(43)}`],
    ['its dot one place earlier', `${'I'.repeat(21)}.${'S'.repeat(44)}`],
    ['its dot one place later', `${'I'.repeat(23)}.${'S'.repeat(42)}`],
  ])('rejects a text with %s, although it is signed', (_what, text) => {
    const { signer, verifier } = setUp();
    expect(verifier.verify(signer.sign(text))).toBeUndefined();
    expect(verifier.hasForm(signer.sign(text))).toBe(false);
  });

  const [id, secret, signature] = [
    'AZaz09-_'.padEnd(22, 'i'),
    'AZaz09-_'.padEnd(43, 's'),
    'AZaz09+/'.padEnd(43, 'm'),
  ];

  it('knows the form of a token that another key signed', () => {
    const { verifier } = setUp();
    const foreign = `s:${id}.${secret}.${signature}`;
    expect(verifier.hasForm(foreign)).toBe(true);
    expect(verifier.hasForm(encodeURIComponent(foreign))).toBe(true);
    expect(verifier.verify(foreign)).toBeUndefined();
  });

  it.each([
    ['an empty text', ''],
    ['a text that does not decode', `s:${id}.${secret}.${signature.slice(3)}%zz`],
    ['another prefix', `j:${id}.${secret}.${signature}`],
    ['no dot before the signature', `s:${id}.${secret}-${signature}`],
    ['no dot between id and secret', `s:${id}-${secret}.${signature}`],
    ['a dot at another place', `s:${id.slice(1)}.${secret}a.${signature}`],
    ['a foreign character in the id', `s:+${id.slice(1)}.${secret}.${signature}`],
    ['a foreign character at the end of the secret', `s:${id}.${secret.slice(1)}+.${signature}`],
    ['a foreign character before the signature', `s:${id}.${secret}.-${signature.slice(1)}`],
    ['a foreign character at the end of the signature', `s:${id}.${secret}.${signature.slice(1)}=`],
    ['a signature that is shorter', `s:${id}.${secret}.${signature.slice(1)}`],
    ['a signature that is longer', `s:${id}.${secret}.${signature}m`],
    ['more than any token has, percent-encoded', percent(`s:${id}.${secret}.${signature}m`)],
  ])('does not take %s for a token', (_what, value) => {
    const { verifier } = setUp();
    expect(verifier.hasForm(value)).toBe(false);
    expect(verifier.verify(value)).toBeUndefined();
  });
});

function setUp() {
  const { secrets } = secretsOf('a secret of at least thirty-two characters');
  const signer = new Signer(secrets, '__Host-session', TOKEN_LENGTH);
  const verifies = jest.spyOn(signer, 'verifies');
  return { signer, verifier: new TokenVerifier(signer), signatures: () => verifies.mock.calls.length };
}
