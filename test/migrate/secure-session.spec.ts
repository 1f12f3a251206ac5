import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import fastify from 'fastify';
import secureSession from '@fastify/secure-session';
import { fromSecureSession } from 'nest-sessions/migrate';
import { AppController } from '../support/app.js';
import { send } from '../support/browser.js';
import { closeAll, platforms, start } from '../support/platforms.js';

type Options = Parameters<typeof fromSecureSession>[0];
type OldOptions = object;

const map = (old: object): { subject: string; data: Record<string, unknown> } => ({
  subject: 'alice',
  data: { old },
});

const requestWith = (cookie: string): IncomingMessage => ({ headers: { cookie } }) as IncomingMessage;

const KEY = randomBytes(32);
const SECRET = 'a secret of at least thirty-two bytes';
const SALT = 'sixteen bytes ..';

/** The Cookie header that the library itself would get, with this in its session. */
async function cookieOf(options: OldOptions, content: Record<string, unknown>): Promise<string> {
  const app = fastify();
  await app.register(secureSession, options as never);
  app.get('/', async (request) => {
    const session = request.session as unknown as { set(key: string, value: unknown): void };
    for (const [key, value] of Object.entries(content)) session.set(key, value);
    return {};
  });
  const { setCookies } = await send(await app.listen({ port: 0, host: '127.0.0.1' }), 'GET', {});
  await app.close();
  return setCookies[0]!.split('; ')[0]!;
}

/** What comes over of a cookie, and when it expires. */
async function opened(options: Partial<Options>, cookie: string, now = Date.now()) {
  const source = fromSecureSession({ map, ...options });
  const old = await source.find(requestWith(cookie));
  const there = await old?.load(now);
  return there && { login: there.login(), expiresAt: there.expiresAt, key: old!.key };
}

describe('a cookie of @fastify/secure-session', () => {
  it.each<[string, OldOptions, Partial<Options>]>([
    ['a key', { key: KEY }, { key: KEY }],
    ['a key in base64', { key: KEY.toString('base64') }, { key: KEY.toString('base64') }],
    ['one of several keys', { key: KEY }, { key: [randomBytes(32), KEY] }],
    ['a secret', { secret: SECRET }, { secret: SECRET }],
    ['a secret and a salt', { secret: SECRET, salt: SALT }, { secret: SECRET, salt: SALT }],
    [
      'a secret and a salt in bytes',
      { secret: SECRET, salt: Buffer.from(SALT) },
      { secret: SECRET, salt: Buffer.from(SALT) },
    ],
    ['another name', { key: KEY, cookieName: 'other' }, { key: KEY, cookieName: 'other' }],
    ['a signature', { key: KEY, cookie: { signed: true } }, { key: KEY }],
  ])('is opened with %s', async (_, old, options) => {
    const cookie = await cookieOf(old, { user: 'älice 🗝' });
    expect(await opened(options, cookie)).toMatchObject({ login: { data: { old: { user: 'älice 🗝' } } } });
  });

  it('shows nothing but what the application put into it', async () => {
    const cookie = await cookieOf({ key: KEY }, { user: 'alice' });
    expect((await opened({ key: KEY }, cookie))!.login!.data).toEqual({ old: { user: 'alice' } });
  });

  it('is opened by no other key, secret or salt', async () => {
    expect(await opened({ key: randomBytes(32) }, await cookieOf({ key: KEY }, { a: 1 }))).toBeUndefined();
    const cookie = await cookieOf({ secret: SECRET, salt: SALT }, { a: 1 });
    expect(await opened({ secret: SECRET }, cookie)).toBeUndefined();
    expect(await opened({ secret: `${SECRET}.`, salt: SALT }, cookie)).toBeUndefined();
  });

  it('is opened for as long as the library would', async () => {
    const cookie = await cookieOf({ key: KEY }, { a: 1 });
    const { expiresAt } = (await opened({ key: KEY }, cookie))!;
    expect(Math.abs(expiresAt! - Date.now() - 86_401_000)).toBeLessThan(30_000);
    expect(await opened({ key: KEY }, cookie, expiresAt! - 1)).toBeDefined();
    expect(await opened({ key: KEY }, cookie, expiresAt)).toBeUndefined();
    const shorter = (await opened({ key: KEY, expiry: 60 }, cookie))!;
    expect(expiresAt! - shorter.expiresAt!).toBe(86_341_000);
  });

  it('is one cookie in whichever way its bytes are written', async () => {
    const cookie = await cookieOf({ key: KEY }, { a: 1 });
    const { key } = (await opened({ key: KEY }, cookie))!;
    const [name, value] = cookie.split('=') as [string, string];
    const [cipher, nonce] = decodeURIComponent(value).split(';') as [string, string];
    for (const other of [
      `${cipher.replaceAll('=', '')};${nonce}`,
      `-${cipher};${nonce}==`,
      `${cipher};${nonce};x`,
    ]) {
      const again = await opened({ key: KEY }, `${name}=${encodeURIComponent(other.replace(/^-/, ' '))}`);
      expect(again?.key).toBe(key);
    }
    const another = await cookieOf({ key: KEY }, { a: 1 });
    expect((await opened({ key: KEY }, another))!.key).not.toBe(key);
  });

  it('is nothing where it is cut, altered or something else', async () => {
    const cookie = await cookieOf({ key: KEY }, { a: 1 });
    const value = decodeURIComponent(cookie.slice('session='.length));
    const [cipher, nonce] = value.split(';').map((part) => Buffer.from(part, 'base64')) as [Buffer, Buffer];
    const text = (...parts: Buffer[]): string => parts.map((part) => part.toString('base64')).join(';');
    const flipped = (bytes: Buffer, at: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy[at]! ^= 1;
      return copy;
    };
    const odd = [
      '',
      ';',
      'x',
      text(cipher),
      text(cipher.subarray(0, 15), nonce),
      text(cipher.subarray(0, -1), nonce),
      text(cipher, nonce.subarray(1)),
      text(nonce, cipher),
      ...[0, 15, 16, cipher.length - 1].map((at) => text(flipped(cipher, at), nonce)),
      text(cipher, flipped(nonce, 0)),
    ];
    for (const one of odd)
      expect([one, await opened({ key: KEY }, `session=${encodeURIComponent(one)}`)]).toEqual([
        one,
        undefined,
      ]);
    expect(await opened({ key: KEY }, 'other=1')).toBeUndefined();
  });
});

describe('the options of fromSecureSession()', () => {
  it.each<[string, Partial<Options>, RegExp]>([
    ['neither key nor secret', {}, /key: give what @fastify\/secure-session has/],
    ['a short key', { key: randomBytes(31) }, /key: 32 bytes/],
    ['a key in hex', { key: randomBytes(32).toString('hex') }, /key: 32 bytes/],
    ['a list with a short key', { key: [KEY, randomBytes(16)] }, /key: 32 bytes/],
    ['an empty list', { key: [] }, /key: 32 bytes/],
    ['a short secret', { secret: 'x'.repeat(31) }, /secret: a text of at least 32 bytes/],
    ['a short salt', { secret: SECRET, salt: 'short' }, /salt: 16 bytes/],
    ['an expiry that is none', { key: KEY, expiry: 0 }, /expiry: a positive whole number/],
    ['no map', { key: KEY, map: undefined }, /map: a function of the old session/],
    ['a misspelt option', { key: KEY, cookiename: 'x' } as never, /Did you mean "cookieName"/],
  ])('refuse %s', (_, options, message) => {
    const make = () => fromSecureSession({ map, ...options });
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }) as Error);
  });
});

describe.each(platforms)('a source that cannot get ready, on %s', (platform) => {
  afterEach(closeAll);

  it('fails the start', async () => {
    const source = fromSecureSession({ key: KEY, map });
    const ready = () => Promise.reject(new Error('sodium-native was not found'));
    await expect(
      start(platform, { controllers: [AppController], options: { migrate: [{ ...source, ready }] } }),
    ).rejects.toThrow('sodium-native was not found');
  });
});
