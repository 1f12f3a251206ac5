import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { FixedHmac } from '../../../lib/core/token/hmac.js';

const hex = (base64: string | undefined) => Buffer.from(base64!, 'base64').toString('hex');

describe('HMAC-SHA256 of texts of one length', () => {
  // RFC 4231 §4.3, §4.7 and §4.8: the cases whose data is ASCII.
  it.each([
    [
      'a key shorter than a block',
      Buffer.from('Jefe'),
      'what do ya want for nothing?',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      'a key longer than a block',
      Buffer.alloc(131, 0xaa),
      'Test Using Larger Than Block-Size Key - Hash Key First',
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
    [
      'a key and data longer than a block',
      Buffer.alloc(131, 0xaa),
      'This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.',
      '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
    ],
  ])('agrees with RFC 4231 for %s', (_, key, data, expected) => {
    expect(hex(new FixedHmac(key, data.length).digest(data))).toBe(expected);
  });

  it.each([0, 1, 63, 64, 65])('agrees with createHmac for a key of %d octets', (length) => {
    const key = Buffer.alloc(length, 0xaa);
    expect(new FixedHmac(key, 4).digest('text')).toBe(
      createHmac('sha256', key).update('text').digest('base64'),
    );
  });

  it('agrees with createHmac for any key and any ASCII', () => {
    const ascii = fc.string({ unit: 'binary-ascii', minLength: 0, maxLength: 200 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), ascii, ascii, (key, one, other) => {
        const hmac = new FixedHmac(Buffer.from(key), one.length);
        const of = (text: string) => createHmac('sha256', key).update(text).digest('base64');
        // Nothing of one digest is left for the next.
        hmac.digest(other.padEnd(one.length).slice(0, one.length));
        expect(hmac.digest(one)).toBe(of(one));
      }),
    );
  });

  it('has none for a text of another length, or one that is not all ASCII', () => {
    const hmac = new FixedHmac(Buffer.from('key'), 4);
    for (const text of ['', 'abc', 'abcde', 'abcé', 'abcŁ', 'ab😀', 'éé', 'ééé', '\ud800abc'])
      expect(hmac.digest(text)).toBeUndefined();
  });
});
