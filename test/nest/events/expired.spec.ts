import { jest } from '@jest/globals';
import { MemoryStore, SessionService, type SessionEvent, type SessionModuleOptions } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { describePostgres } from '../../support/postgres.js';

jest.setTimeout(60_000);
afterEach(closeAll);

async function run(platform: PlatformName, options: Partial<SessionModuleOptions>, realClock = false) {
  const running = await start(platform, { controllers: [AppController], realClock, options });
  const service = running.app.get<SessionService<object>>(SessionService);
  const events: SessionEvent[] = [];
  service.events.subscribe((event) => events.push(event));
  const ended = () => events.filter(({ type }) => type === 'ended');
  return { ...running, service, ended, browser: new Browser(running.url) };
}

/** What finds that a session is over. */
type Way = [name: string, find: (app: Awaited<ReturnType<typeof run>>, store: MemoryStore) => unknown];

const ways: Way[] = [
  ['its cookie is presented', ({ browser }) => browser.get('/me')],
  ['it would be listed', ({ service }) => service.list('alice')],
  ['the store is swept', (_app, store) => store.sweep()],
];

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe.each(platforms)('a session whose time is over, in memory on %s', (platform) => {
  const table = ways.flatMap((way) => [
    [...way, 'idle', '31m'] as const,
    [...way, 'lifetime', '40m'] as const,
  ]);

  it.each(table)('is told as ended once when %s: %#', async (_name, find, reason, after) => {
    const store = new MemoryStore();
    const app = await run(platform, { store, idle: '30m', lifetime: reason === 'idle' ? '1h' : '35m' });
    await app.browser.post('/login', { user: 'alice' });
    const { id } = (await app.browser.get('/look')).json<{ id: string }>();
    app.clock.advance('20m');
    await app.browser.get('/me');
    app.clock.advance(after);
    const { cookie } = app.browser;
    await find(app, store);
    await settled();
    const told = [{ type: 'ended', id, subject: 'alice', reason, at: app.clock.now() }];
    expect(app.ended()).toEqual(told);
    for (const [, again] of ways) await again(app, store);
    expect((await app.browser.get('/me', { cookie })).status).toBe(401);
    await settled();
    expect(app.ended()).toEqual(told);
  });

  it('is told by the sweep that runs once a minute', async () => {
    jest.useFakeTimers({
      doNotFake: [
        'nextTick',
        'setImmediate',
        'queueMicrotask',
        'setTimeout',
        'clearTimeout',
        'performance',
        'Date',
      ],
    });
    try {
      const { browser, clock, ended } = await run(platform, { store: new MemoryStore() });
      await browser.post('/login', { user: 'alice' });
      clock.advance('31m');
      await settled();
      expect(ended()).toEqual([]);
      jest.advanceTimersByTime(60_000);
      await settled();
      expect(ended()).toMatchObject([{ reason: 'idle', subject: 'alice' }]);
      await closeAll();
    } finally {
      jest.useRealTimers();
    }
  });

  it('is told with the limit that passed first, however late it is found', async () => {
    const { browser, clock, ended } = await run(platform, { store: new MemoryStore() });
    await browser.post('/login', { user: 'alice' });
    clock.advance('300d');
    await browser.get('/me');
    expect(ended()).toMatchObject([{ reason: 'idle' }]);
  });

  it('is told of anonymous sessions, and not of those that were ended', async () => {
    const store = new MemoryStore();
    const { browser, clock, ended, url } = await run(platform, { store });
    const other = new Browser(url);
    await other.post('/login', { user: 'bob' });
    await other.post('/logout');
    await browser.post('/data', { cart: 1 });
    clock.advance('31m');
    store.sweep();
    await settled();
    expect(ended()).toMatchObject([{ reason: 'logout' }, { reason: 'idle' }]);
    expect(ended()[1]).not.toHaveProperty('subject');
  });

  it('is told to a listener that uses the store, or throws', async () => {
    const store = new MemoryStore();
    const { browser, clock, ended, service, url } = await run(platform, { store });
    for (let i = 0; i < 20; i++) await new Browser(url).post('/login', { user: 'alice' });
    await browser.post('/login', { user: 'alice' });
    service.events.subscribe((event) => {
      if (event.type !== 'ended') return;
      store.sweep();
      void service.revokeAll('alice');
      throw new Error('a listener');
    });
    clock.advance('31m');
    store.sweep();
    await settled();
    expect(ended().map((event) => 'reason' in event && event.reason)).toEqual(Array(21).fill('idle'));
  });

  it('is told of sealed cookies by an index in memory', async () => {
    const index = new MemoryStore();
    const { browser, clock, ended } = await run(platform, { store: new SealedCookie({ index }) });
    await browser.post('/login', { user: 'alice' });
    clock.advance('31m');
    index.sweep();
    await settled();
    expect(ended()).toMatchObject([{ reason: 'idle', subject: 'alice' }]);
  });
});

let tables = 0;

describePostgres('a session whose time is over, in PostgreSQL', (server) => {
  describe.each(platforms)('on %s', (platform) => {
    async function nodes() {
      const table = `expired_${++tables}`;
      const stores = [0, 1].map(() => new PostgresStore({ pool: server().pool(), table }));
      await stores[0]!.migrate();
      const apps = await Promise.all(stores.map((store) => run(platform, { store }, true)));
      return { table, stores, apps };
    }

    it('is told once across nodes when it is swept', async () => {
      const { table, stores, apps } = await nodes();
      const [one, two] = apps as [(typeof apps)[0], (typeof apps)[0]];
      const id = (await one.browser.post('/login', { user: 'alice' })).json<{ id: string }>().id;
      const other = new Browser(one.url);
      await other.post('/login', { user: 'bob' });
      // Leaves the mark of a revocation, and no session.
      await other.post('/logout-everywhere');
      await server().ask(`UPDATE ${table} SET expires_at = now() - interval '1 second'`);
      expect((await one.browser.get('/me')).status).toBe(401);
      await Promise.all([...stores, ...stores].map((store) => store.sweep()));
      const told = [...one.ended(), ...two.ended()].filter((event) => !event.remote && 'reason' in event);
      expect(told.filter((event) => event.subject === 'alice')).toMatchObject([{ id, reason: 'idle' }]);
      expect(told.filter((event) => event.subject !== 'alice')).toMatchObject([
        { reason: 'logout', subject: 'bob' },
      ]);
    });

    it('is reported once across nodes when its cookie is presented, before any sweep', async () => {
      const { table, stores, apps } = await nodes();
      const [one, two] = apps as [(typeof apps)[0], (typeof apps)[0]];
      const id = (await one.browser.post('/login', { user: 'alice' })).json<{ id: string }>().id;
      const { cookie } = one.browser;
      await server().ask(`UPDATE ${table} SET expires_at = now() - interval '1 second'`);
      const present = (app: typeof one) => new Browser(app.url).get('/me', { cookie });
      const responses = await Promise.all([one, two, one, two].map(present));
      expect(responses.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
      const ended = () => [...one.ended(), ...two.ended()].filter((event) => !event.remote);
      expect(ended()).toMatchObject([{ id, subject: 'alice', reason: 'idle' }]);
      expect(await stores[1]!.sweep()).toBe(0);
      await present(two);
      expect(ended()).toHaveLength(1);
    });

    it('is reported to each application that uses the store', async () => {
      const { table, stores } = await nodes();
      const [store] = stores;
      const [one, two] = [await run(platform, { store }, true), await run(platform, { store }, true)];
      await one.browser.post('/login', { user: 'alice' });
      await server().ask(`UPDATE ${table} SET expires_at = now() - interval '1 second'`);
      expect((await one.browser.get('/me')).status).toBe(401);
      for (const app of [one, two]) expect(app.ended()).toMatchObject([{ reason: 'idle', subject: 'alice' }]);
    });

    it('is no event where a tombstone or the mark of a revocation is over', async () => {
      const { table, stores } = await nodes();
      const [store] = stores;
      const expired: unknown[] = [];
      store!.bind({
        clock: { now: Date.now },
        clockInjected: false,
        warn: () => undefined,
        expired: (session) => expired.push(session),
      });
      await store!.markRevoked('alice', Date.now(), 3_600_000);
      const marked = async () => (await server().ask(`SELECT id FROM ${table}`)).map(({ id }) => String(id));
      await server().ask(
        `INSERT INTO ${table} SELECT ((jsonb_populate_record(kept, '{"id":"gone","departed":"evicted"}')).*) FROM ${table} kept`,
      );
      await server().ask(`UPDATE ${table} SET expires_at = now() - interval '1 second'`);
      const ids = await marked();
      expect(ids).toHaveLength(2);
      for (const id of ids) expect(await store!.load(id)).toBeUndefined();
      expect(expired).toEqual([]);
      // The sweep deletes them.
      expect(await marked()).toEqual(ids);
    });

    it('is a 401 also where its row cannot be deleted, and is left to the sweep', async () => {
      const { table, stores, apps } = await nodes();
      const [one] = apps as [(typeof apps)[0]];
      await one.browser.post('/login', { user: 'alice' });
      const { cookie } = one.browser;
      await server().ask(`UPDATE ${table} SET expires_at = now() - interval '1 second'`);
      const other = await server().pool().connect();
      try {
        // Another node is deleting it. The request does not wait for that.
        await other.query(`BEGIN; SELECT FROM ${table} FOR UPDATE`);
        expect((await one.browser.get('/me', { cookie })).status).toBe(401);
      } finally {
        other.release(true);
      }
      await server().ask(
        `CREATE FUNCTION ${table}_refuse() RETURNS trigger AS 'BEGIN RAISE EXCEPTION ''read-only''; END' LANGUAGE plpgsql;
         CREATE TRIGGER refuse BEFORE DELETE ON ${table} EXECUTE FUNCTION ${table}_refuse()`,
      );
      expect((await one.browser.get('/me', { cookie })).status).toBe(401);
      expect(one.ended()).toEqual([]);
      await server().ask(`DROP TRIGGER refuse ON ${table}`);
      expect(await stores[0]!.sweep()).toBe(1);
      expect(one.ended()).toMatchObject([{ reason: 'idle', subject: 'alice' }]);
    });

    it('is told with the limit that passed', async () => {
      const { table, stores, apps } = await nodes();
      await apps[0]!.browser.post('/login', { user: 'alice' });
      const old = Date.now() - 32 * 24 * 3_600_000;
      await server().ask(`UPDATE ${table} SET created_at = ${old}, expires_at = now() - interval '1 second'`);
      await stores[0]!.sweep();
      expect(apps[0]!.ended()).toMatchObject([{ reason: 'lifetime', subject: 'alice' }]);
    });
  });
});
