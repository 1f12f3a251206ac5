import { createCipheriv, createHmac, createSecretKey } from 'node:crypto';
import type { SealedCodec } from '../../../lib/stores/sealed/formats/format.js';
import { LiuFormat } from '../../../lib/stores/sealed/formats/liu.js';
import { ScsFormat, type ScsKeySet } from '../../../lib/stores/sealed/formats/rfc6896.js';
import { SealedFormat } from '../../../lib/stores/sealed/formats/sealed.js';

const NAME = '__Host-session';
const NOW = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;
const ring = [createSecretKey(Buffer.from('a secret of the application, of 32 bytes and more'))];

describe('a cookie that was sealed before an update of the library opens after it', () => {
  it.each<[string, SealedCodec, string]>([
    [
      'sealed',
      new SealedFormat(ring, NAME),
      'v1.BGCIQLT1.-43LoKDsJwuFtGeEwdTQKd3_H5NoWdok33-TdPdSHa-nnDL4JH35',
    ],
    [
      'scs',
      new ScsFormat(ScsFormat.keySets(ring, NAME), HOUR),
      'SpXI_3kRz4sDDIa6rbgc_A|MTg5MzQ1NjAwMA|c2xlbnZXLXQ|A-iXin2SdqAlJp3Slfj_Jg|lPfl6L6YfWvzv_Ryq2l9sQ-HU9g',
    ],
    [
      'scs with deflate',
      new ScsFormat(ScsFormat.keySets(ring, NAME), HOUR),
      'evXmyMrmDeaziF_vfT1L8A|MTg5MzQ1NjAwMA|dThseVB3azg|c7n8T9oPvIPJ58lJGuDooQ|I0GpN5PXFWQ_9TIAjJjOfgsYfW0',
    ],
    [
      'scs with zlib',
      new ScsFormat(ScsFormat.keySets(ring, NAME), HOUR),
      'LqOvBNH9UiwKKbSzd9Q_pQ|MTg5MzQ1NjAwMA|UEFPNm9iRUQ|VaLg-AjJxnLOMbgzu9Gmkw|u26VliMLQzHEPvhH8M5-5WKfA2I',
    ],
    [
      'liu',
      new LiuFormat(LiuFormat.keys(ring, NAME)),
      'YWxpY2U|1893459600|_79GNoqyauo781iphvZjdC3oknVW9jJHr2eglYXWHbY|OtvLXVwsAwAz2gwTt7VSNVf2MIQ-tu4d27LoWt8S6W8',
    ],
  ])('in the format %s', (_format, codec, value) => {
    expect(codec.open(value, NOW, undefined)).toBe('grüße');
  });
});

describe('the format liu', () => {
  const [sk] = LiuFormat.keys(ring, NAME) as [Buffer];
  const codec = new LiuFormat([sk]);
  const hmac = (key: Uint8Array, text: string) => createHmac('sha256', key).update(text).digest();

  /** A value with a right MAC over `content`, and `padded` as what was encrypted. */
  function sealed(content: Buffer, padded: Buffer, expiration = String((NOW + HOUR) / 1000)): string {
    const known = `YWxpY2U|${expiration}`;
    const [k, iv] = [hmac(sk, known), Buffer.alloc(16, 7)];
    const cipher = createCipheriv('aes-256-cbc', k, iv).setAutoPadding(false);
    const data = Buffer.concat([iv, cipher.update(padded), cipher.final()]).toString('base64url');
    return `${known}|${data}|${hmac(k, `${known}|${content.toString('base64url')}|`).toString('base64url')}`;
  }

  const padding = (length: number, bytes = length) => Buffer.alloc(bytes, length);
  const text = (length: number) => Buffer.alloc(length, 'x');

  it.each([1, 2, 8, 15, 16])('opens a value whose padding has %d bytes', (length) => {
    const content = text(32 - length);
    expect(codec.open(sealed(content, Buffer.concat([content, padding(length)])), NOW, '')).toBe(
      content.toString(),
    );
  });

  // The sender of such a value knows the key. The rest of the world must not learn from it whether a padding was right.
  it.each([
    ['is missing', Buffer.concat([text(31), padding(0, 1)])],
    ['is longer than a block', Buffer.concat([text(15), padding(17)])],
    ['has another first byte', Buffer.concat([text(24), Buffer.from([1]), padding(8, 7)])],
    ['has another first byte of 16', Buffer.concat([text(16), Buffer.from([1]), padding(16, 15)])],
    ['has another byte in it', Buffer.concat([text(24), padding(8, 4), Buffer.from([1]), padding(8, 3)])],
  ])('rejects a value whose padding %s, with a MAC over all of it', (_what, padded) => {
    expect(codec.open(sealed(padded, padded), NOW, '')).toBeUndefined();
    const shortened = padded.subarray(0, padded.length - padded.at(-1)!);
    expect(codec.open(sealed(shortened, padded), NOW, '')).toBeUndefined();
  });

  it.each(['0', '01', '1e99', '+9999999999', ' 9999999999', '9999999999 ', '9'.repeat(16)])(
    'rejects the expiration "%s", with a right MAC',
    (expiration) => {
      const content = text(8);
      const padded = Buffer.concat([content, padding(8)]);
      expect(codec.open(sealed(content, padded, '9'.repeat(15)), NOW, '')).toBe('xxxxxxxx');
      expect(codec.open(sealed(content, padded, expiration), NOW, '')).toBeUndefined();
    },
  );

  it('has an empty user in an anonymous session', () => {
    const value = codec.seal('x', {
      lastSeenAt: NOW,
      expiresAt: NOW,
      subject: undefined,
      binding: undefined,
    });
    expect(value.startsWith('|')).toBe(true);
  });
});

describe('the format scs', () => {
  const set: ScsKeySet = {
    tid: 'tid',
    key: Buffer.from('0123456789abcdef'),
    hmacKey: Buffer.from('12345678901234567890'),
  };
  const codec = new ScsFormat([set], HOUR);
  const [data, atime, tid, iv] = codec
    .write(Buffer.from('state'), NOW / 1000, Buffer.alloc(16, 7))
    .split('|') as [string, string, string, string];

  /** With a right tag. */
  function tagged(...fields: string[]): string {
    const text = fields.join('|');
    return `${text}|${createHmac('sha1', set.hmacKey).update(text).digest('base64url')}`;
  }

  it('opens what is tagged by its key', () => {
    expect(codec.open(tagged(data, atime, tid, iv), NOW)).toBe('state');
  });

  it.each([
    ['no data', tagged('', atime, tid, iv)],
    ['no time', tagged(data, '', tid, iv)],
    ['no key set', tagged(data, atime, '', iv)],
    ['no IV', tagged(data, atime, tid, '')],
    ['no tag', `${data}|${atime}|${tid}|${iv}|`],
    ['data that is not base64url', tagged(`${data}=`, atime, tid, iv)],
    ['data of no whole blocks', tagged(data.slice(0, -2), atime, tid, iv)],
    ['a time that is not base64url', tagged(data, `${atime}=`, tid, iv)],
    ['a time of 16 digits', tagged(data, Buffer.from('9'.repeat(16)).toString('base64url'), tid, iv)],
    ['a time of other characters', tagged(data, Buffer.from('1893456000x').toString('base64url'), tid, iv)],
    ['an IV that is not base64url', tagged(data, atime, tid, `${iv}=`)],
    ['an IV of 15 bytes', tagged(data, atime, tid, Buffer.alloc(15).toString('base64url'))],
    ['an IV of 17 bytes', tagged(data, atime, tid, Buffer.alloc(17).toString('base64url'))],
    ['a field more', tagged(data, atime, tid, iv, 'AAAA')],
  ])('rejects %s, with a right tag', (_what, value) => {
    expect(codec.open(value, NOW)).toBeUndefined();
  });

  it.each<[string, Partial<ScsKeySet>[], RegExp]>([
    ['none', [], /at least one/],
    ['a null', [null as never], /tid/],
    ['no tid', [{ ...set, tid: undefined }], /tid/],
    ['a tid that is no text', [{ ...set, tid: 7 as never }], /tid/],
    ['an empty tid', [{ ...set, tid: '' }], /tid/],
    ['a tid of 65 characters', [{ ...set, tid: 't'.repeat(65) }], /tid/],
    ['a tid with a space at its end', [{ ...set, tid: 'tid ' }], /tid/],
    ['a tid with a space at its front', [{ ...set, tid: ' tid' }], /tid/],
    ['no key', [{ ...set, key: undefined }], /the key of "tid"/],
    ['a key of 17 bytes', [{ ...set, key: Buffer.alloc(17) }], /the key of "tid"/],
    ['a key that is a text', [{ ...set, key: '0123456789abcdef' as never }], /the key of "tid"/],
    ['no hmacKey', [{ ...set, hmacKey: undefined }], /the hmacKey of "tid"/],
    ['an hmacKey of 15 bytes', [{ ...set, hmacKey: Buffer.alloc(15) }], /the hmacKey of "tid"/],
    ['an hmacKey that is a text', [{ ...set, hmacKey: 'x'.repeat(20) as never }], /the hmacKey of "tid"/],
    ['another compression', [{ ...set, compress: 'gzip' as never }], /compress/],
    ['the same tid twice', [set, { ...set, tid: 'other' }, set], /two key sets have the tid "tid"/],
    ['a wrong second', [set, { ...set, tid: '' }], /tid/],
  ])('refuses key sets with %s at boot, and says which option it is', (_what, sets, message) => {
    const make = () => new ScsFormat(sets as ScsKeySet[], HOUR);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
    expect(make).toThrow(/SealedCookie/);
    expect(make).toThrow(/keySets/);
    expect(make).toThrow(message);
    expect(make).not.toThrow(/0123456789abcdef|12345678901234567890/);
  });

  it.each<[string, ScsKeySet[]]>([
    ['a tid of 64 characters', [{ ...set, tid: '!~'.repeat(32) }]],
    ['an hmacKey of 16 bytes', [{ ...set, hmacKey: Buffer.alloc(16) }]],
    [
      'every compression',
      [false, 'deflate', 'zlib'].map((compress, at) => ({ ...set, tid: `t${at}`, compress }) as ScsKeySet),
    ],
  ])('takes key sets with %s', (_what, sets) => {
    const wide = new ScsFormat(sets, HOUR);
    expect(
      wide.open(
        wide.seal('state', { lastSeenAt: NOW, expiresAt: NOW, subject: undefined, binding: undefined }),
        NOW,
      ),
    ).toBe('state');
  });
});
