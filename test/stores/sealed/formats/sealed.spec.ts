import { createCipheriv, createSecretKey, hkdfSync } from 'node:crypto';
import { SealedFormat } from '../../../../lib/stores/sealed/formats/sealed.js';

const NAME = '__Host-session';
const secret = (text: string) => createSecretKey(Buffer.from(text.padEnd(32, '.')));
const [CURRENT, OLD] = [secret('the secret of today'), secret('the secret of yesterday')];
const KID = 'KKKK_-09';
const DATA = 'd'.repeat(43);

describe('the form of a sealed value', () => {
  const codec = new SealedFormat([CURRENT], NAME);

  it.each([
    ['of salt and tag alone', `v1.${KID}.${DATA}`],
    ['of all characters of base64url', `v1.a-Z_0-9_.${DATA}-_azAZ09`],
    ['of a long content', `v1.${KID}.${'d'.repeat(4_000)}`],
  ])('is recognised: %s', (_of, value) => {
    expect(codec.hasForm(value)).toBe(true);
  });

  it.each([
    ['of another version', `v2.${KID}.${DATA}`],
    ['after other text', `x.v1.${KID}.${DATA}`],
    ['before other text', `v1.${KID}.${DATA}.x`],
    ['with padding', `v1.${KID}.${DATA}=`],
    ['with a line feed', `v1.${KID}.${DATA}\n`],
    ['with a key id of 7 characters', `v1.${KID.slice(1)}.${DATA}`],
    ['with a key id of 9 characters', `v1.${KID}0.${DATA}`],
    ['with a key id in base64', `v1.KKKK/+09.${DATA}`],
    ['with less than salt and tag', `v1.${KID}.${DATA.slice(1)}`],
    ['with data in base64', `v1.${KID}.+/${DATA}`],
    ['without a key id', `v1.${DATA}`],
    ['of nothing', ''],
  ])('is not that of a value %s', (_of, value) => {
    expect(codec.hasForm(value)).toBe(false);
  });

  it('is that of every value it seals, whichever key opens it', () => {
    expect(codec.hasForm(new SealedFormat([OLD], NAME).seal(''))).toBe(true);
  });
});

describe('a sealed value', () => {
  const codec = new SealedFormat([CURRENT, OLD], NAME);

  // What browsers have from an earlier version has to open after an update as well.
  it.each([
    [CURRENT, 'v1.VDxEYH6k.ryj7fu-2azOI_dlg1YBNHhRiCkO_s48XsXGfB2yIJL6q3WHZMgXU-wUU4EtjtFk'],
    [OLD, 'v1.brz2jRYO.1sbS-QU5ITsW3fJ-sIJtKvm7O-45S6pQvnISwzUk-650qizieidFjzwo-Uh8SxM'],
  ])('opens in each later version of the library', (key, value) => {
    expect(codec.open(value)).toBe('{"user":"Zoë"}');
    expect(new SealedFormat([key], NAME).open(value)).toBe('{"user":"Zoë"}');
  });

  it.each(['', 'x', '{"user":"Zoë 🦊"}', 'line\n\0'.repeat(300)])('opens to the same content', (content) => {
    expect(codec.open(codec.seal(content))).toBe(content);
  });

  it('names the first key of the ring, by an id that differs from key to key', () => {
    const [, kid] = codec.seal('x').split('.');
    const [, old] = new SealedFormat([OLD], NAME).seal('x').split('.');
    expect(codec.seal('x').split('.')[1]).toBe(kid);
    expect(kid).toMatch(/^[\w-]{8}$/);
    expect(old).not.toBe(kid);
  });

  it('differs each time, also for the same content', () => {
    const [one, other] = [codec.seal('x'), codec.seal('x')];
    expect(one).not.toBe(other);
  });

  it('opens by its value alone, so that its content can be cached', () => {
    expect(codec.cacheable).toBe(true);
  });

  const sealed = codec.seal('state');
  const [, kid, data] = sealed.split('.') as [string, string, string];
  const bytes = Buffer.from(data, 'base64url');
  const withBytes = (changed: Buffer) => `v1.${kid}.${changed.toString('base64url')}`;
  const flipped = (at: number) => {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1;
    return withBytes(changed);
  };

  it.each([
    ['of another version', `v2.${kid}.${data}`],
    ['with an unknown key id', `v1.AAAAAAAA.${data}`],
    ['with the name of a property as key id', `v1.__proto__.${data}`],
    ['with the id of another key', `v1.${new SealedFormat([OLD], NAME).seal('').split('.')[1]}.${data}`],
    ['with a fourth part', `${sealed}.`],
    ['with two parts', `v1.${kid}`],
    ['with an altered salt', flipped(0)],
    ['with altered content', flipped(16)],
    ['with an altered tag', flipped(bytes.length - 1)],
    ['with padding', `${sealed}=`],
    // 37 bytes: the last character has 4 bits that stand for nothing.
    [
      'with surplus bits',
      sealed.slice(0, -1) + String.fromCharCode(sealed.charCodeAt(sealed.length - 1) + 1),
    ],
    ['of another cookie', new SealedFormat([CURRENT], 'session').seal('state')],
    ...[0, 1, 15, 16, 17, 31, 32].map((length) => [
      `of ${length} bytes`,
      withBytes(bytes.subarray(0, length)),
    ]),
  ])('is rejected %s', (_of, value) => {
    expect(codec.open(value)).toBeUndefined();
  });

  /** What only the owner of the key can make: the tag is right, whatever it covers. */
  function forge(content: Buffer, aad: (salt: string) => string): string {
    const salt = Buffer.alloc(16, 7);
    const material = Buffer.from(hkdfSync('sha256', CURRENT, salt, `nest-sessions/v1/${NAME}`, 44));
    const cipher = createCipheriv('aes-256-gcm', material.subarray(0, 32), material.subarray(32));
    cipher.setAAD(Buffer.from(aad(salt.toString('base64url'))));
    return withBytes(Buffer.concat([salt, cipher.update(content), cipher.final(), cipher.getAuthTag()]));
  }

  it.each([
    ['all of them', `v1.${kid}|${NAME}|`, true, 'state'],
    ['another version', `v2.${kid}|${NAME}|`, true, undefined],
    ['another key id', `v1.AAAAAAAA|${NAME}|`, true, undefined],
    ['another name of the cookie', `v1.${kid}|session|`, true, undefined],
    ['no salt', `v1.${kid}|${NAME}|`, false, undefined],
    ['nothing', '', false, undefined],
  ])(
    'opens only if it authenticates version, key id, name and salt: with %s',
    (_what, bound, withSalt, content) => {
      const value = forge(Buffer.from('state'), (salt) => bound + (withSalt ? salt : ''));
      expect(codec.open(value)).toBe(content);
    },
  );

  it('opens with a replacement character for each byte that is no UTF-8, also for the last', () => {
    const [start, unfinished] = [Buffer.from('a\xffb', 'latin1'), Buffer.from('ë').subarray(0, 1)];
    const value = forge(Buffer.concat([start, unfinished]), (salt) => `v1.${kid}|${NAME}|${salt}`);
    expect(codec.open(value)).toBe('a\ufffdb\ufffd');
  });
});
