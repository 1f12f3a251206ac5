import { createSecretKey } from 'node:crypto';
import cookieSession from 'cookie-session';
import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import { MemoryStore, type SessionModuleOptions } from 'nest-sessions';
import { MemoryRevocations, SealedCookie, type Revocation } from 'nest-sessions/sealed';
import type { FakeClock } from 'nest-sessions/testing';
import { readContent, writeContent } from '../../../lib/stores/sealed/payload.js';
import { SealedFormat } from '../../../lib/stores/sealed/formats/sealed.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, SECRET, start, type PlatformName } from '../../support/platforms.js';

/** One spec for each cell of the matrix in docs/security.md: what each kind of cookie prevents, and what it does not. */

/** Routes with cookie-session: a signed cookie with all state, readable by the client. */
@Controller()
class SignedController {
  @Post('login')
  @HttpCode(200)
  login(@Req() request: { session: Record<string, unknown> }) {
    request.session['user'] = 'alice';
    return { ok: true };
  }

  @Post('data')
  @HttpCode(200)
  data(@Req() request: { session: Record<string, unknown>; body: object }) {
    Object.assign(request.session, request.body);
    return { ok: true };
  }

  @Post('logout')
  @HttpCode(200)
  logout(@Req() request: { session: unknown }) {
    request.session = null;
    return { ok: true };
  }

  @Get('look')
  look(@Req() request: { session: Record<string, unknown> }) {
    return { subject: request.session['user'] ?? null, data: { ...request.session } };
  }
}

interface App {
  browser(): Browser;
  clock: FakeClock;
  /** The subject and the data that a cookie stands for. */
  seen(cookie: string): Promise<{ subject: string | null; data: Record<string, unknown> }>;
}

const revocations = () => new RecordedRevocations();

class RecordedRevocations extends MemoryRevocations {
  readonly recorded: Revocation[] = [];

  override add(revocation: Revocation): Promise<boolean> {
    this.recorded.push(revocation);
    return super.add(revocation);
  }
}

function appOf(url: string, clock: FakeClock): App {
  const browser = () => new Browser(url);
  const seen: App['seen'] = async (cookie) => (await browser().get('/look', { cookie })).json();
  return { browser, clock, seen };
}

async function startWith(platform: PlatformName, options: Partial<SessionModuleOptions>): Promise<App> {
  const { url, clock } = await start(platform, { controllers: [AppController], options });
  return appOf(url, clock);
}

const kinds = {
  signed: async () => {
    const { url, clock } = await start('express', {
      controllers: [SignedController],
      prepare: (app) => void app.use(cookieSession({ name: 'cs', keys: [SECRET], maxAge: 60_000 })),
    });
    return appOf(url, clock);
  },
  'sealed, no list': (platform: PlatformName) =>
    startWith(platform, { store: new SealedCookie({ revocations: false }) }),
  'sealed with a list': (platform: PlatformName) => startWith(platform, { store: new SealedCookie() }),
  'in a store': (platform: PlatformName) =>
    startWith(platform, { store: new MemoryStore(), rotateEvery: false }),
  'in a store, rotated': (platform: PlatformName) =>
    startWith(platform, { store: new MemoryStore(), rotateEvery: '15m' }),
};
type Kind = keyof typeof kinds;

async function cookieOf(app: App, data?: object): Promise<[Browser, string]> {
  const browser = app.browser();
  const login = await browser.post('/login', { user: 'alice' });
  let cookie = pairs(login.setCookies);
  if (data) cookie = pairs((await browser.post('/data', data, { cookie })).setCookies) || cookie;
  return [browser, cookie];
}

const pairs = (setCookies: string[]): string => setCookies.map((one) => one.split(';')[0]!).join('; ');

const cells = (outcomes: Partial<Record<Kind, string | null>>) =>
  platforms.flatMap(([platform]) =>
    (Object.entries(outcomes) as [Kind, string | null][])
      .filter(([kind]) => kind !== 'signed' || platform === 'express')
      .map(([kind, subject]) => [kind, platform, subject] as const),
  );

afterEach(closeAll);

describe('replay after logout', () => {
  it.each(
    cells({
      signed: 'alice',
      'sealed, no list': 'alice',
      'sealed with a list': null,
      'in a store': null,
      'in a store, rotated': null,
    }),
  )('%s, on %s: the copy opens the session of %s', async (kind, platform, subject) => {
    const app = await kinds[kind](platform);
    const [browser, copy] = await cookieOf(app);
    await browser.post('/logout', {}, { headers: { cookie: copy } });
    expect((await app.seen(copy)).subject).toBe(subject);
  });
});

describe('replay after expiry', () => {
  it.each(
    cells({
      'sealed, no list': null,
      'sealed with a list': null,
      'in a store': null,
      'in a store, rotated': null,
    }),
  )('%s, on %s: the copy opens the session of %s', async (kind, platform, subject) => {
    const app = await kinds[kind](platform);
    const [, copy] = await cookieOf(app);
    app.clock.advance('31m');
    expect((await app.seen(copy)).subject).toBe(subject);
  });

  it('signed: the signed value contains no expiry', async () => {
    const app = await kinds.signed();
    const [, copy] = await cookieOf(app);
    const value = Buffer.from(/cs=([^;]+)/.exec(copy)![1]!, 'base64').toString();
    // Only the attribute for the browser has one, which an attacker ignores.
    expect(JSON.parse(value)).toEqual({ user: 'alice' });
  });
});

describe('before expiry, from another machine', () => {
  it.each(
    cells({
      signed: 'alice',
      'sealed, no list': 'alice',
      'sealed with a list': 'alice',
      'in a store': 'alice',
      'in a store, rotated': 'alice',
    }),
  )('%s, on %s: the copy opens the session of %s', async (kind, platform, subject) => {
    const app = await kinds[kind](platform);
    const [, copy] = await cookieOf(app);
    expect((await app.seen(copy)).subject).toBe(subject);
  });

  it.each(platforms)(
    'in a store, rotated, on %s: detected when the old token is presented again',
    async (platform) => {
      const app = await kinds['in a store, rotated'](platform);
      const [browser, copy] = await cookieOf(app);
      app.clock.advance('15m');
      await browser.get('/me');
      // The grace starts when the new token is presented.
      await browser.get('/me');
      app.clock.advance('11s');
      expect((await app.seen(copy)).subject).toBeNull();
      expect((await browser.get('/me')).status).toBe(401);
    },
  );
});

describe('fixation', () => {
  const planted = async (app: App) => {
    const thief = app.browser();
    const cookie = pairs((await thief.post('/data', { isAdmin: true })).setCookies);
    const login = await app.browser().post('/login', { user: 'alice' }, { headers: { cookie }, cookie });
    return { cookie, victim: pairs(login.setCookies) };
  };

  it('signed: planted data becomes part of the login', async () => {
    const app = await kinds.signed();
    const { victim } = await planted(app);
    expect(await app.seen(victim)).toMatchObject({ subject: 'alice', data: { isAdmin: true } });
  });

  it.each(
    cells({
      'sealed, no list': 'open',
      'sealed with a list': null,
      'in a store': null,
      'in a store, rotated': null,
    }),
  )(
    '%s, on %s: the planted cookie is not logged in and its data does not survive the login; the cookie itself is %s',
    async (kind, platform, open) => {
      const app = await kinds[kind](platform);
      const { cookie, victim } = await planted(app);
      expect(await app.seen(victim)).toMatchObject({ subject: 'alice', data: {} });
      const { subject, data } = await app.seen(cookie);
      expect(subject).toBeNull();
      expect('isAdmin' in data).toBe(open === 'open');
    },
  );
});

describe('leak of what the server keeps', () => {
  it.each(platforms)('sealed with a list, on %s: contains no subject and no token', async (platform) => {
    const list = revocations();
    const app = await startWith(platform, { store: new SealedCookie({ revocations: list }) });
    const [browser, cookie] = await cookieOf(app);
    const { cookie: before } = browser;
    await browser.post('/relogin', {});
    await browser.post('/logout-everywhere');
    const dump = JSON.stringify(list.recorded);
    // A re-login, twice the end of all, and the end of the session.
    expect(list.recorded).toHaveLength(4);
    expect(dump).not.toContain('alice');
    for (const one of [cookie, before, browser.cookie]) if (one) expect(dump).not.toContain(one.slice(-20));
    for (const text of dump.match(/[\w-]{20,}/g) ?? [])
      expect((await app.seen(`__Host-session=${text}`)).subject).toBeNull();
  });
});

describe('leak of the key', () => {
  it.each(platforms)('sealed, on %s: the key can forge a session of any user', async (platform) => {
    const app = await kinds['sealed with a list'](platform);
    const [, own] = await cookieOf(app);
    const format = new SealedFormat([createSecretKey(Buffer.from(SECRET))], '__Host-session');
    const content = readContent(format.open(own.split('=')[1]!)!)!;
    const forged = format.seal(writeContent({ ...content, record: { ...content.record, subject: 'root' } }));
    expect((await app.seen(`__Host-session=${forged}`)).subject).toBe('root');
  });

  it.each(platforms)('in a store, on %s: a signature without the secret opens nothing', async (platform) => {
    const app = await kinds['in a store'](platform);
    const [browser] = await cookieOf(app);
    const id = (await browser.get('/look')).json()['id'] as string;
    const forged = new Signer([SECRET], '__Host-session', 66).sign(`${id}.${'A'.repeat(43)}`);
    expect((await app.seen(`__Host-session=${encodeURIComponent(forged)}`)).subject).toBeNull();
  });
});

describe('state that is rolled back', () => {
  it.each(
    cells({
      signed: 'the older one',
      'sealed, no list': 'the older one',
      'sealed with a list': 'the older one',
      'in a store': 'the present one',
      'in a store, rotated': 'the present one',
    }),
  )('%s, on %s: an older cookie shows %s', async (kind, platform, which) => {
    const app = await kinds[kind](platform);
    const [browser, older] = await cookieOf(app, { balance: 100 });
    await browser.post('/data', { balance: 0 }, { headers: { cookie: older }, cookie: older });
    const { data } = await app.seen(older);
    expect(data['balance']).toBe(which === 'the older one' ? 100 : 0);
  });

  it.each(platforms)(
    'sealed with a list, on %s: not behind a re-login, which the list has as the least version',
    async (platform) => {
      const app = await kinds['sealed with a list'](platform);
      const [browser, older] = await cookieOf(app, { balance: 100 });
      await browser.get('/look');
      await browser.post('/relogin', {}, { cookie: older });
      expect((await app.seen(older)).subject).toBeNull();
    },
  );
});
