import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

// OWASP's Password Storage Cheat Sheet: about a third of a second of work, and 32 MiB.
const COST = { N: 2 ** 15, r: 8, p: 3 };
const MAX_MEMORY = 64 * 1024 * 1024;
const KEY_LENGTH = 32;

/** A hash with a salt of its own: `salt$key`, each in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  return `${salt.toString('base64url')}$${(await derive(password, salt)).toString('base64url')}`;
}

/**
 * Whether a password is the one that was hashed. Without a hash, for a user who does not exist, it works as
 * hard: the time that a failed login takes must not tell who has an account.
 */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  const [salt, key] = (hash ?? (await nobodysHash)).split('$').map((part) => Buffer.from(part, 'base64url'));
  const same = timingSafeEqual(await derive(password, salt!), key!);
  return same && hash !== undefined;
}

// Made at start, so that not even the first such login takes longer.
const nobodysHash = hashPassword(randomBytes(16).toString('base64url'));

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // People type the same accent in different ways (RFC 8265 §4.2).
    scrypt(password.normalize('NFC'), salt, KEY_LENGTH, { ...COST, maxmem: MAX_MEMORY }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
