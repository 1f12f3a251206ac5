import { request } from 'node:http';
import { SessionService, type SessionEvent, type SessionModuleOptions } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { SpyStore, type Fault } from '../../support/spy-store.js';
import { until } from '../../support/until.js';

afterEach(closeAll);

const faults: [Fault][] = [['throws'], ['rejects'], ['hangs']];
const MINUTE = 60_000;

async function run(platform: PlatformName, options: Partial<SessionModuleOptions>) {
  const sink = new LogSink();
  const running = await start(platform, {
    controllers: [AppController],
    options: { storeTimeout: '50ms', ...options },
    prepare: sink.attach,
  });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  const browser = new Browser(running.url);
  expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
  const ofStore = () => events.filter(({ type }) => type.startsWith('store-'));
  const lines = () => sink.lines.filter((line) => /session store|index of sealed|revocation list/.test(line));
  return { ...running, browser, lines, ofStore };
}

describe.each(platforms)('an outage of the store, on %s', (platform) => {
  it.each(faults)(
    'is logged and emitted when it begins, while it lasts and when it is over: it %s',
    async (fault) => {
      const store = new SpyStore();
      const { browser, lines, ofStore, clock } = await run(platform, { store });
      store.fail(fault);
      for (let i = 0; i < 3; i++) expect((await browser.get('/me')).status).toBe(503);
      expect(lines()).toEqual([expect.stringMatching(/^error: The session store cannot be read \(/)]);
      expect(ofStore()).toMatchObject([
        { type: 'store-failed', part: 'store', access: 'read', at: clock.now() },
      ]);
      clock.advance(MINUTE);
      expect((await browser.get('/me')).status).toBe(503);
      expect(lines()).toHaveLength(2);
      expect(lines()[1]).toMatch(/still cannot be read.* 3 calls failed/);
      store.heal();
      for (let i = 0; i < 3; i++) expect((await browser.get('/me')).status).toBe(200);
      expect(lines().slice(2)).toEqual([
        expect.stringMatching(/^warn: .*can be read again, after 60\.0 s in which 4 calls/),
      ]);
      expect(ofStore().slice(1)).toMatchObject([{ type: 'store-recovered', count: 4, duration: MINUTE }]);
    },
  );

  it.each(faults)('concerns only writes where the store is read-only: it %s', async (fault) => {
    const store = new SpyStore();
    const { browser, lines, ofStore } = await run(platform, { store });
    store.fail(fault, 'create', 'commit', 'destroy', 'markRevoked');
    for (let i = 0; i < 3; i++) {
      expect((await browser.get('/me')).status).toBe(200);
      expect((await browser.post('/data', { a: i })).status).toBe(503);
    }
    expect(lines()).toEqual([expect.stringMatching(/cannot be written/)]);
    expect(ofStore()).toMatchObject([{ type: 'store-failed', access: 'write' }]);
    store.heal();
    expect((await browser.post('/data', { a: 9 })).status).toBe(200);
    expect(ofStore()[1]).toMatchObject({ type: 'store-recovered', access: 'write', count: 3 });
  });

  it('is not over by a response that comes after its time', async () => {
    const store = new SpyStore();
    const { browser, lines, ofStore } = await run(platform, { store });
    store.delay = 120;
    for (let i = 0; i < 2; i++) expect((await browser.post('/data', { a: i })).status).toBe(503);
    await until(() => store.records()[0]?.data['a'] === '1');
    expect(lines()).toEqual([
      expect.stringMatching(/cannot be written \(TimeoutError: no response within 50 ms\)/),
    ]);
    expect(ofStore()).toHaveLength(1);
  });

  it('is none where a client cancels, a record is damaged, or a session has ended', async () => {
    const store = new SpyStore();
    const { browser, lines, ofStore, url } = await run(platform, { store, storeTimeout: '5s' });
    const cookie = browser.cookie;
    let open!: () => void;
    store.gate = () => new Promise((resolve) => (open = resolve));
    store.forget();
    const cancelled = request(`${url}/increment/a`, { method: 'POST', headers: { cookie } });
    cancelled.on('error', () => undefined).end();
    await until(() => store.count('commit') === 1);
    cancelled.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    store.gate = undefined;
    open();
    // Lost to another request.
    await Promise.all([1, 2, 3].map(() => browser.post('/increment/a')));
    await browser.post('/logout');
    expect((await new Browser(url).get('/me', { cookie })).status).toBe(401);
    expect([lines(), ofStore()]).toEqual([[], []]);
  });

  it.each(faults)('says which part of sealed cookies fails: the index %s', async (fault) => {
    const index = new SpyStore();
    const { browser, lines, ofStore } = await run(platform, { store: new SealedCookie({ index }) });
    index.fail(fault);
    expect((await browser.get('/devices')).status).toBe(503);
    expect((await browser.get('/me')).status).toBe(200);
    expect(lines()).toEqual([expect.stringMatching(/^error: The index of sealed cookies cannot be read/)]);
    expect((await browser.post('/login', { user: 'bob' })).status).toBe(503);
    expect(lines()[1]).toMatch(/The index of sealed cookies cannot be written/);
    index.heal();
    expect((await browser.get('/devices')).status).toBe(200);
    expect(ofStore().map((event) => [event.type, 'part' in event && event.part])).toEqual([
      ['store-failed', 'index'],
      ['store-failed', 'index'],
      ['store-recovered', 'index'],
    ]);
  });

  it('says that the revocation list fails, whoever wrote it', async () => {
    const revocations = new MemoryRevocations();
    const { browser, lines, ofStore } = await run(platform, { store: new SealedCookie({ revocations }) });
    const { add } = revocations;
    revocations.add = () => Promise.reject(new Error('redis://user:pa55w0rd@host is gone'));
    expect((await browser.post('/logout-everywhere')).status).toBe(503);
    expect(lines()).toEqual([
      expect.stringMatching(
        /^error: The revocation list cannot be written \(Error: redis:\/\/\*\*\*@host is gone\)/,
      ),
    ]);
    revocations.add = add;
    expect((await browser.post('/logout')).status).toBe(200);
    expect(ofStore()).toMatchObject([
      { type: 'store-failed', part: 'revocations', access: 'write' },
      { type: 'store-recovered', part: 'revocations', access: 'write', count: 1 },
    ]);
  });
});
