import { randomBytes } from 'node:crypto';
import { cookieKeys } from 'nest-sessions';
import { TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { bytesOf } from '../../../lib/core/token/secret.js';
import { Signer } from '../../../lib/core/token/signer.js';

const TEXT = 'a secret of the application, in 38 bytes';
const TOKEN = 'x'.repeat(TOKEN_LENGTH);

describe('a secret', () => {
  it('is the same as a text, a Buffer and a view of a larger array', () => {
    const larger = Buffer.from(`before ${TEXT} after`);
    const view = new Uint8Array(larger.buffer, larger.byteOffset + 7, Buffer.byteLength(TEXT));
    const signed = new Signer([TEXT], 'sid', TOKEN_LENGTH).sign(TOKEN);
    for (const secret of [Buffer.from(TEXT), view, new Uint8Array(Buffer.from(TEXT))]) {
      expect(new Signer([secret], 'sid', TOKEN_LENGTH).sign(TOKEN)).toBe(signed);
      expect(cookieKeys(secret, 'sid')).toEqual(cookieKeys(TEXT, 'sid'));
    }
  });

  it('counts with every byte, of which not all are text', () => {
    const one = randomBytes(32);
    one[0] = 0x80;
    const other = Buffer.from(one);
    other[0] = 0x81;
    expect(one.toString()).toBe(other.toString());
    expect(cookieKeys(one)).not.toEqual(cookieKeys(other));
  });

  it('is copied, so that the application may erase its own', () => {
    const own = randomBytes(32);
    const signer = new Signer([own], 'sid', TOKEN_LENGTH);
    const before = signer.sign(TOKEN);
    const copy = bytesOf(own);
    own.fill(0);
    expect(signer.sign(TOKEN)).toBe(before);
    expect(signer.derived('notice')).toHaveLength(1);
    expect(copy.every((byte) => byte === 0)).toBe(false);
  });

  it('that is missing is named by its place', () => {
    expect(() => cookieKeys([TEXT, undefined as never])).toThrow(
      /a secret is missing at index 1 of the list\./,
    );
    expect(() => cookieKeys(undefined as never)).toThrow(/a secret is missing\. Give the same/);
    expect(() => cookieKeys([])).toThrow(/a secret is missing\./);
    expect(() => cookieKeys(Buffer.alloc(0))).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
    expect(() => cookieKeys(7 as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
  });
});
