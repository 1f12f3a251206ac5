import { jest } from '@jest/globals';
import { newId, newSecret, TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
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
});

function setUp() {
  const { secrets } = secretsOf('a secret of at least thirty-two characters');
  const signer = new Signer(secrets, '__Host-session', TOKEN_LENGTH);
  const verifies = jest.spyOn(signer, 'verifies');
  return { signer, verifier: new TokenVerifier(signer), signatures: () => verifies.mock.calls.length };
}
