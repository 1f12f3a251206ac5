import { randomBytes } from 'node:crypto';
import { sign } from 'cookie-signature';
import { cookieKeys } from 'nest-sessions';
import { SECRET } from './platforms.js';

const newId = () => randomBytes(16).toString('base64url');
const newSecret = () => randomBytes(32).toString('base64url');

export const COOKIE = '__Host-session';

export interface Token {
  id: string;
  secret: string;
  signature: string;
}

/** Takes a Cookie or Set-Cookie header apart. */
export function tokenOf(header: string): Token {
  const value = header.slice(header.indexOf('=') + 1).split(';', 1)[0]!;
  const [id = '', secret = '', signature = ''] = decodeURIComponent(value).slice('s:'.length).split('.');
  return { id, secret, signature };
}

/** A Cookie header for any text, with a signature that this application would have made. */
export const signedCookie = (text: string, secret = SECRET): string =>
  `${COOKIE}=${encodeURIComponent(`s:${sign(text, cookieKeys(secret)[0]!)}`)}`;

/** The same as versions before 0.2 signed it, and as an application signs that uses the same secret itself. */
export const legacyCookie = (text: string, secret = SECRET): string =>
  `${COOKIE}=${encodeURIComponent(`s:${sign(text, secret)}`)}`;

/** In exactly our form, and signed by a key that is none of ours. */
export const forgedCookie = (): string =>
  signedCookie(`${newId()}.${newSecret()}`, 'another secret, which is long enough for a key');

/** The attributes of a Set-Cookie header after the value, by lower-case name. */
export function attributesOf(setCookie: string): Record<string, string> {
  const attributes = setCookie.split(';').slice(1);
  return Object.fromEntries(
    attributes.map((attribute) => {
      const [name = '', ...value] = attribute.trim().split('=');
      return [name.toLowerCase(), value.join('=')];
    }),
  );
}
