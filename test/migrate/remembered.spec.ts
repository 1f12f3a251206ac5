import { MemoryStore as ExpressMemoryStore } from 'express-session';
import { SessionService, type SessionModuleOptions } from 'nest-sessions';
import { AppController } from '../support/app.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';
import { SpyStore } from '../support/spy-store.js';
import { startExpressSession, type Old, type OldSite, type SourceOptions } from './old-site.js';
import { replay, Visitor } from './visitor.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Much shorter than the old sessions, which live for 90 days. */
const SHORT = { lifetime: '1h', idle: '1h', remember: { lifetime: '2h', idle: '2h' } } as const;

const map = ({ user }: Old) => (user === undefined ? undefined : { subject: user, remember: true });

/** Its sessions cannot be ended while it is told so. */
class OldStore extends ExpressMemoryStore {
  fails = false;

  override destroy(sid: string, done?: (error?: unknown) => void): void {
    if (this.fails) done?.(new Error('the store is down'));
    else super.destroy(sid, done);
  }
}

const open: OldSite[] = [];

afterEach(async () => {
  await closeAll();
  for (const site of open.splice(0)) await site.close();
});

describe.each(platforms)('what is remembered of sessions that came over, on %s', (platform: PlatformName) => {
  async function begin(source: SourceOptions = {}, options: Partial<SessionModuleOptions> = {}) {
    const oldStore = new OldStore();
    const old = await startExpressSession(oldStore, undefined, { maxAge: 90 * DAY });
    open.push(old);
    const clock = { ahead: 0, now: () => Date.now() + clock.ahead };
    const running = await start(platform, {
      controllers: [AppController],
      options: { migrate: [old.source({ map, ...source })], clock, ...SHORT, ...options },
    });
    const visitor = new Visitor();
    await visitor.post(old, '/login?user=alice');
    return { ...running, clock, old, oldStore, visitor, copy: visitor.cookie };
  }

  it('outlasts the lifetime of a session beside which the old one goes on', async () => {
    const { visitor, clock, copy, ...node } = await begin({ keepOld: true });
    expect((await visitor.get(node, '/me')).status).toBe(200);
    clock.ahead = 2.01 * HOUR;
    expect((await visitor.get(node, '/me')).status).toBe(401);
    expect((await replay(node, '/me', copy)).status).toBe(401);
  });

  it('outlasts an old session that could not be ended', async () => {
    const { visitor, clock, copy, oldStore, ...node } = await begin();
    oldStore.fails = true;
    expect((await visitor.get(node, '/me')).status).toBe(200);
    oldStore.fails = false;
    expect((await visitor.post(node, '/logout')).status).toBe(200);
    clock.ahead = 30 * DAY;
    expect((await replay(node, '/me', copy)).status).toBe(401);
  });

  it('is no longer than a session may last where the old one has ended', async () => {
    const store = new SpyStore();
    const { visitor, ...node } = await begin({}, { store });
    expect((await visitor.get(node, '/me')).status).toBe(200);
    expect(store.calls.filter(({ question }) => question === 'destroy')).toMatchObject([
      { args: [expect.any(String), { reason: 'replaced', ttl: 2 * HOUR }] },
    ]);
  });

  it('ends by a revocation what comes over weeks later', async () => {
    const { visitor, clock, ...node } = await begin();
    await node.app.get(SessionService).revokeAll('alice');
    clock.ahead = 30 * DAY;
    expect((await visitor.get(node, '/me')).status).toBe(401);
  });

  describe('where the store fails as it is to remember', () => {
    /** The first call of a takeover creates the session, and the second one what remembers it. */
    const failing = (fault: 'rejects' | 'hangs' | 'fails when it has written'): SpyStore => {
      const store = new SpyStore();
      let creates = 0;
      store.gate = async (question) => {
        if (question !== 'create' || ++creates !== 2) return;
        if (fault === 'hangs') await new Promise(() => undefined);
        if (fault === 'rejects') throw new Error('the store is down');
      };
      store.onWritten = (question) => {
        if (question === 'create' && creates === 2 && fault === 'fails when it has written')
          throw new Error('the connection was lost');
      };
      return store;
    };

    it.each(['rejects', 'hangs'] as const)('and %s, the next request does so', async (fault) => {
      const store = failing(fault);
      const { visitor, copy, old, ...node } = await begin({}, { store, storeTimeout: '100ms' });
      expect((await visitor.get(node, '/me')).status).toBe(503);
      expect(visitor.cookie).toBe(copy);
      expect((await visitor.get(node, '/me')).status).toBe(200);
      expect((await replay(old, '/look', copy)).json()).toEqual({ user: null });
      expect((await visitor.post(node, '/logout')).status).toBe(200);
      expect((await replay(node, '/me', copy)).status).toBe(401);
    });

    it('also to a copy that comes before the old session is ended', async () => {
      const store = failing('rejects');
      const { visitor, copy, oldStore, ...node } = await begin({}, { store });
      oldStore.fails = true;
      expect((await visitor.get(node, '/me')).status).toBe(503);
      expect((await visitor.get(node, '/me')).status).toBe(200);
      oldStore.fails = false;
      expect((await visitor.post(node, '/logout')).status).toBe(200);
      expect((await replay(node, '/me', copy)).status).toBe(401);
    });

    it('after it has, the user stays logged in', async () => {
      const store = failing('fails when it has written');
      const { visitor, copy, ...node } = await begin({}, { store });
      expect((await visitor.get(node, '/me')).status).toBe(200);
      expect((await visitor.get(node, '/me')).status).toBe(200);
      expect((await visitor.post(node, '/logout')).status).toBe(200);
      expect((await replay(node, '/me', copy)).status).toBe(401);
    });
  });

  it('does not hold a session up that another request has marked in the meantime', async () => {
    const store = new SpyStore();
    const { visitor, copy, ...node } = await begin({}, { store });
    let joined: Promise<{ status: number }> | undefined;
    let creates = 0;
    store.gate = async (question) => {
      // The session is there, and its creator has not marked it yet.
      if (question === 'create' && ++creates === 2) await (joined = replay(node, '/me', copy));
    };
    expect((await visitor.get(node, '/me')).status).toBe(200);
    expect((await joined)?.status).toBe(200);
    expect((await visitor.get(node, '/me')).status).toBe(200);
  });
});
