import { SessionService, type SessionEvent, type SessionModuleOptions } from 'nest-sessions';
import { MemoryRevocations, SealedCookie, type Revocation } from 'nest-sessions/sealed';
import { unavailable } from '../../../lib/core/util/errors.js';
import { newId } from '../../../lib/core/token/ids.js';
import { MOST_PER_SUBJECT } from '../../../lib/revocations/revocation-table.js';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { SpyStore, type Question } from '../../support/spy-store.js';

afterEach(closeAll);

/** A list that fails after a number of entries. */
class FailingList extends MemoryRevocations {
  /** Number of entries it still accepts before it fails. */
  takes = Infinity;

  override add(revocation: Revocation): Promise<boolean> {
    if (this.takes-- <= 0) return Promise.reject(unavailable(new Error('the list is down')));
    return super.add(revocation);
  }
}

/** An index that can hide its sessions, as if concurrent logins were added only after it was read. */
class CrowdedIndex extends SpyStore {
  blind = false;

  override list(subject: string) {
    return this.blind ? [] : super.list(subject);
  }
}

async function run(platform: PlatformName, options: Partial<SessionModuleOptions> = {}) {
  const [revocations, index] = [new FailingList(), new CrowdedIndex()];
  const { url, app, clock } = await start(platform, {
    controllers: [AppController],
    options: { store: new SealedCookie({ revocations, index }), ...options },
  });
  const sessions = app.get(SessionService);
  const events: SessionEvent[] = [];
  sessions.events.subscribe((event) => events.push(event));
  const logIn = async () => {
    const browser = new Browser(url);
    const { status } = await browser.post('/login', { user: 'alice' });
    const id = status === 200 ? (await browser.get('/look')).json<{ id: string }>().id : '';
    clock.advance('1s');
    return { browser, cookie: browser.cookie, status, id };
  };
  const status = async (cookie: string) => (await new Browser(url).get('/me', { cookie })).status;
  const listed = () => index.records().map(({ id }) => id);
  return { revocations, index, sessions, events, logIn, status, listed };
}

describe.each(platforms)('failures between the list and the index, on %s', (platform) => {
  it('a login that cannot evict fails and changes nothing', async () => {
    const app = await run(platform, { maxSessions: 2 });
    const old = [await app.logIn(), await app.logIn()];
    app.revocations.takes = 0;
    expect((await app.logIn()).status).toBe(503);
    app.revocations.takes = Infinity;
    for (const { cookie } of old) expect(await app.status(cookie)).toBe(200);
    expect(app.listed().sort()).toEqual(old.map(({ id }) => id).sort());
    for (const { id } of old) expect(await app.sessions.revoke(id)).toBe(1);
    for (const { cookie } of old) expect(await app.status(cookie)).toBe(401);
  });

  it('a login for which the index removed a session that cannot be revoked fails and restores it', async () => {
    const app = await run(platform, { maxSessions: 2 });
    const old = [await app.logIn(), await app.logIn()];
    app.index.blind = true;
    app.revocations.takes = 0;
    expect((await app.logIn()).status).toBe(503);
    app.index.blind = false;
    app.revocations.takes = Infinity;
    expect(app.listed().sort()).toEqual(old.map(({ id }) => id).sort());
    for (const { id } of old) expect(await app.sessions.revoke(id)).toBe(1);
    for (const { cookie } of old) expect(await app.status(cookie)).toBe(401);
  });

  it('removes the revoked sessions and keeps the others listed if one of several evictions fails', async () => {
    const app = await run(platform, { maxSessions: (subject) => (subject === 'alice' ? limit : 1) });
    let limit = 3;
    const old = [await app.logIn(), await app.logIn(), await app.logIn()];
    limit = 1;
    app.revocations.takes = 1;
    expect((await app.logIn()).status).toBe(503);
    app.revocations.takes = Infinity;
    const statuses = await Promise.all(old.map(({ cookie }) => app.status(cookie)));
    expect(statuses).toEqual([401, 200, 200]);
    expect(app.listed().sort()).toEqual([old[1]!.id, old[2]!.id].sort());
    const next = await app.logIn();
    expect(next.status).toBe(200);
    expect(app.listed()).toEqual([next.id]);
    const evicted = app.events.flatMap((event) => (event.type === 'ended' ? [event.id] : []));
    expect(evicted).toEqual(old.map(({ id }) => id));
  });

  it.each<Question>(['list', 'create', 'destroy'])(
    'if the index fails at %s, it still lists every live session',
    async (question) => {
      const app = await run(platform, { maxSessions: 1 });
      const old = await app.logIn();
      app.index.fail('rejects', question);
      const failed = await app.logIn();
      app.index.heal();
      expect(failed.status).toBe(503);
      const alive = (await app.status(old.cookie)) === 200;
      if (alive) expect(app.listed()).toContain(old.id);
      const next = await app.logIn();
      expect(next.status).toBe(200);
      expect(await app.status(old.cookie)).toBe(401);
      expect(app.listed()).toEqual([next.id]);
    },
  );

  it('a logout and a revocation write to the list first, and remove from the index at the next attempt', async () => {
    const app = await run(platform);
    const acts: ((one: { browser: Browser; cookie: string; id: string }) => Promise<unknown>)[] = [
      ({ browser, cookie }) => browser.post('/logout', undefined, { cookie }),
      ({ id }) => app.sessions.revoke(id),
      () => app.sessions.revokeAll('alice'),
    ];
    for (const act of acts) {
      const one = await app.logIn();
      app.revocations.takes = 0;
      await act(one).catch(() => undefined);
      app.revocations.takes = Infinity;
      expect([await app.status(one.cookie), app.listed()]).toEqual([200, [one.id]]);
      app.index.fail('rejects', 'destroy');
      await act(one).catch(() => undefined);
      app.index.heal();
      expect(await app.status(one.cookie)).toBe(401);
      await app.sessions.revoke(one.id);
      expect(app.listed()).toEqual([]);
    }
  });

  it('a reused cookie revokes its session before it is removed from the index', async () => {
    const app = await run(platform);
    const { browser, cookie, id } = await app.logIn();
    await browser.post('/relogin', {});
    await browser.get('/me'); // presents the successor
    for (let i = 0; i < 15; i++) await app.logIn();
    app.revocations.takes = 0;
    expect(await app.status(cookie)).toBe(503);
    app.revocations.takes = Infinity;
    expect(app.listed()).toContain(id);
    expect(await app.status(cookie)).toBe(401);
    expect(app.listed()).not.toContain(id);
    expect(await app.status(browser.cookie)).toBe(401);
  });
});

describe.each(platforms)('revocations without an index, on %s', (platform) => {
  async function withoutIndex() {
    const revocations = new MemoryRevocations();
    const { url, app, clock } = await start(platform, {
      controllers: [AppController],
      options: { store: new SealedCookie({ revocations }) },
    });
    return { url, clock, revocations, sessions: app.get(SessionService) };
  }

  it('return 1 for an id that was not recorded before, and take no space for the same id again', async () => {
    const { url, clock, revocations } = await withoutIndex();
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const id = newId();
    const ended = async () => (await browser.post(`/revoke/${id}`)).json<{ ended: number }>().ended;
    expect(await ended()).toBe(1);
    const { size } = revocations;
    for (let i = 0; i < 3; i++) {
      clock.advance('1s');
      expect(await ended()).toBe(0);
    }
    expect(revocations.size).toBe(size);
    expect((await browser.post('/revoke/not-an-id')).json()).toEqual({ ended: 0 });
  });

  it('of thousands of invented ids end all sessions of the subject that revokes them', async () => {
    const { url, revocations, sessions } = await withoutIndex();
    const [thief, bob] = [new Browser(url), new Browser(url)];
    await thief.post('/login', { user: 'alice' });
    await bob.post('/login', { user: 'bob' });
    for (let i = 0; i < MOST_PER_SUBJECT; i++) await sessions.revoke(newId(), { subject: 'alice' });
    expect((await thief.get('/me')).status).toBe(200);
    for (let i = 0; i < 3 * MOST_PER_SUBJECT; i++) await sessions.revoke(newId(), { subject: 'alice' });
    expect(revocations.size).toBeLessThanOrEqual(MOST_PER_SUBJECT + 1);
    expect((await thief.get('/me')).status).toBe(401);
    const again = new Browser(url);
    expect((await again.post('/login', { user: 'alice' })).status).toBe(200);
    expect((await again.get('/me')).status).toBe(200);
    expect(await sessions.revokeAll('alice')).toBe(1);
    expect((await again.get('/me')).status).toBe(401);
    expect((await bob.get('/me')).status).toBe(200);
  });

  it('reject more exceptions than one entry may name, and ignore exceptions that are not ids', async () => {
    const { sessions } = await withoutIndex();
    const except = Array.from({ length: MOST_PER_SUBJECT + 1 }, newId);
    await expect(sessions.revokeAll('alice', { except })).rejects.toMatchObject({ code: 'ERR_OPTIONS' });
    expect(await sessions.revokeAll('alice', { except: ['x', 'x'.repeat(100_000)] })).toBe(1);
  });
});
