import { createCipheriv, createHmac, createSecretKey } from 'node:crypto';
import { LiuFormat } from '../../../../lib/stores/sealed/formats/liu.js';

const NOW = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;
const NAME = '__Host-session';
const secret = (text: string) => createSecretKey(Buffer.from(text.padEnd(32, '.')));
const [CURRENT, OLD] = [secret('the secret of today'), secret('the secret of yesterday')];
const [sk, former] = LiuFormat.keys([CURRENT, OLD], NAME) as [Buffer, Buffer];
const codec = new LiuFormat([sk, former]);
const envelope = { lastSeenAt: NOW, expiresAt: NOW + HOUR, subject: 'alice', binding: undefined };

describe('the form of a liu value', () => {
  const DATA = 'd'.repeat(43);
  const TAG = 't'.repeat(43);

  it.each([
    ['of an anonymous session', `|1|${DATA}|${TAG}`],
    ['of a user of one character', `Y|1|${DATA}|${TAG}`],
    ['of all characters of base64url', `az-AZ_09|1|${DATA}az-AZ_09|-_AZaz09${TAG.slice(8)}`],
    ['with an expiration of 10 digits', `YWxpY2U|1893459600|${DATA}|${TAG}`],
    ['with an expiration of 15 digits', `YWxpY2U|987654321012345|${DATA}|${TAG}`],
    ['of a long content', `YWxpY2U|1893459600|${'d'.repeat(4_000)}|${TAG}`],
  ])('is recognised: %s', (_of, value) => {
    expect(codec.hasForm(value)).toBe(true);
  });

  it.each([
    ['after other text', `=|YWxpY2U|1|${DATA}|${TAG}`],
    ['after a character that is none of base64url', `+YWxpY2U|1|${DATA}|${TAG}`],
    ['before other text', `YWxpY2U|1|${DATA}|${TAG}|x`],
    ['with a line feed', `YWxpY2U|1|${DATA}|${TAG}\n`],
    ['without an expiration', `YWxpY2U||${DATA}|${TAG}`],
    ['with an expiration of zero', `YWxpY2U|0|${DATA}|${TAG}`],
    ['with a leading zero', `YWxpY2U|01|${DATA}|${TAG}`],
    ['with an expiration of 16 digits', `YWxpY2U|9876543210123456|${DATA}|${TAG}`],
    ['with an expiration in hexadecimal', `YWxpY2U|1a|${DATA}|${TAG}`],
    ['with less than an IV and a block', `YWxpY2U|1|${DATA.slice(1)}|${TAG}`],
    ['with data in base64', `YWxpY2U|1|+/${DATA}|${TAG}`],
    ['with a tag of 42 characters', `YWxpY2U|1|${DATA}|${TAG.slice(1)}`],
    ['with a tag of 44 characters', `YWxpY2U|1|${DATA}|${TAG}t`],
    ['with a tag in base64', `YWxpY2U|1|${DATA}|+/${TAG.slice(2)}`],
    ['of three fields', `1|${DATA}|${TAG}`],
    ['of nothing', ''],
  ])('is not that of a value %s', (_of, value) => {
    expect(codec.hasForm(value)).toBe(false);
  });

  it.each([undefined, 'alice'])('is that of what it seals for the user %s', (subject) => {
    expect(codec.hasForm(codec.seal('', { ...envelope, subject }))).toBe(true);
  });
});

describe('a liu value', () => {
  // What browsers have from an earlier version has to open after an update as well.
  it.each([
    [
      '',
      undefined,
      '|1893459600|8R58oQdNccWCsMfQYbCLIE9hZcxEoXQhuI9NBHmLoIU|LUKpISXuIvpud8MLbO4I_NWTrSQWskkxtU9ugk1tdlw',
    ],
    [
      'YWxpY2U',
      'thumbprint',
      'YWxpY2U|1893459600|fXzK_7zIMFNJlDZX3VBwpOVImfuG0HEKynD5g0ksmCc|HcPBp83Ws9Y-pLlleworT3zY67o7_49tflP2Gmdv8z0',
    ],
    [
      'YWxpY2U',
      undefined,
      'YWxpY2U|1893459600|HRGk5tAJiSDiylGCIobpzDxzhZBlekhloyQU8T28kkY|4Cs9LncO1mTDdVgi28isvJ2m8kVypsP6Lv_kA9YanVM',
    ],
  ])('of the user "%s" with the S "%s" opens in each later version', (user, binding, value) => {
    expect(value.split('|')[0]).toBe(user);
    expect(codec.open(value, NOW, binding)).toBe('{"user":"Zoë"}');
  });

  it.each(['', 'x', 'fifteen bytes..', 'sixteen bytes ..', 'Zoë 🦊', 'line\n\0'.repeat(300)])(
    'opens to the same content',
    (content) => {
      expect(codec.open(codec.seal(content, envelope), NOW)).toBe(content);
    },
  );

  it('shows the user and the expiration, and no user of an anonymous session', () => {
    expect(codec.seal('x', envelope).split('|').slice(0, 2)).toEqual(['YWxpY2U', '1893459600']);
    expect(codec.seal('x', { ...envelope, subject: undefined }).split('|')[0]).toBe('');
  });

  it('is sealed with the first key, and differs each time', () => {
    const value = codec.seal('x', envelope);
    expect(new LiuFormat([sk]).open(value, NOW)).toBe('x');
    expect(new LiuFormat([former]).open(value, NOW)).toBeUndefined();
    expect(codec.seal('x', envelope)).not.toBe(value);
  });

  it('opens only for the S and before the expiration, so its content is not cached', () => {
    const value = codec.seal('x', { ...envelope, binding: 'S' });
    expect(codec.open(value, NOW, 'S')).toBe('x');
    expect(codec.open(value, NOW, 's')).toBeUndefined();
    expect(codec.open(value, NOW)).toBeUndefined();
    expect(codec.open(value, NOW + HOUR, 'S')).toBeUndefined();
    expect(codec.cacheable).toBe(false);
  });

  it.each([
    ['to the last millisecond', NOW + HOUR, NOW + HOUR - 1, 'x'],
    ['not at its expiration', NOW + HOUR, NOW + HOUR, undefined],
    ['until the end of the second in which it expires', NOW + 1, NOW + 999, 'x'],
    ['not after that second', NOW + 1, NOW + 1_000, undefined],
    ['always for who asks for the content of an expired one', NOW, -Infinity, 'x'],
  ])('opens %s', (_when, expiresAt, now, content) => {
    expect(codec.open(codec.seal('x', { ...envelope, expiresAt }), now)).toBe(content);
  });

  it('has keys of its own for each name of a cookie', () => {
    const [other] = LiuFormat.keys([CURRENT], 'session') as [Buffer];
    expect(other).toHaveLength(32);
    expect(other).not.toEqual(sk);
  });
});

const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();

interface Forged {
  expiration?: string;
  /** A whole number of blocks, encrypted as they are. */
  padded?: Buffer;
  /** What the MAC covers. */
  data?: Buffer;
  /** Of the bytes of IV and ciphertext. */
  cut?: (sealed: Buffer) => Buffer;
}

const BLOCK = Buffer.from('state'.padEnd(16, '\x0b'));
const STATE = Buffer.from('state');

/** What only the owner of the key can make: the MAC is right, whatever it covers. */
function forge({ expiration = '1893459600', padded = BLOCK, data = STATE, cut = same }: Forged): string {
  const known = `YWxpY2U|${expiration}`;
  const key = hmac(sk, known);
  const iv = Buffer.alloc(16, 3);
  const cipher = createCipheriv('aes-256-cbc', key, iv).setAutoPadding(false);
  const sealed = cut(Buffer.concat([iv, cipher.update(padded), cipher.final()]));
  const tag = hmac(key, `${known}|${data.toString('base64url')}|`);
  return `${known}|${sealed.toString('base64url')}|${tag.toString('base64url')}`;
}

const same = (bytes: Buffer): Buffer => bytes;
const open = (value: string) => codec.open(value, NOW);

describe('a liu value with a right MAC', () => {
  it('opens', () => {
    expect(open(forge({}))).toBe('state');
  });

  it.each(['1893459601', '987654321012345'])('opens with the expiration %s', (expiration) => {
    expect(open(forge({ expiration }))).toBe('state');
  });

  it('opens with an expiration of one digit for who asks for the content of an expired one', () => {
    expect(codec.open(forge({ expiration: '1' }), -Infinity)).toBe('state');
  });

  it.each(['', '0', '01893459600', ' 1893459600', '1893459600 ', '+1893459600', '1893459600.5'])(
    'is rejected with the expiration "%s"',
    (expiration) => {
      expect(open(forge({ expiration }))).toBeUndefined();
    },
  );

  it.each(['1e12', '0x70dc', '1893459600\n', 'Infinity', '9876543210123456'])(
    'is rejected with the expiration "%s", which is more than decimal seconds',
    (expiration) => {
      expect(codec.open(forge({ expiration }), -Infinity)).toBeUndefined();
    },
  );

  it.each(Array.from({ length: 16 }, (_, i) => i + 1))('opens with a padding of %i', (length) => {
    const data = Buffer.alloc(32 - length, 'd');
    const padded = Buffer.concat([data, Buffer.alloc(length, length)]);
    expect(open(forge({ padded, data }))).toBe(data.toString());
  });

  // Of two blocks: 32 bytes of which the last are replaced.
  const ending = (...bytes: number[]) => Buffer.from([...Buffer.alloc(32 - bytes.length, 'd'), ...bytes]);
  const many = (count: number, byte: number) => Array.from({ length: count }, () => byte);

  it.each([
    ['of zero', ending(0), 32],
    ['of zero, of which nothing is left', ending(0), 0],
    ['of 17 bytes', ending(...many(17, 17)), 15],
    ['of 32 bytes', ending(...many(32, 32)), 0],
    ['of 255', ending(255), 32],
    ['of 2 whose first byte differs', ending(1, 2), 30],
    ['of 3 whose first byte differs', ending(2, 3, 3), 29],
    ['of 3 whose second byte differs', ending(3, 2, 3), 29],
    ['of 16 whose first byte differs', ending(0, ...many(15, 16)), 16],
    ['of 16 whose last but one differs', ending(...many(14, 16), 0, 16), 16],
  ])('is rejected with a padding %s', (_of, padded, length) => {
    expect(open(forge({ padded, data: padded.subarray(0, length) }))).toBeUndefined();
    // Nor does it open if the MAC covers what would be left in place: all of it.
    expect(open(forge({ padded, data: padded }))).toBeUndefined();
  });

  it.each([0, 15, 16, 17, 31])('is rejected with %i bytes of IV and data', (length) => {
    const nothing = Buffer.alloc(0);
    expect(open(forge({ data: nothing, cut: (sealed) => sealed.subarray(0, length) }))).toBeUndefined();
  });

  it('is rejected with more than whole blocks', () => {
    expect(open(forge({ cut: (sealed) => Buffer.concat([sealed, Buffer.alloc(1)]) }))).toBeUndefined();
  });

  const [user, expiration, data, tag] = forge({}).split('|') as [string, string, string, string];

  it.each([
    ['with a fifth field', [user, expiration, data, tag, '']],
    ['with six fields', [user, expiration, data, tag, '', '']],
    ['without a tag', [user, expiration, data]],
    ['with an empty tag', [user, expiration, data, '']],
    ['with a tag of one byte', [user, expiration, data, 'AA']],
    ['with a tag of 33 bytes', [user, expiration, data, `${tag.slice(0, -1)}AAA`]],
    ['with padding after the tag', [user, expiration, data, `${tag}=`]],
    ['with padding after the data', [user, expiration, `${data}=`, tag]],
    ['with another user', ['Ym9i', expiration, data, tag]],
    ['with a later expiration', [user, '1893459601', data, tag]],
  ])('is rejected %s', (_of, fields) => {
    expect(open(fields.join('|'))).toBeUndefined();
  });
});
