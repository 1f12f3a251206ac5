import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { sign } from 'cookie-signature';
import { sealData } from 'iron-session';
import {
  fromCookieSession,
  fromExpressSession,
  fromFastifySession,
  fromIronSession,
  fromJwt,
  type ConnectSession,
  type ConnectStoreLike,
  type MigrationSource,
} from 'nest-sessions/migrate';

/** What the options of a source say of a cookie; the switch itself is in takeover.spec.ts. */

const HOUR = 3_600_000;
const NOW = Date.UTC(2030, 0, 1);
const SECRET = 'a secret of the other library, long enough';
const PASSWORD = 'a password of at least 32 characters';

const map = (old: object) => ({ subject: 'alice', data: { old } });

const found = async (source: MigrationSource, headers: IncomingMessage['headers'], now = NOW) => {
  const old = await source.find({ headers } as IncomingMessage);
  return (await old?.load(now)) && old;
};

/** One session, in a store that notes how it is called. */
function storeOf(session: ConnectSession, touches: boolean) {
  const calls: string[] = [];
  let written: ConnectSession | undefined;
  const store: ConnectStoreLike = {
    get: (_sid, done) => done(null, session),
    set: (_sid, next, done) => {
      calls.push('set');
      written = next;
      done?.(null);
    },
    destroy: (_sid, done) => done?.(null),
    ...(touches && {
      touch: (_sid: string, next: ConnectSession, done?: (error?: unknown) => void) => {
        calls.push('touch');
        written = next;
        done?.();
      },
    }),
  };
  return { store, calls, written: () => written };
}

const expiringIn = (ms: number, originalMaxAge = HOUR): ConnectSession => ({
  cookie: { originalMaxAge, expires: new Date(NOW + ms) },
});

describe('fromExpressSession()', () => {
  const cookie = `connect.sid=${encodeURIComponent(`s:${sign('the-sid', SECRET)}`)}`;

  it('extends a session that is kept by touch(), and leaves one alone that is not', async () => {
    const kept = storeOf(expiringIn(HOUR), true);
    await found(fromExpressSession({ secret: SECRET, store: kept.store, map, keepOld: true }), { cookie });
    expect(kept.calls).toEqual(['touch']);
    expect(kept.written()!.cookie.expires).toEqual(new Date(NOW + HOUR));
    const left = storeOf(expiringIn(HOUR), true);
    await found(fromExpressSession({ secret: SECRET, store: left.store, map }), { cookie });
    expect(left.calls).toEqual([]);
  });

  it('writes it in a store without touch() only when half of its time is over', async () => {
    for (const [left, calls] of [
      [0.6 * HOUR, []],
      [0.4 * HOUR, ['set']],
    ] as const) {
      const store = storeOf(expiringIn(left), false);
      await found(fromExpressSession({ secret: SECRET, store: store.store, map, keepOld: true }), { cookie });
      expect(store.calls).toEqual(calls);
    }
  });

  it('takes only what has the prefix of a signed cookie, of its own name', async () => {
    const { store } = storeOf(expiringIn(HOUR), true);
    const source = fromExpressSession({ secret: SECRET, store, map, cookieName: 'sid' });
    const value = sign('the-sid', SECRET);
    expect(await found(source, { cookie: `sid=s:${value}` })).toMatchObject({ key: 'the-sid' });
    for (const other of [`sid=${value}`, `connect.sid=s:${value}`, `sid=x:${value}`])
      expect(await found(source, { cookie: other })).toBeUndefined();
  });

  it('takes the old cookie away with its own path and domain, Secure where the prefix demands it', () => {
    const { store } = storeOf(expiringIn(HOUR), true);
    const removals = (cookieName: string, cookie?: object) =>
      fromExpressSession({ secret: SECRET, store, map, cookieName, ...(cookie && { cookie }) }).removals;
    expect(removals('sid')[0]).toMatch(/^sid=; Max-Age=0; Path=\/; Expires=Thu, 01 Jan 1970[^;]*; HttpOnly$/);
    const own = removals('__Secure-sid', { path: '/app', domain: 'example.com' })[0]!.split('; ');
    expect(own).toEqual(expect.arrayContaining(['Path=/app', 'Domain=example.com', 'Secure']));
  });
});

describe('fromFastifySession()', () => {
  const { store } = storeOf(expiringIn(HOUR), true);
  const signed = (algorithm: string) =>
    `sid.${createHmac(algorithm, SECRET).update('sid').digest('base64').replace(/=+$/, '')}`;
  const cookieOf = (value: string) => ({ cookie: `sessionId=${encodeURIComponent(value)}` });

  it('takes the prefix and the algorithm that the library has', async () => {
    const prefixed = fromFastifySession({ secret: SECRET, store, map, cookiePrefix: 's:' });
    expect(await found(prefixed, cookieOf(`s:${signed('sha256')}`))).toBeDefined();
    expect(await found(prefixed, cookieOf(signed('sha256')))).toBeUndefined();
    const stronger = fromFastifySession({ secret: SECRET, store, map, algorithm: 'sha512' });
    expect(await found(stronger, cookieOf(signed('sha512')))).toBeDefined();
    expect(await found(stronger, cookieOf(signed('sha256')))).toBeUndefined();
  });

  it('believes a signer', async () => {
    const unsign = (value: string) => ({ valid: value === 'good', value: value === 'none' ? null : 'sid' });
    const source = fromFastifySession({ secret: { unsign }, store, map });
    expect(await found(source, cookieOf('good'))).toMatchObject({ key: 'sid' });
    expect(await found(source, cookieOf('bad'))).toBeUndefined();
  });

  it('takes no session whose time is over, and one without a time', async () => {
    const sessions: [ConnectSession, boolean][] = [
      [expiringIn(1), true],
      [expiringIn(0), false],
      [{ cookie: { originalMaxAge: null, expires: null } }, true],
      [{} as ConnectSession, true],
    ];
    for (const [session, live] of sessions) {
      const source = fromFastifySession({ secret: SECRET, store: storeOf(session, true).store, map });
      expect((await found(source, cookieOf(signed('sha256')))) !== undefined).toBe(live);
    }
  });
});

describe('fromCookieSession()', () => {
  const until = NOW + HOUR;
  const value = Buffer.from(JSON.stringify({ user: 'alice' })).toString('base64');
  const mac = (text: string) => createHmac('sha1', SECRET).update(text).digest('base64url');

  it('takes a value in quotes, and another name', async () => {
    const source = fromCookieSession({ keys: SECRET, map, until, cookieName: 'cs' });
    const cookie = `cs="${value}"; cs.sig=${mac(`cs=${value}`)}`;
    expect(await found(source, { cookie })).toBeDefined();
    expect(await found(source, { cookie: `cs=${value}` })).toBeUndefined();
  });

  it('believes a Keygrip of the application', async () => {
    const verify = (data: string, digest: string) => data === `session=${value}` && digest === 'of-keygrip';
    const source = fromCookieSession({ keys: { verify }, map, until });
    expect(await found(source, { cookie: `session=${value}; session.sig=of-keygrip` })).toBeDefined();
    expect(await found(source, { cookie: `session=${value}; session.sig=other` })).toBeUndefined();
  });
});

describe('fromIronSession()', () => {
  it('lets clocks differ by a minute, as the library does', async () => {
    const sealed = await sealData({ a: 1 }, { password: PASSWORD, ttl: 60 });
    const source = fromIronSession({ password: PASSWORD, cookieName: 'iron', map });
    const headers = { cookie: `iron=${encodeURIComponent(sealed)}` };
    const end = Date.now() + 60_000;
    expect(await found(source, headers, end + 30_000)).toBeDefined();
    expect(await found(source, headers, end + 61_000)).toBeUndefined();
  });

  it('takes of a cookie of before version 8 what was persistent', async () => {
    const [seal] = (await sealData({ persistent: { user: 'alice' } }, { password: PASSWORD })).split('~');
    const source = fromIronSession({ password: PASSWORD, cookieName: 'iron', map });
    const old = await found(source, { cookie: `iron=${seal}` }, Date.now());
    expect((await old!.load(Date.now()))!.login()!.data).toEqual({ old: { user: 'alice' } });
  });

  it('takes one that never expires only until the end that is given, and remembers it that long', async () => {
    const sealed = await sealData({ a: 1 }, { password: PASSWORD, ttl: 0 });
    const headers = { cookie: `iron=${encodeURIComponent(sealed)}` };
    const options = { password: PASSWORD, cookieName: 'iron', map };
    expect(await found(fromIronSession(options), headers)).toBeUndefined();
    const old = await found(fromIronSession({ ...options, until: NOW + HOUR }), headers);
    expect((await old!.load(NOW))!.expiresAt).toBe(NOW + HOUR);
    expect(await old!.load(NOW + HOUR)).toBeUndefined();
  });
});

describe('fromJwt()', () => {
  it('looks at no token that is longer than a cookie holds', async () => {
    const seen: number[] = [];
    const verify = (token: string) => {
      seen.push(token.length);
      return { sub: 'alice', exp: NOW / 1000 + 60 };
    };
    const bearer = (length: number) => ({ authorization: `Bearer ${'x'.repeat(length)}` });
    expect(await found(fromJwt({ verify }), bearer(8_192))).toBeDefined();
    expect(await found(fromJwt({ verify }), bearer(8_193))).toBeUndefined();
    expect(seen).toEqual([8_192]);
  });
});
