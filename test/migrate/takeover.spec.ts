import { Controller, Get, Res } from '@nestjs/common';
import type { Response } from 'express';
import { SessionService, type SessionEvent, type SessionModuleOptions } from 'nest-sessions';
import { AppController } from '../support/app.js';
import { closeAll, platforms, start, type PlatformName, type Running } from '../support/platforms.js';
import {
  mapOld,
  oldLibraries,
  OLD_SECRETS,
  type OldLibrary,
  type OldSite,
  type SourceOptions,
} from './old-site.js';
import { replay, Visitor } from './visitor.js';

const OURS = '__Host-session';
const HOUR = 3_600_000;

interface Look {
  id: string;
  subject: string | null;
  data: Record<string, unknown>;
}

/** Writes to the response by itself. */
@Controller()
class StreamController {
  @Get('stream')
  stream(@Res() response: Response & { raw?: Response; hijack?(): void }) {
    response.hijack?.();
    const raw = response.raw ?? response;
    raw.writeHead(200, { 'content-type': 'text/plain' });
    raw.write('one ');
    raw.end('two');
  }
}

const open: OldSite[] = [];

async function startOld(library: OldLibrary, secret?: string): Promise<OldSite> {
  const site = await library.start(secret);
  open.push(site);
  return site;
}

interface Node extends Running {
  events: SessionEvent[];
}

async function startNew(
  platform: PlatformName,
  old: OldSite,
  source: SourceOptions = {},
  options: Partial<SessionModuleOptions> = {},
): Promise<Node> {
  const running = await start(platform, {
    controllers: [AppController, StreamController],
    options: { migrate: [old.source(source)], clock: SYSTEM, ...options },
  });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  return { ...running, events };
}

/** The old libraries tell the time by the machine's clock, so ours may be put forward only from there. */
class ShiftedClock {
  ahead = 0;

  now(): number {
    return Date.now() + this.ahead;
  }
}

let SYSTEM = new ShiftedClock();

beforeEach(() => {
  SYSTEM = new ShiftedClock();
});

afterEach(async () => {
  await closeAll();
  for (const site of open.splice(0)) await site.close();
});

const lookOf = async (visitor: Visitor, node: { url: string }): Promise<Look> =>
  (await visitor.get(node, '/look')).json<never>();

const sites = platforms.flatMap(([platform]) =>
  oldLibraries.map((library): [string, PlatformName, OldLibrary] => [
    `${library.name} to ${platform}`,
    platform,
    library,
  ]),
);

describe.each(sites)('the switch from %s', (_, platform, library) => {
  const loggedIn = async (old: OldSite, at?: number): Promise<Visitor> => {
    const visitor = new Visitor();
    await visitor.post(old, `/login?user=alice${at === undefined ? '' : `&at=${at}`}`);
    return visitor;
  };

  it('keeps a user logged in, with what the map allows and nothing else', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old);
    const visitor = await loggedIn(old);
    await visitor.post(old, '/cart');
    const first = await lookOf(visitor, node);
    expect(first).toMatchObject({ subject: 'alice', data: { cart: ['apple'] } });
    expect(Object.keys(first.data)).toEqual(['cart']);
    expect(visitor.names).toEqual([OURS]);
    expect(await lookOf(visitor, node)).toEqual(first);
    expect((await visitor.get(node, '/me')).status).toBe(200);
    expect(node.events.filter(({ type }) => type === 'migrated')).toMatchObject([
      { type: 'migrated', id: first.id, subject: 'alice', source: library.name },
    ]);
  });

  it('never takes the login for a fresh one', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old);
    for (const at of [undefined, SYSTEM.now() - HOUR, SYSTEM.now() + HOUR]) {
      const visitor = await loggedIn(old, at);
      expect((await visitor.get(node, '/sensitive')).status).toBe(401);
      expect((await visitor.get(node, '/me')).status).toBe(200);
    }
  });

  it('lets the lifetime begin at the old login', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old, {}, { lifetime: '2h', idle: '2h' });
    const visitor = await loggedIn(old, SYSTEM.now() - HOUR);
    expect((await visitor.get(node, '/me')).status).toBe(200);
    SYSTEM.ahead = 1.01 * HOUR;
    expect((await visitor.get(node, '/me')).status).toBe(401);
    SYSTEM.ahead = 0;
    const tooOld = await loggedIn(old, SYSTEM.now() - 3 * HOUR);
    expect((await tooOld.get(node, '/me')).status).toBe(401);
  });

  it('gives the same session to a client that lost the response, until its own cookie was presented', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old);
    const visitor = await loggedIn(old);
    const { cookie } = visitor;
    const lost = (await replay(node, '/look', cookie)).json<Look & Record<string, unknown>>();
    const { id } = await lookOf(visitor, node);
    expect(id).toBe(lost.id);
    await visitor.get(node, '/me');
    SYSTEM.ahead = 11_000;
    expect((await replay(node, '/me', cookie)).status).toBe(401);
    expect((await visitor.get(node, '/me')).status).toBe(200);
  });

  it('does not log in a copy of the old cookie after the logout', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old);
    const visitor = await loggedIn(old);
    const { cookie } = visitor;
    await visitor.get(node, '/me');
    expect((await visitor.post(node, '/logout')).status).toBe(200);
    const copy = await replay(node, '/look', cookie);
    expect(copy.json()).toMatchObject({ subject: null });
    expect(copy.setCookies.filter((one) => one.startsWith(OURS))).toEqual([]);
  });

  it('does not log in a copy of the old cookie after the new session timed out', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old);
    const visitor = await loggedIn(old);
    const { cookie } = visitor;
    await visitor.get(node, '/me');
    SYSTEM.ahead = 0.6 * HOUR;
    expect((await replay(node, '/me', cookie)).status).toBe(401);
  });

  it('ends with the revocation of all sessions of the user what has not come over yet', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old);
    const soon = await loggedIn(old, SYSTEM.now() - HOUR);
    const late = await loggedIn(old);
    await node.app.get(SessionService).revokeAll('alice');
    expect((await soon.get(node, '/me')).status).toBe(401);
    SYSTEM.ahead = 48 * HOUR;
    expect((await late.get(node, '/me')).status).toBe(401);
  });

  it('refuses what no known key signed, and knows every key of a rotation', async () => {
    const old = await startOld(library, OLD_SECRETS[0]);
    const visitor = await loggedIn(old);
    const { cookie } = visitor;
    const stranger = await startNew(platform, old, { secrets: [OLD_SECRETS[1]!] });
    expect((await visitor.get(stranger, '/me')).status).toBe(401);
    expect(visitor.cookie).toBe(cookie);
    const secrets = library.name === 'iron-session' ? OLD_SECRETS : [...OLD_SECRETS].reverse();
    const node = await startNew(platform, old, { secrets });
    expect((await visitor.get(node, '/me')).status).toBe(200);
  });

  it('refuses a cookie that was altered', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old);
    const { cookie } = await loggedIn(old);
    const altered = [3, 20, 60].map((at) => {
      const value = cookie.indexOf('=') + at;
      return cookie.slice(0, value) + (cookie[value] === 'A' ? 'B' : 'A') + cookie.slice(value + 1);
    });
    for (const one of altered) expect((await replay(node, '/me', one)).status).toBe(401);
  });

  it('refuses a session that has expired at the other library', async () => {
    const old = await startOld(library);
    // Cookies of cookie-session expire for browsers only.
    const node = await startNew(
      platform,
      old,
      library.name === 'cookie-session' ? { until: SYSTEM.now() } : {},
    );
    const visitor = await loggedIn(old);
    if (old.expire) old.expire();
    else SYSTEM.ahead = 14 * 24 * HOUR + 61_000;
    expect((await visitor.get(node, '/me')).status).toBe(401);
  });

  it('takes no more over after its time', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old, { until: SYSTEM.now() + HOUR / 2 });
    const visitor = await loggedIn(old);
    SYSTEM.ahead = 0.51 * HOUR;
    expect((await visitor.get(node, '/me')).status).toBe(401);
  });

  it('leaves a session alone that the map leaves out, and requests that are to come another time', async () => {
    const old = await startOld(library);
    const unmapped = await startNew(platform, old, { map: () => undefined });
    const later = await startNew(platform, old, { when: ({ url }) => url === '/me' });
    const visitor = await loggedIn(old);
    expect(await lookOf(visitor, unmapped)).toMatchObject({ subject: null });
    expect(await lookOf(visitor, later)).toMatchObject({ subject: null });
    expect((await visitor.get(old, '/look')).json()).toEqual({ user: 'alice' });
    expect((await visitor.get(later, '/me')).status).toBe(200);
  });

  it('carries the data of a visitor over, who is no user by that, and starts anew at the login', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old, {
      map: ({ cart }) => ({ subject: null, ...(cart && { data: { cart } }) }),
    });
    const visitor = new Visitor();
    await visitor.post(old, '/cart');
    const planted = visitor.cookie;
    const before = await lookOf(visitor, node);
    expect(before).toMatchObject({ subject: null, data: { cart: ['apple'] } });
    await visitor.post(node, '/login', { user: 'alice', keep: ['cart'] });
    expect(await lookOf(visitor, node)).toMatchObject({ subject: 'alice', data: { cart: ['apple'] } });
    expect((await replay(node, '/look', planted)).json()).toMatchObject({ subject: null });
  });

  it('takes nothing over where the response cannot carry the cookie', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old);
    const visitor = await loggedIn(old);
    const { cookie } = visitor;
    const embedded = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'no-cors',
      'sec-fetch-dest': 'image',
    };
    const framed = { ...embedded, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' };
    const plain = { host: 'app.example' };
    for (const headers of [embedded, framed, { origin: 'https://evil.example' }, plain]) {
      const answer = await visitor.get(node, '/look', headers);
      expect(answer.json()).toMatchObject({ subject: null });
    }
    expect((await visitor.post(node, '/data', {}, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect(visitor.cookie).toBe(cookie);
    expect(node.events.filter(({ type }) => type === 'migrated')).toEqual([]);
    const navigated = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    expect((await visitor.get(node, '/me', navigated)).status).toBe(200);
  });

  it('takes over where the handler writes a stream', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old);
    const visitor = await loggedIn(old);
    expect(await visitor.get(node, '/stream')).toMatchObject({ status: 200, body: 'one two' });
    expect(visitor.names).toEqual([OURS]);
    expect((await visitor.get(node, '/me')).status).toBe(200);
  });

  it('takes over at HEAD as at GET', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old);
    const visitor = await loggedIn(old);
    expect((await visitor.head(node, '/me')).status).toBe(200);
    expect(visitor.names).toEqual([OURS]);
  });

  it('prefers a session of ours', async () => {
    const old = await startOld(library);
    const node = await startNew(platform, old);
    const visitor = new Visitor();
    await visitor.post(node, '/login', { user: 'bob' });
    await visitor.post(old, '/login?user=alice');
    expect(await lookOf(visitor, node)).toMatchObject({ subject: 'bob' });
  });

  describe('while the old sessions are kept', () => {
    const KEPT: SourceOptions = { keepOld: true };

    it('goes on at old nodes and at new ones', async () => {
      const old = await startOld(library);
      const node = await startNew(platform, old, KEPT);
      const visitor = await loggedIn(old);
      for (let round = 0; round < 2; round++) {
        expect((await visitor.get(node, '/me')).status).toBe(200);
        expect((await visitor.get(old, '/look')).json()).toEqual({ user: 'alice' });
      }
      expect(node.events.filter(({ type }) => type === 'created')).toHaveLength(1);
    });

    it('ends both at a logout', async () => {
      const old = await startOld(library);
      const node = await startNew(platform, old, KEPT);
      const visitor = await loggedIn(old);
      const { cookie } = visitor;
      await visitor.get(node, '/me');
      expect((await visitor.post(node, '/logout')).status).toBe(200);
      expect(visitor.names).toEqual([]);
      expect((await visitor.get(old, '/look')).json()).toEqual({ user: null });
      expect((await replay(node, '/look', cookie)).json()).toMatchObject({ subject: null });
      const atOld = (await replay(old, '/look', cookie)).json();
      expect(atOld).toEqual({ user: library.keepsInStore ? null : 'alice' });
    });

    it('ends the old session too when the new one was ended elsewhere', async () => {
      const old = await startOld(library);
      const node = await startNew(platform, old, KEPT);
      const visitor = await loggedIn(old);
      const { cookie } = visitor;
      await visitor.get(node, '/me');
      SYSTEM.ahead = 1;
      await node.app.get(SessionService).revokeAll('alice');
      expect((await visitor.get(node, '/me')).status).toBe(401);
      const atOld = (await replay(old, '/look', cookie)).json();
      expect(atOld).toEqual({ user: library.keepsInStore ? null : 'alice' });
    });

    it('gives way to another user who logged in at an old node', async () => {
      const old = await startOld(library);
      const node = await startNew(platform, old, KEPT);
      const visitor = await loggedIn(old);
      await visitor.get(node, '/me');
      await visitor.post(old, '/logout');
      await visitor.post(old, '/login?user=bob');
      expect(await lookOf(visitor, node)).toMatchObject({ subject: 'bob' });
    });

    it('lets a visitor of a new node in who logs in on an old one', async () => {
      const old = await startOld(library);
      const node = await startNew(platform, old, KEPT);
      const visitor = new Visitor();
      await visitor.post(node, '/data', { theme: 'dark' });
      expect(visitor.names).toEqual([OURS]);
      await visitor.post(old, '/login?user=alice');
      expect(await lookOf(visitor, node)).toMatchObject({ subject: 'alice', data: {} });
      expect(await lookOf(visitor, node)).toMatchObject({ subject: 'alice' });
      expect(node.events).toContainEqual(expect.objectContaining({ type: 'ended', reason: 'replaced' }));
    });

    it('leaves visitors alone, whom the other library may still log in within the same session', async () => {
      const old = await startOld(library);
      const node = await startNew(platform, old, {
        ...KEPT,
        map: (login) => mapOld(login) ?? { subject: null },
      });
      const visitor = new Visitor();
      await visitor.post(old, '/cart');
      expect(await lookOf(visitor, node)).toMatchObject({ subject: null, data: {} });
      await visitor.post(old, '/login?user=alice');
      expect(await lookOf(visitor, node)).toMatchObject({ subject: 'alice' });
    });
  });
});
