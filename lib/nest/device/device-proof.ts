import * as jose from 'jose';
import type { DeviceAlgorithm, DeviceKey, PublicJwk } from '../../core/device/device-key.js';
import type { DeviceRefusal } from '../../core/device/device-refusal.js';

/** What a device has signed: the key of it, if it was verified by one, and the challenge. */
export type Proof<K> =
  | { readonly kind: 'valid'; readonly key: K; readonly challenge: string }
  | { readonly kind: 'refused'; readonly reason: DeviceRefusal };

/** A proof of ours is far shorter, one with a key of RSA-4096 included. */
const LONGEST = 4_096;
const LONGEST_CHALLENGE = 256;

/** header "." payload "." signature, of which the last may be empty (RFC 7515 §7.1). */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** 32 octets in unpadded base64url: a coordinate of P-256 (RFC 7518 §6.2.1). */
const COORDINATE = /^[\w-]{43}$/;

/** Of 2048 to 4096 bits, and an exponent of at most four octets (RFC 7518 §6.3.1). */
const MODULUS = /^[\w-]{342,683}$/;
const EXPONENT = /^[\w-]{1,6}$/;

/**
 * Verifies what devices sign: JWTs of the type `dbsc+jwt` (W3C Device Bound Session Credentials). The cryptography is that of
 * `jose`; what is checked here is what the protocol asks for beyond a valid signature.
 */
export class DeviceProofs {
  readonly #algorithms: readonly DeviceAlgorithm[];

  constructor(algorithms: readonly DeviceAlgorithm[]) {
    this.#algorithms = algorithms;
  }

  /** A registration is signed with the key that it brings along. */
  async ofRegistration(jwt: string): Promise<Proof<Omit<DeviceKey, 'boundAt'>>> {
    const header = headerOf(jwt);
    if (!header) return refused('malformed');
    const algorithm = this.#algorithms.find((one) => one === header.alg);
    if (!algorithm) return refused('algorithm');
    const jwk = publicJwkOf(header['jwk'], algorithm);
    if (!jwk) return refused('key');
    const imported = await imports(jwk, algorithm);
    if (!imported) return refused('key');
    const thumbprint = await jose.calculateJwkThumbprint({ ...jwk }, 'sha256');
    return verify(jwt, imported, algorithm, { algorithm, thumbprint, jwk });
  }

  /** A refresh is signed with the key that the session has. A key that comes along is none of the protocol. */
  async ofRefresh(jwt: string, key: DeviceKey): Promise<Proof<DeviceKey>> {
    const header = headerOf(jwt);
    if (!header || header['jwk'] !== undefined) return refused('malformed');
    if (header.alg !== key.algorithm) return refused('algorithm');
    const imported = await imports(key.jwk, key.algorithm);
    return imported ? verify(jwt, imported, key.algorithm, key) : refused('key');
  }
}

async function verify<K>(
  jwt: string,
  imported: jose.CryptoKey | Uint8Array,
  algorithm: DeviceAlgorithm,
  key: K,
): Promise<Proof<K>> {
  let payload: Uint8Array;
  try {
    ({ payload } = await jose.compactVerify(jwt, imported, { algorithms: [algorithm] }));
  } catch (error) {
    return refused(isSignatureFailure(error) ? 'signature' : 'malformed');
  }
  const challenge = challengeIn(payload);
  return challenge === undefined ? refused('malformed') : { kind: 'valid', key, challenge };
}

const isSignatureFailure = (error: unknown): boolean =>
  error instanceof jose.errors.JWSSignatureVerificationFailed;

function headerOf(jwt: string): jose.ProtectedHeaderParameters | undefined {
  if (jwt.length > LONGEST || !COMPACT.test(jwt)) return undefined;
  try {
    const header = jose.decodeProtectedHeader(jwt);
    return header.typ === 'dbsc+jwt' ? header : undefined;
  } catch {
    return undefined;
  }
}

/** The public members alone: what else a client writes into its key is not kept. */
function publicJwkOf(jwk: unknown, algorithm: DeviceAlgorithm): PublicJwk | undefined {
  if (typeof jwk !== 'object' || jwk === null) return undefined;
  const { kty, crv, x, y, n, e } = jwk as Record<string, unknown>;
  if (algorithm === 'ES256')
    return kty === 'EC' && crv === 'P-256' && matches(x, COORDINATE) && matches(y, COORDINATE)
      ? { kty, crv, x, y }
      : undefined;
  return kty === 'RSA' && matches(n, MODULUS) && matches(e, EXPONENT) ? { kty, n, e } : undefined;
}

const matches = (value: unknown, pattern: RegExp): value is string =>
  typeof value === 'string' && pattern.test(value);

/** Fails for a point that is not on the curve. */
async function imports(
  jwk: PublicJwk,
  algorithm: DeviceAlgorithm,
): Promise<jose.CryptoKey | Uint8Array | undefined> {
  try {
    return await jose.importJWK({ ...jwk }, algorithm);
  } catch {
    return undefined;
  }
}

function challengeIn(payload: Uint8Array): string | undefined {
  try {
    const { jti } = JSON.parse(new TextDecoder().decode(payload)) as { jti?: unknown };
    return typeof jti === 'string' && jti.length <= LONGEST_CHALLENGE ? jti : undefined;
  } catch {
    return undefined;
  }
}

const refused = (reason: DeviceRefusal): { kind: 'refused'; reason: DeviceRefusal } => ({
  kind: 'refused',
  reason,
});
