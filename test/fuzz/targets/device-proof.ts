import { createPrivateKey, sign } from 'node:crypto';
import type { DeviceKey } from '../../../lib/core/device/device-key.js';
import type { DeviceRefusal } from '../../../lib/core/device/device-refusal.js';
import { DeviceProofs, type Proof } from '../../../lib/nest/device/device-proof.js';
import { must, type Target } from '../engine/target.js';
import { DEVICE, REFRESH, REFRESH_PROOF, REGISTER, REGISTRATION_PROOF, THUMBPRINT } from './issued-device.js';
import { NOW } from './keys.js';

const { d: _, ...publicJwk } = DEVICE;
const key: DeviceKey = { algorithm: 'ES256', thumbprint: THUMBPRINT, boundAt: NOW, jwk: publicJwk };
const privateKey = createPrivateKey({ key: DEVICE, format: 'jwk' });
const proofs = new DeviceProofs(['ES256', 'RS256']);

/** What the device has signed, without the signatures: of these there are several for a text. */
const signedOf = (jwt: string): string => jwt.slice(0, jwt.lastIndexOf('.'));
const issued = new Map([
  [signedOf(REGISTRATION_PROOF), REGISTER],
  [signedOf(REFRESH_PROOF), REFRESH],
]);

const REASONS: readonly DeviceRefusal[] = ['malformed', 'algorithm', 'key', 'signature'];

type AnyProof = Proof<Omit<DeviceKey, 'boundAt'>>;

async function check(input: string): Promise<void> {
  await checkAsSent(input);
  await checkSigned(input);
}

/** Nobody but the device can sign: what is accepted was issued. */
async function checkAsSent(jwt: string): Promise<void> {
  for (const proof of [await proofs.ofRegistration(jwt), await proofs.ofRefresh(jwt, key)]) {
    checkTyped(proof);
    if (proof.kind === 'refused') continue;
    must(issued.get(signedOf(jwt)) === proof.challenge, 'only what was signed is accepted', jwt);
    must(proof.key.thumbprint === THUMBPRINT, 'the key is the one that signed', proof.key);
  }
}

/** A header and a payload, a line each, that the device has signed, whatever they say. */
async function checkSigned(input: string): Promise<void> {
  const [header = '', payload = ''] = input.split('\n', 2);
  const said = { header: objectIn(header), payload: objectIn(payload) };
  const jwt = signedBy(header, payload, said.header?.['typ'] === TYPE);
  const registration = await proofs.ofRegistration(jwt);
  const refresh = await proofs.ofRefresh(jwt, key);
  for (const proof of [registration, refresh]) {
    checkTyped(proof);
    if (proof.kind === 'refused') continue;
    must(said.header?.['typ'] === TYPE, 'a proof is of the type', header);
    must(said.header['alg'] === 'ES256', 'the algorithm is the one of the key', header);
    must(said.header['crit'] === undefined, 'an extension that is critical is none of ours', header);
    must(proof.challenge === said.payload?.['jti'], 'the challenge is what was signed', payload);
    must(proof.challenge.length <= 256, 'a challenge is short');
    must(proof.key.thumbprint === THUMBPRINT, 'the key is the one that signed', proof.key);
    must(
      Object.keys(proof.key.jwk).join() === 'kty,crv,x,y',
      'a key has its public members alone',
      proof.key,
    );
  }
  must(registration.kind === 'refused' || isOurs(said.header?.['jwk']), 'a key came along', header);
  must(refresh.kind === 'refused' || said.header?.['jwk'] === undefined, 'no key came along', header);
  // Such a refusal ends the session.
  must(
    refresh.kind === 'valid' || refresh.reason !== 'signature',
    'what the device has signed is no forgery',
    input,
  );
}

const TYPE = 'dbsc+jwt';

/** Signs only what is looked at so far: of other types the header alone is. */
function signedBy(header: string, payload: string, looked: boolean): string {
  const text = [header, payload].map((part) => Buffer.from(part).toString('base64url')).join('.');
  if (!looked) return `${text}.${'A'.repeat(86)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

function checkTyped(proof: AnyProof): void {
  must(proof.kind === 'valid' || REASONS.includes(proof.reason), 'a refusal has a reason', proof);
}

const isOurs = (jwk: unknown): boolean =>
  typeof jwk === 'object' &&
  jwk !== null &&
  'x' in jwk &&
  jwk.x === DEVICE.x &&
  'y' in jwk &&
  jwk.y === DEVICE.y;

/** As the octets of a JWT are read: in UTF-8, without a byte order mark. */
function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(Buffer.from(text)));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const headerWith = (change: object): string => JSON.stringify({ alg: 'ES256', typ: TYPE, ...change });
const payload = JSON.stringify({ jti: REGISTER });

export const deviceProofTarget: Target = {
  name: 'device-proof',
  seeds: [
    REGISTRATION_PROOF,
    REFRESH_PROOF,
    `${signedOf(REGISTRATION_PROOF)}.`,
    `${signedOf(REFRESH_PROOF)}.${'A'.repeat(86)}`,
    ...[
      { jwk: publicJwk },
      {},
      { jwk: { ...publicJwk, y: DEVICE.x } },
      { jwk: { ...publicJwk, kty: 'RSA', n: 'A'.repeat(342), e: 'AQAB' }, alg: 'RS256' },
      { alg: 'none' },
      { alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } },
      { crit: ['b64'], b64: false },
      { zip: 'DEF', kid: '1', jku: 'https://evil.example/', x5c: ['AAAA'] },
    ].map((change) => `${headerWith(change)}\n${payload}`),
    `${headerWith({})}\n{"jti":"a","jti":1}`,
    `${headerWith({})}\n${JSON.stringify({ jti: 'x'.repeat(257) })}`,
    `${headerWith({})}\nnull`,
  ],
  words: [
    ...['"alg":', '"typ":', '"jwk":', '"jti":', '"crit":', '"b64":', '"kty":', '"crv":', '"x":', '"y":'],
    ...['"n":', '"e":', '"AQAB"', '"ES256"', '"RS256"', '"none"', '"HS256"', '"EC"', '"RSA"', '"P-256"'],
    ...[`"${TYPE}"`, '"dbsc\\u002bjwt"', '"__proto__":', '{', '}', '[', ']', ',', '\n', '\ufeff', 'null'],
    ...[`"${DEVICE.x}"`, `"${DEVICE.y}"`, `"${REGISTER}"`, '.', 'eyJ', 'AAAA', '=', '-', '_'],
  ],
  check,
  parse: async (input) => {
    await proofs.ofRegistration(input);
    await proofs.ofRefresh(input, key);
  },
};
