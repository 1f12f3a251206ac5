import { createSecretKey } from 'node:crypto';
import { decodeStrictly, derive } from '../../../../lib/stores/sealed/formats/format.js';

describe('the derivation of keys', () => {
  it('is HKDF-SHA256 without a salt (RFC 5869, test case 3)', () => {
    const secret = createSecretKey(Buffer.alloc(22, 0x0b));
    expect(derive(secret, '', 42).toString('hex')).toBe(
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    );
  });

  it('gives another key for another purpose and for another salt', () => {
    const secret = createSecretKey(Buffer.alloc(32, 1));
    const keys = [
      derive(secret, 'one', 16),
      derive(secret, 'two', 16),
      derive(secret, 'one', 16, Buffer.from('salt')),
    ];
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(3);
  });
});

describe('unpadded base64url', () => {
  it.each([
    ['', ''],
    ['AA', '00'],
    ['-_-_', 'fbffbf'],
  ])('decodes "%s"', (text, bytes) => {
    expect(decodeStrictly(text)?.toString('hex')).toBe(bytes);
  });

  it.each(['AB', 'AA=', 'AA==', 'A A', 'AA\n', 'A', '+/+/'])(
    'rejects "%s", which is not the only encoding of its bytes',
    (text) => {
      expect(decodeStrictly(text)).toBeUndefined();
    },
  );
});
