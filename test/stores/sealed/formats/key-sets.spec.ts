import {
  keySetsComplaint,
  ScsFormat,
  type ScsKeySet,
} from '../../../../lib/stores/sealed/formats/rfc6896.js';

const KEY = Buffer.from('the key of aes..');
const HMAC_KEY = Buffer.from('the key of hmac.....');
type Given = { [key in keyof ScsKeySet]?: unknown };
const set = (given: Given = {}) => ({ tid: 'a', key: KEY, hmacKey: HMAC_KEY, ...given }) as ScsKeySet;

describe('the key sets of SealedCookie', () => {
  it.each<[string, Given]>([
    ['a tid of one character', { tid: 'a' }],
    ['a tid of 64 characters', { tid: 'a'.repeat(64) }],
    ['a tid of the first and last visible characters', { tid: '!~' }],
    ['a key in a Uint8Array', { key: new Uint8Array(16) }],
    ['an hmacKey of 16 bytes', { hmacKey: new Uint8Array(16) }],
    ['an hmacKey of 64 bytes', { hmacKey: Buffer.alloc(64) }],
    ...[undefined, false, 'deflate', 'zlib'].map((compress): [string, Given] => [
      `compress: ${compress}`,
      { compress },
    ]),
  ])('may have %s', (_what, given) => {
    expect(keySetsComplaint([set(given)])).toBeUndefined();
    expect(() => new ScsFormat([set(given)], 1_000)).not.toThrow();
  });

  // The complaint names the option that is wrong, and the set by its tid.
  it.each<[string, RegExp, Given]>([
    ['no tid', /\btid\b/, { tid: undefined }],
    ['a tid that is a number', /\btid\b/, { tid: 7 }],
    ['an empty tid', /\btid\b/, { tid: '' }],
    ['a tid of 65 characters', /\btid\b/, { tid: 'a'.repeat(65) }],
    ['a tid that begins with a space', /\btid\b/, { tid: ' a' }],
    ['a tid that ends with a space', /\btid\b/, { tid: 'a ' }],
    ['a tid with a control character', /\btid\b/, { tid: 'a\x7f' }],
    ['a tid that is not ASCII', /\btid\b/, { tid: 'ü' }],
    ['no key', /\bkey of "a"/, { key: undefined }],
    ['a key that is a text', /\bkey of "a"/, { key: 'the key of aes..' }],
    ['a key of 15 bytes', /\bkey of "a"/, { key: KEY.subarray(1) }],
    ['a key of 32 bytes', /\bkey of "a"/, { key: Buffer.concat([KEY, KEY]) }],
    ['no hmacKey', /\bhmacKey of "a"/, { hmacKey: undefined }],
    ['an hmacKey that is a text', /\bhmacKey of "a"/, { hmacKey: 'the key of hmac.....' }],
    ['an hmacKey of 15 bytes', /\bhmacKey of "a"/, { hmacKey: HMAC_KEY.subarray(5) }],
    ['an unknown compression', /\bcompress\b/, { compress: 'gzip' }],
    ['compress: true', /\bcompress\b/, { compress: true }],
    ['compress: null', /\bcompress\b/, { compress: null }],
  ])('may not have %s', (_what, named, given) => {
    const complaint = keySetsComplaint([set({ tid: 'first' }), set(given)]);
    expect(complaint).toMatch(named);
    expect(complaint).not.toMatch(/the key of (aes|hmac)\.\./);
    expect(() => new ScsFormat([set(given)], 1_000)).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTIONS',
        message: expect.stringMatching(/SealedCookie.*keySets/) as string,
      }),
    );
  });

  it('are one at least', () => {
    expect(keySetsComplaint([])).toMatch(/\bat least one\b/);
    expect(() => new ScsFormat([], 1_000)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
  });

  it('are each an object', () => {
    expect(keySetsComplaint([null])).toMatch(/\btid\b/);
  });

  it('have each a tid of its own', () => {
    expect(keySetsComplaint([set(), set({ tid: 'b' }), set({ tid: 'c' })])).toBeUndefined();
    expect(keySetsComplaint([set(), set({ tid: 'b' }), set({ tid: 'b' })])).toMatch(/"b"/);
    expect(() => new ScsFormat([set(), set()], 1_000)).toThrow(/"a"/);
  });
});
