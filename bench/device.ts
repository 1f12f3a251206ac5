import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

/** One for all browsers: the server treats the keys of two sessions alike, whether they are the same or not. */
const { publicKey, privateKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
// Node 20 may hang where a key that it has generated itself is exported.
const jwk = createPublicKey({ key: publicKey, type: 'spki', format: 'der' }).export({ format: 'jwk' });

/** What a browser that binds its sessions sends after a login whose response invites it; `undefined` without invitation. */
export function bindingOf(
  registration: string | null,
): { path: string; headers: Record<string, string> } | undefined {
  const [, path, challenge] = /;path="([^"]+)";challenge="([^"]+)"/.exec(registration ?? '') ?? [];
  if (path === undefined || challenge === undefined) return undefined;
  const header = { alg: 'ES256', typ: 'dbsc+jwt', jwk };
  const text = `${encoded(header)}.${encoded({ jti: challenge })}`;
  const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return { path, headers: { 'secure-session-response': `${text}.${signature.toString('base64url')}` } };
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
