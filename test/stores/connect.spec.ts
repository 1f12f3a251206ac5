import createPgStore from 'connect-pg-simple';
import { RedisStore as ConnectRedis } from 'connect-redis';
import session, { MemoryStore } from 'express-session';
import { SessionService } from 'nest-sessions';
import type { SessionRecord } from 'nest-sessions/store';
import { ConnectStore, type ConnectStoreLike } from 'nest-sessions/connect';
import { describeSessionStore } from 'nest-sessions/testing';
import { KeyedQueue } from '../../lib/stores/connect/keyed-queue.js';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { gate } from '../support/gate.js';
import { closeAll, platforms, start } from '../support/platforms.js';
import { describePostgres } from '../support/postgres.js';
import { closeClients, nodeRedis } from '../support/redis-clients.js';
import { describeWithRedis, startRedis, stopServers, type RedisServer } from '../support/servers.js';

describeSessionStore(
  'ConnectStore over the MemoryStore of express-session',
  () => new ConnectStore({ store: new MemoryStore() }),
  {
    secondNode: false,
  },
);

describeWithRedis('ConnectStore over connect-redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  }, 60_000);
  afterAll(async () => {
    closeClients();
    await stopServers();
  });

  const make = async () =>
    new ConnectStore({ store: new ConnectRedis({ client: await nodeRedis(redis.url) }) });
  describeSessionStore('ConnectStore', make, { secondNode: false });
});

/** connect-pg-simple has no `all()`; an application adds it by the query that the store offers. */
const PgStore = createPgStore(session);
class ListingPgStore extends PgStore {
  all(done: (error?: unknown, sessions?: any) => void): void {
    this.query('SELECT json_agg(sess) AS all FROM session WHERE expire > now()', [], (error, found) =>
      done(error, found?.['all'] ?? []),
    );
  }
}

describePostgres('ConnectStore over connect-pg-simple', (server) => {
  const options = () =>
    ({ pool: server().pool(), createTableIfMissing: true, pruneSessionInterval: false }) as const;

  describeSessionStore('ConnectStore', () => new ConnectStore({ store: new ListingPgStore(options()) }), {
    secondNode: false,
  });

  it.each(platforms)('logs in and out as it is, without lists, on %s', async (platform) => {
    const said: string[] = [];
    const store = new ConnectStore({ store: new PgStore(options()) });
    const bind = store.bind.bind(store);
    store.bind = (context) => bind({ ...context, warn: (message) => said.push(message) });
    const { app, url } = await start(platform, { controllers: [AppController], options: { store } });
    const browser = new Browser(url);
    const user = `alice on ${platform}`;
    await browser.post('/login', { user });
    const { cookie } = browser;
    await browser.post('/data', { cart: ['apple'] });
    expect((await browser.get('/look')).json()).toMatchObject({
      subject: user,
      data: { cart: ['apple'] },
    });
    await browser.post('/logout');
    expect((await browser.get('/me', { cookie })).status).toBe(401);
    const sessions = app.get(SessionService);
    await expect(sessions.revokeAll(user)).rejects.toMatchObject({ code: 'ERR_LIST_UNAVAILABLE' });
    expect(said).toEqual([expect.stringMatching(/PGStore writes whole sessions.* has no all\(\)/) as string]);
    await closeAll();
  });
});

interface Row {
  session: string;
  expires: Date;
}

/** As connect-mongo: promises of its own, sessions from `all()` as a list without ids. */
class MongoLike implements ConnectStoreLike {
  #rows = new Map<string, Row>();
  beforeSet: (() => Promise<void>) | undefined;

  /** @param shared the same database, as another node sees it */
  constructor(shared?: MongoLike) {
    if (shared) this.#rows = shared.#rows;
  }

  copy(): Map<string, Row> {
    return new Map(this.#rows);
  }

  /** Writes these rows again, and leaves the others. */
  restore(rows: Map<string, Row>): void {
    for (const [sid, row] of rows) this.#rows.set(sid, row);
  }

  get(sid: string, done: (error?: unknown, session?: unknown) => void): void {
    const row = this.#rows.get(sid);
    void Promise.resolve().then(() =>
      done(null, row && row.expires > new Date() ? JSON.parse(row.session) : null),
    );
  }

  async set(
    sid: string,
    value: { cookie: { expires: Date } },
    done: (error?: unknown) => void,
  ): Promise<void> {
    await this.beforeSet?.();
    this.#rows.set(sid, { session: JSON.stringify(value), expires: new Date(value.cookie.expires) });
    done(null);
  }

  async destroy(sid: string, done: (error?: unknown) => void): Promise<void> {
    this.#rows.delete(sid);
    done(null);
  }

  all(done: (error?: unknown, sessions?: unknown) => void): void {
    done(
      null,
      [...this.#rows.values()].map((row) => JSON.parse(row.session)),
    );
  }
}

describeSessionStore(
  'ConnectStore over the interface of connect-mongo',
  () => new ConnectStore({ store: new MongoLike() }),
  {
    secondNode: false,
  },
);

/** As a store whose connection breaks: it does not call back once. */
class LosingStore extends MemoryStore {
  loses: 'set' | 'destroy' | undefined;

  override set(sid: string, value: session.SessionData, done?: (error?: unknown) => void): void {
    if (!this.#isLost('set')) super.set(sid, value, done);
  }

  override destroy(sid: string, done?: (error?: unknown) => void): void {
    if (!this.#isLost('destroy')) super.destroy(sid, done);
  }

  #isLost(what: 'set' | 'destroy'): boolean {
    const lost = this.loses === what;
    if (lost) this.loses = undefined;
    return lost;
  }
}

describe.each(platforms)('ConnectStore over a store that loses a callback, on %s', (platform) => {
  afterEach(closeAll);

  async function begin() {
    const store = new LosingStore();
    const options = { store: new ConnectStore({ store }), storeTimeout: '100ms', maxSessions: 1 } as const;
    const { url } = await start(platform, { controllers: [AppController], options });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    return { store, browser, another: new Browser(url) };
  }

  it('fails one write of a session, and not all that follow', async () => {
    const { store, browser } = await begin();
    store.loses = 'set';
    expect((await browser.post('/data', { a: 1 })).status).toBe(503);
    expect((await browser.post('/data', { a: 2 })).status).toBe(200);
    expect((await browser.get('/look')).json()).toMatchObject({ data: { a: 2 } });
  });

  it.each(['set', 'destroy'] as const)('fails one login, and not all of the user, at %s', async (what) => {
    const { store, another } = await begin();
    store.loses = what;
    expect((await another.post('/login', { user: 'alice' })).status).toBe(503);
    expect((await another.post('/login', { user: 'alice' })).status).toBe(200);
    expect((await another.get('/me')).status).toBe(200);
  });
});

describe('calls of one session, one after the other', () => {
  it('are not begun when their caller has given up', async () => {
    const queue = new KeyedQueue();
    queue.timeout = 0;
    const { pass, open } = gate();
    const first = queue.run('a session', pass);
    let begun = false;
    const second = queue.run('a session', async () => void (begun = true));
    open();
    await first;
    await expect(second).rejects.toThrow('took too long');
    expect(begun).toBe(false);
    await expect(queue.run('a session', async () => 'another')).resolves.toBe('another');
  });
});

describe('ConnectStore on two nodes', () => {
  const delta = { epoch: 0, set: { a: '1' } };

  it('does not bring back by a slow write what the other node has ended', async () => {
    const shared = new MongoLike();
    const slow = new MongoLike(shared);
    const other = new ConnectStore({ store: shared });
    const record = await created(other);
    slow.beforeSet = async () => void (await other.destroy(record.id));
    const node = new ConnectStore({ store: slow });
    expect(await node.commit(record.id, delta)).toEqual({ outcome: 'gone' });
    for (const one of [node, other]) expect(await one.load(record.id)).toBeUndefined();
  });

  it('does not show what a slow write left', async () => {
    const shared = new MongoLike();
    const store = new ConnectStore({ store: shared });
    const record = await created(store);
    const kept = shared.copy();
    await store.destroy(record.id);
    shared.restore(kept);
    expect(await store.load(record.id)).toBeUndefined();
    expect(await store.list(record.subject!)).toEqual([]);
    expect(await store.commit(record.id, delta)).toEqual({ outcome: 'gone' });
  });

  async function created(store: ConnectStore): Promise<SessionRecord> {
    const now = Date.now();
    const times = { createdAt: now, startedAt: now, lastSeenAt: now, rotatedAt: now };
    const record = { id: 'a'.repeat(22), secretHash: 'a hash', revision: 0, factors: {}, ...times };
    const whole = { ...record, subject: 'alice', remember: false, data: {} };
    await store.create(whole, 60_000);
    return whole;
  }
});
