import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { deflateRawSync, deflateSync, inflateRawSync, inflateSync } from 'node:zlib';
import { SessionError } from '../../../core/util/errors.js';
import { decodeStrictly, derive, type Envelope, type KeyRing, type SealedCodec } from './format.js';

/** `deflate` is RFC 1951 as the RFC has it; `zlib` wraps it (RFC 1950), as libscs does. */
export type ScsCompression = false | 'deflate' | 'zlib';

/** Keys and algorithms under one name (RFC 6896 §3.2.2). */
export interface ScsKeySet {
  /** The TID: 1 to 64 characters. */
  tid: string;
  /** AES-128: 16 bytes. */
  key: Uint8Array;
  /** HMAC-SHA1: at least 16 bytes, independent of `key`. */
  hmacKey: Uint8Array;
  /** @default false */
  compress?: ScsCompression;
}

const IV = 16;
const AES_KEY = 16;
const HMAC_KEY = 20;

/** A cookie has 4 kB. What inflates to more than this is no session of ours, but a bomb. */
const MAX_INFLATED = 64 * 1024;

/** The last but one is an IV of 16 bytes, the last a tag of 20. */
const FORM = /^[\w-]+\|[\w-]+\|[\w-]+\|[\w-]{22}\|[\w-]{27}$/;

/**
 * Secure Cookie Sessions for HTTP (RFC 6896):
 *
 *     scs-cookie-value = eDATA "|" eATIME "|" eTID "|" eIV "|" eAUTHTAG
 *
 * each base64url without padding. DATA is AES-128-CBC of the state, ATIME the time of the last contact in
 * decimal seconds (erratum 3557; §3.2.1 says hexadecimal), AUTHTAG the HMAC-SHA1 of the four fields as they are
 * written. Appendix A encrypts with a key of 15 bytes; erratum 4085 has the vector with 16.
 */
export class ScsFormat implements SealedCodec {
  readonly byValueAlone = false;
  readonly #sets: ReadonlyMap<string, ScsKeySet>;
  readonly #current: ScsKeySet;
  readonly #maxAge: number;

  /**
   * @param sets the first seals, all of them open
   * @param maxAge `session_max_age`, in milliseconds
   */
  constructor(sets: readonly ScsKeySet[], maxAge: number) {
    for (const set of sets) check(set);
    if (sets.length === 0) throw wrong('give at least one');
    this.#sets = new Map(sets.map((set) => [encode(Buffer.from(set.tid)), set]));
    this.#current = sets[0]!;
    this.#maxAge = maxAge;
  }

  /**
   * Key sets of an application's secrets. For each there is one with compression and one without, so that
   * nobody is logged out when that is changed: the TID names the algorithms, too.
   */
  static keySets(secrets: KeyRing, cookieName: string, compress: ScsCompression = false): ScsKeySet[] {
    const kinds: ScsCompression[] = [false, 'deflate', 'zlib'];
    const order = [compress, ...kinds.filter((kind) => kind !== compress)];
    return secrets.flatMap((secret) =>
      order.map((kind) => {
        const purpose = (what: string) => `nest-sessions/scs/${kind || 'plain'}/${what}/${cookieName}`;
        return {
          tid: derive(secret, purpose('tid'), 6).toString('base64url'),
          key: derive(secret, purpose('key'), AES_KEY),
          hmacKey: derive(secret, purpose('hmac'), HMAC_KEY),
          compress: kind,
        };
      }),
    );
  }

  seal(content: string, { lastSeenAt }: Envelope): string {
    return this.write(Buffer.from(content), Math.floor(lastSeenAt / 1000), randomBytes(IV));
  }

  hasForm(value: string): boolean {
    return FORM.test(value);
  }

  open(value: string, now: number): string | undefined {
    return this.read(value, now)?.toString('utf8');
  }

  /** The outbound transform (§3.2.5) with everything given; {@link seal} takes a new IV each time. */
  write(state: Buffer, atime: number, iv: Buffer): string {
    const { key, hmacKey, tid, compress = false } = this.#current;
    const cipher = createCipheriv('aes-128-cbc', key, iv);
    const data = Buffer.concat([cipher.update(squeeze(state, compress)), cipher.final()]);
    const fields = [data, Buffer.from(String(atime)), Buffer.from(tid), iv].map(encode).join('|');
    return `${fields}|${encode(tagOf(fields, hmacKey))}`;
  }

  /** The inbound transform (§3.2.6): five fields, TID, tag, age, decryption, inflation. Any failure discards all. */
  read(value: string, now: number): Buffer | undefined {
    const fields = value.split('|', 6);
    if (fields.length !== 5 || fields.includes('')) return undefined;
    const [eData, eAtime, eTid, eIv, eTag] = fields as [string, string, string, string, string];
    const set = this.#sets.get(eTid);
    if (!set || !authentic(`${eData}|${eAtime}|${eTid}|${eIv}`, eTag, set.hmacKey)) return undefined;
    const atime = decodeStrictly(eAtime)?.toString('latin1') ?? '';
    if (!/^\d{1,15}$/.test(atime) || this.#aged(Number(atime), now)) return undefined;
    return decrypt(set, decodeStrictly(eData), decodeStrictly(eIv));
  }

  #aged(atime: number, now: number): boolean {
    return Math.floor(now / 1000) - atime > Math.ceil(this.#maxAge / 1000);
  }
}

function decrypt(set: ScsKeySet, data: Buffer | undefined, iv: Buffer | undefined): Buffer | undefined {
  if (!data || iv?.length !== IV) return undefined;
  try {
    const decipher = createDecipheriv('aes-128-cbc', set.key, iv);
    return expand(Buffer.concat([decipher.update(data), decipher.final()]), set.compress ?? false);
  } catch {
    return undefined;
  }
}

function authentic(fields: string, eTag: string, key: Uint8Array): boolean {
  const tag = decodeStrictly(eTag);
  const expected = tagOf(fields, key);
  return tag !== undefined && tag.length === expected.length && timingSafeEqual(tag, expected);
}

const tagOf = (fields: string, key: Uint8Array): Buffer => createHmac('sha1', key).update(fields).digest();

const encode = (bytes: Buffer): string => bytes.toString('base64url');

function squeeze(state: Buffer, compress: ScsCompression): Buffer {
  if (!compress) return state;
  return compress === 'zlib' ? deflateSync(state) : deflateRawSync(state);
}

function expand(state: Buffer, compress: ScsCompression): Buffer {
  if (!compress) return state;
  const limit = { maxOutputLength: MAX_INFLATED };
  return compress === 'zlib' ? inflateSync(state, limit) : inflateRawSync(state, limit);
}

function check({ tid, key, hmacKey, compress }: ScsKeySet): void {
  if (!/^[\x21-\x7e]{1,64}$/.test(tid)) throw wrong('a tid has 1 to 64 visible ASCII characters');
  if (key.length !== AES_KEY)
    throw wrong(`the key of "${tid}" has ${key.length} bytes instead of ${AES_KEY}`);
  if (hmacKey.length < 16) throw wrong(`the hmacKey of "${tid}" has less than 16 bytes`);
  if (![undefined, false, 'deflate', 'zlib'].includes(compress))
    throw wrong(`compress is false, 'deflate' or 'zlib'`);
}

const wrong = (what: string): SessionError =>
  new SessionError('ERR_OPTIONS', `SealedCookie: keySets: ${what}.`);
