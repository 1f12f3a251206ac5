import { createCipheriv, createHmac, createSecretKey } from 'node:crypto';
import { deflateRawSync, deflateSync } from 'node:zlib';
import { ScsFormat, type ScsKeySet } from '../../../../lib/stores/sealed/formats/rfc6896.js';

const SECONDS = 1_893_456_000;
const NOW = SECONDS * 1000;
const HOUR = 3_600_000;
const NAME = '__Host-session';
const secret = (text: string) => createSecretKey(Buffer.from(text.padEnd(32, '.')));
const [CURRENT, OLD] = [secret('the secret of today'), secret('the secret of yesterday')];
const IV = Buffer.alloc(16, 7);
const envelope = { lastSeenAt: NOW, expiresAt: NOW + HOUR, subject: 'alice', binding: undefined };

describe('the form of a value of RFC 6896', () => {
  const codec = new ScsFormat(ScsFormat.keySets([CURRENT], NAME), HOUR);
  const ALL = 'az-AZ_09';
  const FIELDS = ['data', 'atime', 'tid', 'i'.repeat(22), 't'.repeat(27)];
  const value = (at: number, text: string) => FIELDS.with(at, text).join('|');

  it.each([
    ['of short fields', `d|a|t|${FIELDS[3]}|${FIELDS[4]}`],
    ['of a long content', value(0, 'd'.repeat(4_000))],
    ['of all characters of base64url in DATA', value(0, ALL)],
    ['of all characters of base64url in ATIME', value(1, ALL)],
    ['of all characters of base64url in TID', value(2, ALL)],
    ['of all characters of base64url in IV', value(3, ALL.padEnd(22, '-'))],
    ['of all characters of base64url in AUTHTAG', value(4, ALL.padEnd(27, '_'))],
    ['of what another secret sealed', new ScsFormat(ScsFormat.keySets([OLD], NAME), HOUR).seal('', envelope)],
  ])('is recognised: %s', (_of, text) => {
    expect(codec.hasForm(text)).toBe(true);
  });

  it.each([
    ['after other text', `=|${FIELDS.join('|')}`],
    ['after a character that is none of base64url', `+${FIELDS.join('|')}`],
    ['before other text', `${FIELDS.join('|')}|x`],
    ['with a line feed', `${FIELDS.join('|')}\n`],
    ['of four fields', FIELDS.slice(1).join('|')],
    ...[0, 1, 2, 3, 4].flatMap((at) => [
      [`with field ${at} empty`, value(at, '')],
      [`with field ${at} in base64`, value(at, '+/'.padEnd(FIELDS[at]!.length, 'A'))],
    ]),
    ['with an IV of 21 characters', value(3, 'i'.repeat(21))],
    ['with an IV of 23 characters', value(3, 'i'.repeat(23))],
    ['with a tag of 26 characters', value(4, 't'.repeat(26))],
    ['with a tag of 28 characters', value(4, 't'.repeat(28))],
    ['of nothing', ''],
  ])('is not that of a value %s', (_of, text) => {
    expect(codec.hasForm(text)).toBe(false);
  });
});

describe('the key sets that are derived from the secrets', () => {
  // What browsers have from an earlier version has to open after an update as well.
  it.each([
    [
      false,
      'wj7w-0w-LGwJKfz78tF1OfVQ8eEN-gY5ttKbverhNSt_C-t0klAutJJjI0kjQQOS|MTg5MzQ1NjAwMA|ZE5mS0EzOXk|A6VLRSespQCYwyX0QfbAGA|PQJiya0SQ57sCbcS9Fd6Cg-sHI4',
    ],
    [
      'deflate',
      'Worl81rKVPAk5nJrsrASJWUZzGK9nwhHu_g1h7bqPYo|MTg5MzQ1NjAwMA|ZGZGdkxjU1M|k3yGfjTzM6b25L5im7pC6g|pKZga3t3qhTUz7Ds-HgqGg15L8A',
    ],
    [
      'zlib',
      'NzchoVmjujjedBvbtBHW3uX_err3QdMqeec_WCBt8r4|MTg5MzQ1NjAwMA|aFR6VXpqdEw|XM-BY7T4Qp3qWDTrZ5Qvfw|VxHzHqVypoJgrUWG8OH1Y61_jlE',
    ],
  ] as const)('open a value with compression %s in each later version', (_compress, value) => {
    const codec = new ScsFormat(ScsFormat.keySets([OLD, CURRENT], NAME), HOUR);
    expect(codec.open(value, NOW)).toBe('{"user":"Zoë"}{"user":"Zoë"}{"user":"Zoë"}');
  });

  it.each([
    [undefined, [false, 'deflate', 'zlib']],
    [false, [false, 'deflate', 'zlib']],
    ['deflate', ['deflate', false, 'zlib']],
    ['zlib', ['zlib', false, 'deflate']],
  ] as const)('begin with the compression that is configured: %s', (compress, order) => {
    const sets = ScsFormat.keySets([CURRENT, OLD], NAME, compress);
    expect(sets.map((set) => set.compress)).toEqual([...order, ...order]);
    const both = [CURRENT, OLD].flatMap((key) => ScsFormat.keySets([key], NAME, compress));
    expect(sets).toEqual(both);
  });

  it('share no key, and no key is part of another', () => {
    const sets = [NAME, 'session'].flatMap((name) => ScsFormat.keySets([CURRENT, OLD], name));
    const keys = sets.flatMap(({ tid, key, hmacKey }) => [Buffer.from(tid, 'base64url'), key, hmacKey]);
    const beginnings = keys.map((key) => Buffer.from(key).subarray(0, 6).toString('hex'));
    expect(new Set(beginnings).size).toBe(36);
    expect(keys.map((key) => key.length)).toEqual(Array.from({ length: 12 }, () => [6, 16, 20]).flat());
  });
});

const set: ScsKeySet = { tid: 'a', key: Buffer.alloc(16, 1), hmacKey: Buffer.alloc(20, 2) };
const compressed = (compress: 'deflate' | 'zlib'): ScsKeySet => ({ ...set, tid: compress, compress });
const codec = new ScsFormat([set, compressed('deflate'), compressed('zlib')], HOUR);
const base64url = (text: string) => Buffer.from(text).toString('base64url');

/** What only the owner of the keys can make: the tag is right, whatever it covers. */
function signed({
  data = encrypted(Buffer.from('state')),
  atime = base64url(String(SECONDS)),
  tid = 'a',
  iv = IV.toString('base64url'),
}): string {
  const fields = `${data}|${atime}|${base64url(tid)}|${iv}`;
  return `${fields}|${createHmac('sha1', set.hmacKey).update(fields).digest('base64url')}`;
}

function encrypted(state: Buffer): string {
  const cipher = createCipheriv('aes-128-cbc', set.key, IV);
  return Buffer.concat([cipher.update(state), cipher.final()]).toString('base64url');
}

describe('a value of RFC 6896', () => {
  it('is written as five fields, each in base64url', () => {
    const value = codec.write(Buffer.from('state'), SECONDS, IV);
    expect(value).toBe(signed({}));
    expect(codec.read(value, NOW)).toEqual(Buffer.from('state'));
  });

  it.each(['', 'fifteen bytes..', 'sixteen bytes ..', 'Zoë 🦊', 'line\n\0'.repeat(300)])(
    'opens to the same content',
    (content) => {
      expect(codec.open(codec.seal(content, envelope), NOW)).toBe(content);
    },
  );

  it('has a new IV each time, and the time of the last contact in whole seconds', () => {
    const [one, other] = [999, 999].map((ms) => codec.seal('x', { ...envelope, lastSeenAt: NOW + ms }));
    expect(one).not.toBe(other);
    expect(one!.split('|')[1]).toBe(base64url(String(SECONDS)));
  });

  it('opens only for a time, so its content is not cached', () => {
    expect(codec.open(signed({}), NOW + HOUR)).toBe('state');
    expect(codec.open(signed({}), NOW + HOUR + 1_000)).toBeUndefined();
    expect(codec.cacheable).toBe(false);
  });

  it.each([
    ['in its last second', 1_500, NOW + 2_999, 'state'],
    ['not in the second after', 1_500, NOW + 3_000, undefined],
    ['not in the second after a maximum of whole seconds', 2_000, NOW + 3_000, undefined],
    ['if its time is yet to come', 1_500, NOW - HOUR, 'state'],
    ['always for who asks for the content of an expired one', 0, -Infinity, 'state'],
  ])('opens %s', (_when, maxAge, now, content) => {
    expect(new ScsFormat([set], maxAge).open(signed({}), now)).toBe(content);
  });
});

describe('a value of RFC 6896 with a right tag', () => {
  it.each(['0', String(SECONDS), '999999999999999'])('opens with the ATIME %s', (atime) => {
    expect(codec.open(signed({ atime: base64url(atime) }), 0)).toBe('state');
  });

  it.each(['', ' 1', '1 ', '1\n', '-1', '+1', '1.5', '1e3', '0x1', 'x1', '1x', '9999999999999999'])(
    'is rejected with the ATIME "%s"',
    (atime) => {
      expect(codec.open(signed({ atime: base64url(atime) }), 0)).toBeUndefined();
    },
  );

  it.each([
    ['an ATIME', { atime: 'A' }],
    ['an ATIME', { atime: `${base64url(String(SECONDS))}=` }],
    ['an IV', { iv: 'A' }],
    ['an IV', { iv: `${IV.toString('base64url')}==` }],
    ['data', { data: 'A' }],
    ['data', { data: `${encrypted(Buffer.from('state'))}==` }],
  ])('is rejected with %s in another encoding than base64url: %j', (_field, fields) => {
    expect(codec.open(signed(fields), NOW)).toBeUndefined();
  });

  it.each([
    ['no data', { data: '' }],
    ['no IV', { iv: '' }],
    ['no TID', { tid: '' }],
    ['an unknown TID', { tid: 'b' }],
    ['an IV of 15 bytes', { iv: IV.subarray(1).toString('base64url') }],
    ['an IV of 17 bytes', { iv: Buffer.alloc(17, 7).toString('base64url') }],
    ['less than a block', { data: Buffer.alloc(15).toString('base64url') }],
    ['a wrong padding', { data: Buffer.alloc(16).toString('base64url') }],
  ])('is rejected with %s', (_what, fields) => {
    expect(codec.open(signed(fields), NOW)).toBeUndefined();
  });

  const fields = signed({}).split('|');

  it.each([
    ['a sixth field', [...fields, '']],
    ['seven fields', [...fields, '', '']],
    ['four fields', fields.slice(0, 4)],
    ['no tag', fields.with(4, '')],
    ['a tag of one byte', fields.with(4, 'AA')],
    ['a tag of 21 bytes', fields.with(4, `${fields[4]}A`)],
    ['padding after the tag', fields.with(4, `${fields[4]}=`)],
    [
      'an altered tag',
      fields.with(
        4,
        fields[4]!.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
      ),
    ],
    ['altered data', fields.with(0, encrypted(Buffer.from('State')))],
    ['a later ATIME', fields.with(1, base64url(String(SECONDS + 1)))],
    ['another IV', fields.with(3, Buffer.alloc(16, 8).toString('base64url'))],
    ['another TID', fields.with(2, base64url('zlib'))],
  ])('is rejected with %s', (_what, altered) => {
    expect(codec.open(altered.join('|'), NOW)).toBeUndefined();
  });
});

describe('compression of RFC 6896', () => {
  const ways = [
    ['deflate', deflateRawSync],
    ['zlib', deflateSync],
  ] as const;
  /** By the plain set, so that the state is what the test compressed. */
  const holding = (state: Buffer, tid: 'deflate' | 'zlib') => signed({ data: encrypted(state), tid });

  it.each(ways)(
    '%s opens what another implementation compressed, and is a value of its own',
    (tid, squeeze) => {
      const state = 'state '.repeat(100);
      expect(codec.open(holding(squeeze(Buffer.from(state)), tid), NOW)).toBe(state);
      const value = new ScsFormat([compressed(tid)], HOUR).seal(state, envelope);
      expect(value.length).toBeLessThan(150);
      expect(codec.open(value, NOW)).toBe(state);
      expect(codec.open(holding(squeeze(Buffer.from(state)), tid === 'zlib' ? 'deflate' : 'zlib'), NOW)).toBe(
        undefined,
      );
    },
  );

  it.each(ways)('%s inflates 64 kB and no more', (tid, squeeze) => {
    const most = Buffer.alloc(64 * 1024, 'x');
    expect(codec.open(holding(squeeze(most), tid), NOW)).toBe(most.toString());
    expect(codec.open(holding(squeeze(Buffer.concat([most, most])), tid), NOW)).toBeUndefined();
    expect(codec.open(holding(squeeze(Buffer.alloc(64 * 1024 + 1, 'x')), tid), NOW)).toBeUndefined();
  });

  it.each(ways)('%s rejects what is not compressed', (tid) => {
    expect(codec.open(holding(Buffer.from('state'), tid), NOW)).toBeUndefined();
  });
});
