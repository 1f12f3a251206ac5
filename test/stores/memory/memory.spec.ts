import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { MemoryStore, type MemoryStoreOptions } from 'nest-sessions';
import type { LoadedRecord, SessionRecord } from 'nest-sessions/store';
import { FakeClock, loginAs } from 'nest-sessions/testing';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { compiled, type Compiled } from '../../support/compiled.js';
import { flood } from '../../support/flood.js';
import type { Footprint } from '../../support/memory-node.js';
import { closeAll, platforms, start } from '../../support/platforms.js';

const MINUTE = 60_000;
const opened: MemoryStore[] = [];
const processes: ChildProcess[] = [];

afterEach(async () => {
  for (const one of processes.splice(0)) one.kill('SIGKILL');
  for (const store of opened.splice(0)) store.close();
  await closeAll();
});

function open(options?: MemoryStoreOptions) {
  const clock = new FakeClock();
  const warnings: string[] = [];
  const store = new MemoryStore(options);
  store.bind({ clock, clockInjected: true, warn: (message) => warnings.push(message) });
  opened.push(store);
  const record = (id: string, rest: Partial<SessionRecord> = {}): SessionRecord => ({
    id,
    secretHash: `hash of ${id}`,
    revision: 0,
    factors: {},
    createdAt: clock.now(),
    startedAt: clock.now(),
    lastSeenAt: clock.now(),
    rotatedAt: clock.now(),
    remember: false,
    data: {},
    ...rest,
  });
  const fill = (count: number, prefix = 'id', rest?: Partial<SessionRecord>) => {
    for (let i = 0; i < count; i++) store.create(record(`${prefix}${i}`, rest), 30 * MINUTE);
  };
  return { store, clock, warnings, record, fill };
}

describe('the memory store', () => {
  it('holds no more sessions than it may, and lets the least recently used go', () => {
    const { store, fill } = open({ maxCount: 100 });
    fill(100, 'old');
    // A visit keeps a session young.
    store.load('old0');
    fill(60, 'new');
    expect(store.size).toBe(100);
    expect(store.load('old0')).toBeDefined();
    expect(store.load('old1')).toBeUndefined();
    expect(store.load('old60')).toBeUndefined();
    expect(store.load('old61')).toBeDefined();
    expect(store.load('new0')).toBeDefined();
    fill(10_000, 'more');
    expect(store.size).toBe(100);
  });

  it('holds no more bytes than it may', () => {
    const { store, record } = open({ maxBytes: 1_000_000 });
    for (let i = 0; i < 100; i++)
      store.create(record(`id${i}`, { data: { page: JSON.stringify('x'.repeat(50_000)) } }), MINUTE);
    // Two bytes a character: at most ten of them fit.
    expect(store.size).toBeGreaterThanOrEqual(8);
    expect(store.size).toBeLessThanOrEqual(10);
    expect(store.load('id99')).toBeDefined();
    expect(store.commit('id98', { epoch: 0, set: { page: '1' } })).toMatchObject({
      outcome: 'saved',
    });
    store.create(record('small'), MINUTE);
    expect(store.load('id98')).toBeDefined();
  });

  it('never lets a session go that grows by a commit, whoever it is of', () => {
    for (const subject of [undefined, 'alice']) {
      const { store, record } = open({ maxBytes: 60_000 });
      const owner = subject === undefined ? {} : { subject };
      for (let i = 0; i < 10; i++) store.create(record(`id${i}`, owner), MINUTE);
      const set = { page: JSON.stringify('x'.repeat(27_000)) };
      expect(store.commit('id0', { epoch: 0, set })).toMatchObject({ outcome: 'saved' });
      expect(store.load('id0')).toMatchObject({ record: { data: set } });
      // The others had the rest of the room.
      expect(store.load('id9')).toBeDefined();
      expect(store.load('id1')).toBeUndefined();
      expect(store.size).toBeLessThan(6);
    }
  });

  it('refuses a session that cannot fit at all, and keeps what is there', () => {
    const { store, record } = open({ maxBytes: 10_000 });
    store.create(record('other'), MINUTE);
    const data = { page: JSON.stringify('x'.repeat(10_000)) };
    expect(() => store.create(record('huge', { data }), MINUTE)).toThrow(/maxBytes/);
    expect(() => store.commit('other', { epoch: 0, set: data })).toThrow(/maxBytes/);
    expect(store.load('other')).toEqual({ record: record('other') });
  });

  it('warns once when sessions that are alive have to go', () => {
    const { store, fill, warnings, clock } = open({ maxCount: 10 });
    const owner = { subject: 'alice' };
    fill(10, 'id', owner);
    expect(warnings).toEqual([]);
    fill(5, 'more', owner);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/maxCount/);
    fill(50, 'many', owner);
    clock.advance('1d');
    fill(50, 'again', owner);
    expect(warnings).toHaveLength(1);
    expect(store.size).toBe(10);
  });

  it('emits nothing for evicted sessions of anonymous visitors', () => {
    const { fill, warnings } = open({ maxCount: 10 });
    fill(50);
    expect(warnings).toEqual([]);
  });

  it('lets expired sessions go first, without a warning', () => {
    const { store, record, fill, warnings, clock } = open({ maxCount: 10 });
    // The one that lasts is the least recently used.
    store.create(record('lasting'), 600 * MINUTE);
    fill(9);
    clock.advance('1h');
    fill(9, 'next');
    expect(warnings).toEqual([]);
    expect(store.load('lasting')).toBeDefined();
  });

  it('warns in production, and only there', () => {
    const before = process.env['NODE_ENV'];
    try {
      process.env['NODE_ENV'] = 'production';
      const { warnings, fill } = open();
      fill(3);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatch(/RedisStore.*PostgresStore/);
    } finally {
      process.env['NODE_ENV'] = before;
    }
    expect(open().warnings).toEqual([]);
  });

  it('forgets a session when its time is over, to the millisecond', () => {
    const { store, record, clock } = open();
    store.create(record('a', { subject: 'alice' }), 30 * MINUTE);
    clock.advance(30 * MINUTE - 1);
    expect(store.load('a')).toBeDefined();
    expect(store.list('alice')).toHaveLength(1);
    clock.advance(2);
    // What it says of an expired one is what it says of none.
    expect(store.load('a')).toBeUndefined();
    expect(store.list('alice')).toEqual([]);
    expect(store.commit('a', { epoch: 0, set: { x: '1' } })).toEqual({ outcome: 'gone' });
    expect(store.destroy('a')).toBeUndefined();
  });

  it('keeps the end of a session where a commit does not move it', () => {
    const { store, record, clock } = open();
    store.create(record('a'), 10 * MINUTE);
    store.create(record('b'), 10 * MINUTE);
    clock.advance('9m');
    for (const id of ['a', 'b']) store.commit(id, { epoch: 0, set: { x: '1' } });
    clock.advance('59s');
    expect(store.load('a')).toBeDefined();
    store.commit('a', { epoch: 0, head: { lastSeenAt: clock.now() }, ttl: 10 * MINUTE });
    clock.advance(1_001);
    expect(store.load('b')).toBeUndefined();
    clock.advance('9m');
    expect(store.load('a')).toBeDefined();
    clock.advance(MINUTE + 1);
    expect(store.load('a')).toBeUndefined();
  });

  it('has one timer, whatever number of sessions, and none once it is closed', () => {
    const [setTimer, setRepeated, clear] = [setTimeout, setInterval, clearInterval];
    let running = 0;
    let started = 0;
    const counted = <F extends (...args: never[]) => unknown>(original: F): F =>
      ((...args: never[]) => {
        started++;
        running++;
        return original(...args);
      }) as F;
    try {
      globalThis.setTimeout = counted(setTimer as never);
      globalThis.setInterval = counted(setRepeated as never);
      globalThis.clearInterval = ((timer: NodeJS.Timeout) => {
        running--;
        clear(timer);
      }) as typeof clearInterval;
      const { store, fill } = open();
      fill(5_000);
      for (let i = 0; i < 5_000; i++) {
        store.load(`id${i}`);
        store.commit(`id${i}`, { epoch: 0, ttl: MINUTE });
      }
      expect([started, running]).toEqual([1, 1]);
      store.close();
      expect(running).toBe(0);
    } finally {
      Object.assign(globalThis, { setTimeout: setTimer, setInterval: setRepeated, clearInterval: clear });
    }
  });

  it('keeps data apart whatever its keys and texts are, and however many sessions have the same keys', () => {
    const { store, record } = open();
    const kinds: Record<string, string>[] = [
      {},
      { '': '1' },
      { '': '', a: '' },
      { a: '1', b: '2' },
      { b: '2', a: '1' },
      { 'a\0b': '1' },
      { 'a\0': '1', b: '2' },
      { a: '"\0"', b: '\0' },
      { 'a\0b': '1', c: '2\0' },
      { ['__proto__']: '{"x":1}', a: '1' },
      { constructor: '1', hasOwnProperty: '2' },
      { 1: 'one', a: 'a', 0: 'zero' },
    ];
    for (const round of ['first', 'second']) {
      for (const [i, data] of kinds.entries()) {
        store.create(record(`${round}${i}`, { data, secretHash: `hash\0${i}` }), MINUTE);
        store.create(record(`${round}-usual${i}`, { data }), MINUTE);
      }
    }
    for (const round of ['first', 'second']) {
      for (const [i, data] of kinds.entries()) {
        for (const id of [`${round}${i}`, `${round}-usual${i}`]) {
          const { record: loaded } = store.load(id) as LoadedRecord;
          expect(Object.entries(loaded.data)).toEqual(Object.entries(data));
          expect(loaded.secretHash).toBe(id.includes('usual') ? `hash of ${id}` : `hash\0${i}`);
        }
      }
    }
  });

  it('keeps the keys of sessions that have others than all the rest', () => {
    const { store, record } = open();
    for (let i = 0; i < 3_000; i++)
      store.create(record(`id${i}`, { data: { [`key${i}`]: `${i}`, n: '0' } }), MINUTE);
    for (let i = 0; i < 3_000; i++) {
      expect(store.load(`id${i}`)).toMatchObject({ record: { data: { [`key${i}`]: `${i}`, n: '0' } } });
    }
  });

  it('keeps times exactly, fractions and all', () => {
    const { store, record } = open();
    const times = { createdAt: 1_699_999_999_999.3, lastSeenAt: 0.7, rotatedAt: 1_700_000_000_000.123 };
    store.create(record('a', times), MINUTE);
    expect(store.load('a')).toMatchObject({ record: times });
    const later = { lastSeenAt: 1_800_000_000_000.7, rotatedAt: 1_900_000_000_000 };
    store.commit('a', { epoch: 0, head: later });
    expect(store.load('a')).toMatchObject({ record: { ...times, ...later } });
  });

  it('lets an application change a listed device without changing the stored one', () => {
    const { store, record } = open();
    store.create(record('a', { subject: 'alice', device: { ip: '192.0.2.1' } }), MINUTE);
    const [listed] = store.list('alice');
    listed!.device!.ip = 'another';
    expect(store.list('alice')).toMatchObject([{ device: { ip: '192.0.2.1' } }]);
  });

  it('lists the sessions of a subject in the order in which they came, from one to several and back', () => {
    const { store, record } = open();
    const listed = () => store.list('alice').map(({ id }) => id);
    for (const id of ['a', 'b', 'c']) {
      store.create(record(id, { subject: 'alice' }), MINUTE);
      store.create(record(`${id}-of-bob`, { subject: 'bob' }), MINUTE);
    }
    expect(listed()).toEqual(['a', 'b', 'c']);
    store.destroy('a');
    store.destroy('c');
    expect(listed()).toEqual(['b']);
    store.destroy('b');
    expect(listed()).toEqual([]);
    store.create(record('d', { subject: 'alice' }), MINUTE);
    expect(listed()).toEqual(['d']);
    expect(store.list('bob')).toHaveLength(3);
  });

  it('removes expired sessions', () => {
    const { store, fill, clock, record } = open();
    fill(1_000);
    store.create(record('lasting'), 600 * MINUTE);
    clock.advance('31m');
    expect(store.size).toBe(1_001);
    store.sweep();
    expect(store.size).toBe(1);
  });

  it('removes a tombstone when it expires', () => {
    const { store, record, clock } = open();
    store.create(record('a'), MINUTE);
    store.destroy('a', { reason: 'replaced', ttl: 10_000 });
    expect(store.load('a')).toEqual({ ended: 'replaced' });
    expect(store.commit('a', { epoch: 0, set: { x: '1' } })).toEqual({ outcome: 'gone' });
    clock.advance(10_001);
    expect(store.load('a')).toBeUndefined();
    store.sweep();
    expect(store.size).toBe(0);
  });
});

describe('the memory store, when it is full', () => {
  it('ends no session of a user for 100,000 of anonymous visitors', () => {
    const { store, record, fill, warnings } = open();
    store.create(record('a', { subject: 'alice' }), 30 * MINUTE);
    fill(100_000);
    expect(store.size).toBe(100_000);
    expect(store.load('a')).toBeDefined();
    expect(store.list('alice')).toHaveLength(1);
    expect(store.load('id0')).toBeUndefined();
    expect(store.load('id99999')).toBeDefined();
    expect(warnings).toEqual([]);
  });

  it('ends sessions of users only when no other is left, the least recently used first', () => {
    const { store, record, fill, warnings } = open({ maxCount: 10 });
    fill(5, 'visitor');
    for (let i = 0; i < 10; i++) {
      store.create(record(`id${i}`, { subject: `user${i % 2}` }), MINUTE);
      expect(warnings).toEqual([]);
    }
    expect(store.load('visitor4')).toBeUndefined();
    store.load('id0');
    store.create(record('next', { subject: 'user0' }), MINUTE);
    expect(warnings).toHaveLength(1);
    expect(store.load('id1')).toBeUndefined();
    expect(store.load('id0')).toBeDefined();
    expect(store.size).toBe(10);
  });

  it('ends one session of a user for however many of anonymous visitors, when there are no others', () => {
    const { store, fill } = open({ maxCount: 10 });
    fill(10, 'user', { subject: 'alice' });
    fill(1_000, 'visitor');
    expect(store.list('alice').map(({ id }) => id)).toEqual(
      Array.from({ length: 9 }, (_, index) => `user${index + 1}`),
    );
    expect(store.load('visitor999')).toBeDefined();
  });

  it('counts what is left of ended sessions as anonymous', () => {
    const { store, record, fill } = open({ maxCount: 10 });
    fill(10, 'user', { subject: 'alice' });
    for (let i = 0; i < 5; i++) store.destroy(`user${i}`, { reason: 'replaced', ttl: MINUTE });
    expect(store.size).toBe(10);
    for (let i = 0; i < 5; i++) store.create(record(`new${i}`, { subject: 'alice' }), MINUTE);
    expect(store.size).toBe(10);
    expect(store.list('alice')).toHaveLength(10);
    expect(store.load('user0')).toBeUndefined();
    fill(20, 'visitor');
    expect(store.list('alice')).toHaveLength(9);
  });

  it('holds to maxBytes in the same order', () => {
    const { store, record } = open({ maxBytes: 100_000 });
    const data = { page: JSON.stringify('x'.repeat(10_000)) };
    for (const id of ['a', 'b']) store.create(record(id, { subject: 'alice', data }), MINUTE);
    for (let i = 0; i < 100; i++) store.create(record(`id${i}`, { data }), MINUTE);
    expect(store.list('alice')).toHaveLength(2);
    expect(store.size).toBe(4);
    for (let i = 0; i < 2; i++) store.create(record(`c${i}`, { subject: 'carol', data }), MINUTE);
    expect(store.load('id99')).toBeUndefined();
    expect([store.list('alice').length, store.list('carol').length]).toEqual([2, 2]);
  });

  it('lets no anonymous session grow into the room of those of users', () => {
    const { store, record } = open({ maxBytes: 50_000 });
    const data = { page: JSON.stringify('x'.repeat(9_000)) };
    for (const id of ['a', 'b']) store.create(record(id, { subject: 'alice', data }), MINUTE);
    for (const id of ['visitor', 'other']) store.create(record(id), MINUTE);
    const visitor = store.load('visitor');
    const set = { page: JSON.stringify('x'.repeat(10_000)) };
    expect(() => store.commit('visitor', { epoch: 0, set })).toThrow(/maxBytes/);
    expect(store.load('visitor')).toEqual(visitor);
    expect(store.list('alice')).toHaveLength(2);
    const fits = { page: JSON.stringify('x'.repeat(3_800)) };
    expect(store.commit('visitor', { epoch: 0, set: fits })).toMatchObject({ outcome: 'saved' });
    expect(store.list('alice')).toHaveLength(2);
    // A user may: the visitors go.
    const grown = { page: JSON.stringify('x'.repeat(12_000)) };
    expect(store.commit('a', { epoch: 0, set: grown })).toMatchObject({ outcome: 'saved' });
    expect(store.load('visitor')).toBeUndefined();
    expect(store.list('alice')).toHaveLength(2);
  });

  it('lists of a subject what is there, however sessions went', () => {
    const { store, record, fill, clock } = open({ maxCount: 10 });
    const listed = (subject: string) => store.list(subject).map(({ id }) => id);
    fill(12, 'user', { subject: 'alice' });
    expect(listed('alice')).toHaveLength(10);
    store.destroy('user5');
    store.commit('user6', { epoch: 0, ttl: 0 });
    expect(listed('alice')).toEqual([
      'user2',
      'user3',
      'user4',
      'user7',
      'user8',
      'user9',
      'user10',
      'user11',
    ]);
    store.create(record('short', { subject: 'bob' }), MINUTE);
    clock.advance(2 * MINUTE);
    // The same id under another subject, although the first one was not swept out.
    store.create(record('short', { subject: 'carol' }), MINUTE);
    expect([listed('bob'), listed('carol')]).toEqual([[], ['short']]);
    clock.advance('1h');
    fill(10, 'visitor');
    expect([listed('alice'), listed('carol')]).toEqual([[], []]);
  });
});

describe.each(platforms)('the memory store under %s', (platform) => {
  let scripts: Compiled;
  beforeAll(async () => void (scripts = await compiled()));
  afterAll(() => scripts.remove());

  it('is left empty by 100,000 anonymous requests, and the heap as it was', async () => {
    const node = fork(scripts.script('memory-node'), [JSON.stringify({ platform })], { execArgv: [] });
    processes.push(node);
    const { url } = await footprint(node);
    expect(await flood(url, '/look', 20_000)).toBe(20_000);
    const grown: number[] = [];
    for (let stretch = 0; stretch < 5; stretch++) {
      const before = await footprint(node, 'heap');
      expect(await flood(url, '/look', 20_000)).toBe(20_000);
      const after = await footprint(node, 'heap');
      expect(after.sessions).toBe(0);
      grown.push(after.heap - before.heap);
    }
    node.send('stop');
    expect(await once(node, 'exit')).toEqual([0, null]);
    // A leak shows in every stretch, what the engine compiles or frees meanwhile in one or two, so the median
    // counts. One entry of the smallest kind for each request would be 1.3 MB and more.
    const [, , median] = grown.sort((a, b) => a - b);
    expect(median).toBeLessThan(800_000);
  }, 300_000);

  it('logs no user out while visitors begin any number of sessions', async () => {
    const store = new MemoryStore({ maxCount: 5 });
    const { app, url } = await start(platform, { controllers: [AppController], options: { store } });
    const cookies = [await loginAs(app, 'alice'), await loginAs(app, 'bob')];
    const browser = new Browser(url);
    let visitor = '';
    for (let i = 0; i < 50; i++) {
      const answer = await browser.post('/data', { count: i }, { cookie: '' });
      expect(answer.status).toBe(200);
      visitor = answer.setCookies[0]!.split(';')[0]!;
    }
    expect(store.size).toBe(5);
    for (const cookie of cookies) expect((await browser.get('/poll', { cookie })).status).toBe(200);
    expect((await browser.get('/look', { cookie: visitor })).json()).toMatchObject({ data: { count: 49 } });
    for (const user of ['carol', 'dave', 'erin']) cookies.push(await loginAs(app, user));
    for (const cookie of cookies) expect((await browser.get('/poll', { cookie })).status).toBe(200);
  });

  it('does not reopen a session that was evicted', async () => {
    const store = new MemoryStore({ maxCount: 3 });
    const { app, url } = await start(platform, { controllers: [AppController], options: { store } });
    const cookies = [];
    for (let i = 0; i < 5; i++) cookies.push(await loginAs(app, 'alice'));
    const browser = new Browser(url);
    const statuses = [];
    for (const cookie of cookies) statuses.push((await browser.get('/poll', { cookie })).status);
    expect(statuses).toEqual([401, 401, 200, 200, 200]);
    expect((await browser.get('/devices', { cookie: cookies[4]! })).json()).toHaveLength(3);
  });
});

/** What a process of `memory-node` says at its start, or of itself when asked. */
async function footprint(node: ChildProcess, question?: string): Promise<Footprint> {
  const died = new AbortController();
  const die = () => died.abort();
  node.once('exit', die);
  const answered = once(node, 'message', { signal: died.signal });
  if (question !== undefined) node.send(question);
  const [answer] = (await answered) as [Footprint];
  node.off('exit', die);
  return answer;
}
