import { randomBytes } from 'node:crypto';
import { DEVICE_KEY, type SessionRecord } from '../model/record.js';

/** How a device may sign (RFC 7518 §3.1): ECDSA on P-256, or RSASSA-PKCS1-v1_5, each with SHA-256. */
export type DeviceAlgorithm = 'ES256' | 'RS256';

/** The public members of a key (RFC 7517), and no others. */
export type PublicJwk =
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string }
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string };

/** The key of the device to which a session is bound. Public: whoever reads the record cannot sign with it. */
export interface DeviceKey {
  readonly algorithm: DeviceAlgorithm;
  /** SHA-256 of the key, base64url (RFC 7638). Empty for a key that this version cannot read, with which nothing is proved. */
  readonly thumbprint: string;
  /** Milliseconds since the epoch. */
  readonly boundAt: number;
  readonly jwk: PublicJwk;
}

type Layout = [
  algorithm: DeviceAlgorithm,
  thumbprint: string,
  boundAt: number,
  first: string,
  second: string,
  nonce: string,
];

/**
 * The text that a record keeps of a key. The nonce makes each text differ, so that of two commits with the same key one
 * conflicts, and a commit that a driver has sent twice does not.
 */
export function writeDeviceKey({ algorithm, thumbprint, boundAt, jwk }: DeviceKey): string {
  const [first, second] = jwk.kty === 'EC' ? [jwk.x, jwk.y] : [jwk.n, jwk.e];
  const nonce = randomBytes(6).toString('base64url');
  return JSON.stringify([algorithm, thumbprint, boundAt, first, second, nonce] satisfies Layout);
}

/** The key to which a session is bound; `undefined` for a session that is not bound. */
export function deviceKeyOf({ extra }: Pick<SessionRecord, 'extra'>): DeviceKey | undefined {
  const text = extra?.[DEVICE_KEY];
  return text === undefined ? undefined : (readKey(text) ?? UNREADABLE);
}

/** Since when a session is bound to a device; the start of the epoch if the time cannot be read. */
export function boundAtOf(record: SessionRecord): Date | undefined {
  const key = deviceKeyOf(record);
  return key && new Date(Math.max(0, key.boundAt));
}

function readKey(text: string): DeviceKey | undefined {
  const layout = parse(text);
  if (!Array.isArray(layout)) return undefined;
  const [algorithm, thumbprint, boundAt, first, second] = layout as Partial<Layout>;
  if (typeof thumbprint !== 'string' || !isTime(boundAt)) return undefined;
  if (typeof first !== 'string' || typeof second !== 'string') return undefined;
  switch (algorithm) {
    case 'ES256':
      return { algorithm, thumbprint, boundAt, jwk: { kty: 'EC', crv: 'P-256', x: first, y: second } };
    case 'RS256':
      return { algorithm, thumbprint, boundAt, jwk: { kty: 'RSA', n: first, e: second } };
    default:
      return undefined;
  }
}

/** A later version may keep keys of other kinds. The session is bound all the same, so it fails closed. */
const UNREADABLE: DeviceKey = {
  algorithm: 'ES256',
  thumbprint: '',
  boundAt: -Infinity,
  jwk: { kty: 'EC', crv: 'P-256', x: '', y: '' },
};

/** The last moment that a `Date` can be, in milliseconds since the epoch. */
const LAST = 8.64e15;

const isTime = (value: unknown): value is number => typeof value === 'number' && Math.abs(value) <= LAST;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
