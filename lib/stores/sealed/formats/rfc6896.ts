import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { deflateRawSync, deflateSync, inflateRawSync, inflateSync } from 'node:zlib';
import { wrongOption } from '../../../core/util/options.js';
import { decodeStrictly, derive, type Envelope, type KeyRing, type SealedCodec } from './format.js';

/** `deflate` is raw DEFLATE (RFC 1951), as RFC 6896 specifies; `zlib` is DEFLATE in a zlib wrapper (RFC 1950), as in libscs. */
export type ScsCompression = false | 'deflate' | 'zlib';

/** Keys and algorithms under one name (RFC 6896 §3.2.2). */
export interface ScsKeySet {
  /** The TID: 1 to 64 characters. */
  tid: string;
  /** AES-128: 16 bytes. */
  key: Uint8Array;
  /** HMAC-SHA1: at least 16 bytes, independent of `key`. */
  hmacKey: Uint8Array;
  /** DEFLATE before encryption. @default false */
  compress?: ScsCompression;
}

const IV = 16;
const AES_KEY = 16;
const HMAC_KEY = 20;
const MIN_HMAC_KEY = 16;
const COMPRESSIONS: readonly unknown[] = [undefined, false, 'deflate', 'zlib'];

/** Maximum size of an inflated session, in bytes. A cookie has 4 kB at most, so more than this is a decompression bomb. */
const MAX_INFLATED = 64 * 1024;

/** The fourth field is an IV of 16 bytes, the last a tag of 20. */
const FORM = /^[\w-]+\|[\w-]+\|[\w-]+\|[\w-]{22}\|[\w-]{27}$/;

/**
 * Secure Cookie Sessions for HTTP (RFC 6896):
 *
 *     scs-cookie-value = eDATA "|" eATIME "|" eTID "|" eIV "|" eAUTHTAG
 *
 * each field in base64url without padding. DATA is the state in AES-128-CBC, ATIME the time of the last contact in
 * decimal seconds (erratum 3557; §3.2.1 says hexadecimal), AUTHTAG the HMAC-SHA1 of the four encoded fields. Appendix A
 * encrypts with a key of 15 bytes; erratum 4085 has the test vector for 16 bytes.
 */
export class ScsFormat implements SealedCodec {
  readonly cacheable = false;
  readonly #sets: ReadonlyMap<string, ScsKeySet>;
  readonly #current: ScsKeySet;
  readonly #maxAge: number;

  /**
   * @param sets the first seals, all of them open
   * @param maxAge `session_max_age`, in milliseconds
   * @throws SessionError `ERR_OPTIONS` for sets that {@link keySetsComplaint} complains about
   */
  constructor(sets: readonly ScsKeySet[], maxAge: number) {
    const complaint = keySetsComplaint(sets);
    if (complaint !== undefined) throw wrongOption('SealedCookie', `keySets: ${complaint}`);
    this.#sets = new Map(sets.map((set) => [encode(Buffer.from(set.tid)), set]));
    this.#current = sets[0]!;
    this.#maxAge = maxAge;
  }

  /**
   * Key sets that are derived from the application's secrets: one for each secret and kind of compression, so that
   * existing cookies still open when `compress` changes. The TID identifies the algorithms as well as the keys.
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

  /** The outbound transform (§3.2.5) with a given IV; {@link seal} uses a new one each time. */
  write(state: Buffer, atime: number, iv: Buffer): string {
    const { key, hmacKey, tid, compress = false } = this.#current;
    const cipher = createCipheriv('aes-128-cbc', key, iv);
    const data = Buffer.concat([cipher.update(squeeze(state, compress)), cipher.final()]);
    const fields = [data, Buffer.from(String(atime)), Buffer.from(tid), iv].map(encode).join('|');
    return `${fields}|${encode(tagOf(fields, hmacKey))}`;
  }

  /** The inbound transform (§3.2.6): checks fields, TID, tag and age, then decrypts and inflates. `undefined` at any failure. */
  read(value: string, now: number): Buffer | undefined {
    const fields = value.split('|', 6);
    if (fields.length !== 5) return undefined;
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

/** What is wrong with a list of key sets, as part of a message; `undefined` for a valid list. Never contains a key. */
export function keySetsComplaint(sets: readonly (Partial<ScsKeySet> | null)[]): string | undefined {
  if (sets.length === 0) return 'give at least one.';
  for (const set of sets) {
    const complaint = keySetComplaint(set ?? {});
    if (complaint !== undefined) return complaint;
  }
  const tids = sets.map((set) => set!.tid!);
  const twice = tids.find((tid, at) => tids.indexOf(tid) !== at);
  return twice === undefined ? undefined : `two key sets have the tid "${twice}".`;
}

function keySetComplaint({ tid, key, hmacKey, compress }: Partial<ScsKeySet>): string | undefined {
  if (typeof tid !== 'string' || !/^[\x21-\x7e]{1,64}$/.test(tid))
    return 'a tid has 1 to 64 visible ASCII characters.';
  if (!(key instanceof Uint8Array) || key.length !== AES_KEY)
    return `the key of "${tid}" must be a Buffer or Uint8Array of ${AES_KEY} bytes.`;
  if (!(hmacKey instanceof Uint8Array) || hmacKey.length < MIN_HMAC_KEY)
    return `the hmacKey of "${tid}" must be a Buffer or Uint8Array of at least ${MIN_HMAC_KEY} bytes.`;
  if (!COMPRESSIONS.includes(compress)) return "compress is false, 'deflate' or 'zlib'.";
  return undefined;
}
