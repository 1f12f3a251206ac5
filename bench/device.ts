import { generateKeyPairSync, sign } from 'node:crypto';

/** What a browser that binds its sessions sends after a login whose response invites it; `undefined` without invitation. */
export function bindingOf(
  registration: string | null,
): { path: string; headers: Record<string, string> } | undefined {
  const [, path, challenge] = /;path="([^"]+)";challenge="([^"]+)"/.exec(registration ?? '') ?? [];
  if (path === undefined || challenge === undefined) return undefined;
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const header = { alg: 'ES256', typ: 'dbsc+jwt', jwk: publicKey.export({ format: 'jwk' }) };
  const text = `${encoded(header)}.${encoded({ jti: challenge })}`;
  const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return { path, headers: { 'secure-session-response': `${text}.${signature.toString('base64url')}` } };
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
