import { createDecipheriv, createHmac, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { LiuFormat } from '../../../lib/stores/sealed/formats/liu.js';
import { ScsFormat, type ScsKeySet } from '../../../lib/stores/sealed/formats/rfc6896.js';
import { decodeStrictly, type SealedCodec } from '../../../lib/stores/sealed/formats/format.js';
import { SealedFormat } from '../../../lib/stores/sealed/formats/sealed.js';

const NOW = Date.UTC(2030, 0, 1);
const NAME = '__Host-session';
const HOUR = 3_600_000;
const secret = (text: string) => createSecretKey(Buffer.from(text.padEnd(32, text)));
const OLD = secret('the-old-secret-of-the-application');
const CURRENT = secret('the-new-secret-of-the-application');
const envelope = { lastSeenAt: NOW, expiresAt: NOW + HOUR, subject: 'alice', binding: undefined };

const make: Record<string, (keys: (typeof OLD)[], name?: string) => SealedCodec> = {
  sealed: (keys, name = NAME) => new SealedFormat(keys, name),
  scs: (keys, name = NAME) => new ScsFormat(ScsFormat.keySets(keys, name), HOUR),
  liu: (keys, name = NAME) => new LiuFormat(LiuFormat.keys(keys, name)),
};
const formats = Object.entries(make);
const separator: Record<string, string> = { sealed: '.', scs: '|', liu: '|' };

describe.each(formats)('the format %s', (format, codecOf) => {
  const codec = codecOf([CURRENT]);
  const open = (value: string) => codec.open(value, NOW, undefined);

  it('opens what it sealed, and the value contains no plain text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (content) => {
        const marked = `a-secret-to-keep ${content}`;
        const value = codec.seal(marked, envelope);
        expect(open(value)).toBe(marked);
        for (const part of value.split(/[.|]/))
          expect(Buffer.from(part, 'base64url').toString('latin1')).not.toContain('a-secret-to-keep');
      }),
    );
  });

  it('uses only cookie-octets, and a new value each time', () => {
    const values = new Set(Array.from({ length: 10_000 }, () => codec.seal('the same state', envelope)));
    expect(values.size).toBe(10_000);
    // cookie-octet (RFC 6265 §4.1.1)
    for (const value of values) expect(value).toMatch(/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/);
  });

  it('rejects a value with any bit flipped', () => {
    const value = codec.seal('{"role":"user"}', envelope);
    for (let at = 0; at < value.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const altered = Buffer.from(value, 'latin1');
        altered[at]! ^= 1 << bit;
        expect(open(altered.toString('latin1'))).toBeUndefined();
      }
    }
  });

  it('rejects a value that is truncated, extended or joined with another', () => {
    const [one, other] = [codec.seal('one', envelope), codec.seal('another', envelope)];
    const dot = separator[format]!;
    fc.assert(
      fc.property(fc.nat(one.length), fc.nat(other.length), (a, b) => {
        for (const altered of [
          one.slice(0, a),
          one.slice(a),
          one.slice(0, a) + other.slice(b),
          one + other.slice(b),
        ]) {
          if (altered !== one && altered !== other) expect(open(altered)).toBeUndefined();
        }
      }),
      { numRuns: 2_000 },
    );
    const [mine, theirs] = [one.split(dot), other.split(dot)];
    for (let i = 0; i < mine.length; i++) {
      for (let j = 0; j < mine.length; j++) {
        const swapped = mine.with(i, mine[j]!).with(j, mine[i]!).join(dot);
        if (swapped !== one) expect(open(swapped)).toBeUndefined();
        const moved = mine.with(i, theirs[j]!).join(dot);
        if (moved !== one && moved !== other) expect(open(moved)).toBeUndefined();
      }
      expect(open(mine.with(i, '').join(dot))).toBeUndefined();
      expect(open(mine.toSpliced(i, 1).join(dot))).toBeUndefined();
      expect(open(mine.toSpliced(i, 0, mine[i]!).join(dot))).toBeUndefined();
    }
  });

  it('rejects a value with a separator moved', () => {
    const value = codec.seal('state', { ...envelope, subject: 'user12345' });
    const dot = separator[format]!;
    for (let at = 0; at < value.length; at++) {
      if (value[at] !== dot) continue;
      for (const by of [-3, -2, -1, 1, 2, 3]) {
        const without = value.slice(0, at) + value.slice(at + 1);
        expect(open(without.slice(0, at + by) + dot + without.slice(at + by))).toBeUndefined();
      }
    }
  });

  it('rejects arbitrary text, whole or as a field', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.base64String(), fc.constant('__proto__')),
        (text) => {
          const parts = codec.seal('x', envelope).split(separator[format]!);
          expect(open(text)).toBeUndefined();
          for (let i = 0; i < parts.length; i++) {
            if (parts[i] !== text) expect(open(parts.with(i, text).join(separator[format]))).toBeUndefined();
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('rejects a tag of one byte without throwing', () => {
    const parts = codec.seal('x', envelope).split(separator[format]!);
    expect(open(parts.with(-1, 'AA').join(separator[format]))).toBeUndefined();
  });

  it('replaces a key in three steps', () => {
    const [before, during, after] = [codecOf([OLD]), codecOf([CURRENT, OLD]), codecOf([CURRENT])];
    const old = before.seal('state', envelope);
    const fresh = during.seal('state', envelope);
    expect(during.open(old, NOW, undefined)).toBe('state');
    expect(after.open(fresh, NOW, undefined)).toBe('state');
    expect(before.open(fresh, NOW, undefined)).toBeUndefined();
    expect(after.open(old, NOW, undefined)).toBeUndefined();
  });

  it('is bound to the name of the cookie', () => {
    const value = codecOf([CURRENT], 'another').seal('state', envelope);
    expect(open(value)).toBeUndefined();
  });
});

it('no format opens a value of another', () => {
  for (const [from, codecOf] of formats) {
    const value = codecOf([CURRENT]).seal('state', envelope);
    for (const [to, other] of formats)
      expect(other([CURRENT]).open(value, NOW, undefined)).toBe(from === to ? 'state' : undefined);
  }
});

describe('the format sealed', () => {
  const codec = new SealedFormat([CURRENT], NAME);

  it("can be opened with Node's crypto as documented", () => {
    const value = codec.seal('what is inside');
    const [version, kid, rest] = value.split('.') as [string, string, string];
    const bytes = Buffer.from(rest, 'base64url');
    const salt = bytes.subarray(0, 16);
    const material = Buffer.from(hkdfSync('sha256', CURRENT, salt, `nest-sessions/v1/${NAME}`, 44));
    const decipher = createDecipheriv('aes-256-gcm', material.subarray(0, 32), material.subarray(32));
    decipher.setAAD(Buffer.from(`v1.${kid}|${NAME}|${salt.toString('base64url')}`));
    decipher.setAuthTag(bytes.subarray(-16));
    expect(version).toBe('v1');
    expect(decipher.update(bytes.subarray(16, -16), undefined, 'utf8') + decipher.final('utf8')).toBe(
      'what is inside',
    );
  });

  it('rejects another version and an unknown key id', () => {
    const value = codec.seal('x');
    const [, kid] = value.split('.') as [string, string];
    expect(codec.open(value.replace('v1', 'v2'))).toBeUndefined();
    expect(codec.open(value.replace('v1', 'none'))).toBeUndefined();
    expect(codec.open(value.replace(kid, 'AAAAAAAA'))).toBeUndefined();
    expect(codec.open(value.replace(kid, '__proto__'))).toBeUndefined();
  });
});

/** RFC 6896, appendix A, as erratum 4085 corrects it. */
describe('the vector of RFC 6896', () => {
  const set: ScsKeySet = {
    tid: 'tid',
    key: Buffer.from('0123456789abcdef'),
    hmacKey: Buffer.from('12345678901234567890'),
  };
  const VECTOR =
    'pzSOjcNui9-HWS_Qk1Pwpg|MTM0NzI2NTk1NQ|dGlk|tL3lJPf2nUSFMN6dtVXJTw|uea1fgC67RmOxfpNz8gMbnPWfDA';
  const ATIME = 1_347_265_955;
  const codec = new ScsFormat([set], HOUR);

  it('is written byte for byte', () => {
    const iv = Buffer.from('tL3lJPf2nUSFMN6dtVXJTw', 'base64url');
    expect(codec.write(Buffer.from('a state string'), ATIME, iv)).toBe(VECTOR);
  });

  it('is read', () => {
    expect(codec.read(VECTOR, ATIME * 1000)?.toString()).toBe('a state string');
  });

  it('expires by ATIME in decimal seconds (erratum 3557)', () => {
    expect(codec.read(VECTOR, ATIME * 1000 + HOUR)?.toString()).toBe('a state string');
    expect(codec.read(VECTOR, ATIME * 1000 + HOUR + 1_000)).toBeUndefined();
  });

  it('rejects the key of 15 bytes in the appendix', () => {
    const printed = { ...set, key: Buffer.from('123456789abcdef') };
    expect(() => new ScsFormat([printed], HOUR)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
  });

  it('rejects ATIME in hexadecimal, as in the text of the RFC', () => {
    const fields = `pzSOjcNui9-HWS_Qk1Pwpg|${Buffer.from(ATIME.toString(16)).toString('base64url')}|dGlk|tL3lJPf2nUSFMN6dtVXJTw`;
    const tag = createHmac('sha1', set.hmacKey).update(fields).digest('base64url');
    expect(codec.read(`${fields}|${tag}`, ATIME * 1000)).toBeUndefined();
  });
});

describe('the format scs', () => {
  it.each([false, 'deflate', 'zlib'] as const)(
    'reads a value with compression %s, also if another is configured now',
    (compress) => {
      const [set] = ScsFormat.keySets([CURRENT], NAME, compress);
      const value = new ScsFormat([set!], HOUR).seal('state '.repeat(50), envelope);
      expect(new ScsFormat(ScsFormat.keySets([CURRENT], NAME), HOUR).open(value, NOW)).toBe(
        'state '.repeat(50),
      );
      if (compress) expect(value.length).toBeLessThan(250);
    },
  );

  it("can be decrypted with Node's crypto", () => {
    const [set] = ScsFormat.keySets([CURRENT], NAME);
    const value = new ScsFormat([set!], HOUR).seal('a state', envelope);
    const fields = value.split('|');
    const [data, atime, tid, iv, tag] = fields.map((field) => Buffer.from(field, 'base64url'));
    expect(createHmac('sha1', set!.hmacKey).update(fields.slice(0, 4).join('|')).digest()).toEqual(tag);
    expect(Number(atime!.toString())).toBe(NOW / 1000);
    expect(tid!.toString()).toBe(set!.tid);
    const decipher = createDecipheriv('aes-128-cbc', set!.key, iv!);
    expect(decipher.update(data!, undefined, 'utf8') + decipher.final('utf8')).toBe('a state');
  });

  it('rejects a decompression bomb', () => {
    const set: ScsKeySet = {
      tid: 'bomb',
      key: randomBytes(16),
      hmacKey: randomBytes(20),
      compress: 'deflate',
    };
    const plain = { ...set, compress: false as const };
    const bomb = deflateRawSync(Buffer.alloc(3_000_000)); // 3 kB, which fits in a cookie
    expect(bomb.length).toBeLessThan(4_000);
    const value = new ScsFormat([plain], HOUR).write(bomb, NOW / 1000, randomBytes(16));
    expect(new ScsFormat([plain], HOUR).read(value, NOW)).toEqual(bomb);
    expect(new ScsFormat([set], HOUR).read(value, NOW)).toBeUndefined();
  });
});

describe('the format liu', () => {
  const [sk] = LiuFormat.keys([CURRENT], NAME) as [Buffer];
  const codec = new LiuFormat([sk]);
  const bound = { ...envelope, binding: 'thumbprint of a key' };

  it("can be decrypted and verified with Node's crypto", () => {
    const value = codec.seal('the data', bound);
    const [user, expiration, data, tag] = value.split('|') as [string, string, string, string];
    expect(Buffer.from(user, 'base64url').toString()).toBe('alice');
    expect(Number(expiration)).toBe((NOW + HOUR) / 1000);
    const hmac = (key: Uint8Array, text: string) => createHmac('sha256', key).update(text).digest();
    const k = hmac(sk, `${user}|${expiration}`);
    const bytes = Buffer.from(data, 'base64url');
    const decipher = createDecipheriv('aes-256-cbc', k, bytes.subarray(0, 16));
    const plain = decipher.update(bytes.subarray(16), undefined, 'utf8') + decipher.final('utf8');
    expect(plain).toBe('the data');
    const inside = ['the data', 'thumbprint of a key'].map((text) => Buffer.from(text).toString('base64url'));
    expect(hmac(k, `${user}|${expiration}|${inside.join('|')}`).toString('base64url')).toBe(tag);
  });

  it('opens only with the S of sealing', () => {
    const value = codec.seal('the data', bound);
    expect(codec.open(value, NOW, 'thumbprint of a key')).toBe('the data');
    expect(codec.open(value, NOW, 'thumbprint of another key')).toBeUndefined();
    expect(codec.open(value, NOW, undefined)).toBeUndefined();
  });

  it('rejects an expired value', () => {
    const value = codec.seal('the data', envelope);
    expect(codec.open(value, NOW + HOUR - 1, undefined)).toBe('the data');
    expect(codec.open(value, NOW + HOUR, undefined)).toBeUndefined();
  });

  it('rejects digits moved between user and expiration', () => {
    const value = codec.seal('the data', { ...envelope, subject: 'user1' });
    const [user, expiration, ...rest] = value.split('|') as [string, string, ...string[]];
    const renamed = Buffer.from('user').toString('base64url');
    expect(codec.open([renamed, `1${expiration}`, ...rest].join('|'), NOW, undefined)).toBeUndefined();
    expect(
      codec.open([user + expiration[0]!, expiration.slice(1), ...rest].join('|'), NOW, undefined),
    ).toBeUndefined();
  });
});

describe('strict base64url', () => {
  it('accepts exactly one text for the same bytes', () => {
    expect(decodeStrictly('AA')).toEqual(Buffer.from([0]));
    for (const other of ['AB', 'AA=', 'AA==', 'A A', 'AA\n', 'A', '+/+/'])
      expect(decodeStrictly(other)).toBeUndefined();
  });
});
