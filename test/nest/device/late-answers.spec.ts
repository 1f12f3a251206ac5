import { inTime } from '../../../lib/core/storage/store-calls.js';
import { MemoryStore, type SessionModuleOptions, type SessionStore } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { RedisStore } from 'nest-sessions/redis';
import { MemoryRevocations, SealedCookie, type RevocationList } from 'nest-sessions/sealed';
import type { Answer } from '../../support/browser.js';
import { BindingBrowser, registrationIn } from '../../support/device.js';
import { describeEveryStore } from '../../support/every-store.js';
import { closeAll, platforms, type PlatformName } from '../../support/platforms.js';
import { describePostgres } from '../../support/postgres.js';
import { nodeRedis } from '../../support/redis-clients.js';
import { describeHost, hosts, startHost, type RevocationHost } from '../../support/revocation-hosts.js';
import { describeWithRedis, RedisServer, START_TIMEOUT } from '../../support/servers.js';
import { until } from '../../support/until.js';
import { startBound } from './device.app.js';

afterEach(closeAll);

type Store = SessionModuleOptions['store'];

/** Of the store, in milliseconds. Calls that are held take as long in earnest. */
const TIMEOUT = 250;

/** Of a server of its own, which may take longer than that to write to its disk while it goes on. */
const TIMEOUT_OF_SERVER = 600;

/** What becomes of the calls that change what is kept of a device. */
class Calls {
  /** @param timeout of the store, in milliseconds */
  constructor(readonly timeout: number) {}

  /** How many there were. */
  count = 0;
  /** Whether the next one is held. */
  holds: (nth: number) => boolean = () => false;
  /** Called at each of them, before it goes out. */
  before: () => void = () => undefined;
  readonly #held: (() => Promise<void>)[] = [];

  run<T>(work: () => T | Promise<T>): T | Promise<T> {
    this.before();
    if (!this.holds(++this.count)) return work();
    return new Promise<T>((resolve, reject) => {
      this.#held.push(async () => {
        try {
          resolve(await work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** What was held takes effect. */
  async release(): Promise<void> {
    for (const late of this.#held.splice(0)) await late();
  }
}

/** An object one of whose methods is replaced. */
const replacing = <T extends object, K extends keyof T & string>(target: T, name: K, by: T[K]): T =>
  new Proxy(target, {
    get(_, key) {
      if (key === name) return by;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

const lateStore = (store: SessionStore, calls: Calls): SessionStore =>
  replacing(store, 'commit', (id, delta) =>
    delta.key ? calls.run(() => store.commit(id, delta)) : store.commit(id, delta),
  );

/** A list keeps to the timeout by itself. */
const lateList = (list: RevocationList, calls: Calls): RevocationList =>
  replacing(list, 'add', async (revocation) => {
    const { terms } = revocation;
    return terms.kind === 'session' && terms.why === 'rotated'
      ? inTime(Promise.resolve(calls.run(() => list.add(revocation))), calls.timeout)
      : list.add(revocation);
  });

type MakeLate = (calls: Calls) => Promise<Store>;

async function run(
  platform: PlatformName,
  make: MakeLate,
  options: Partial<SessionModuleOptions> = {},
  timeout = TIMEOUT,
) {
  const calls = new Calls(timeout);
  const store = await make(calls);
  const running = await startBound(platform, {
    store,
    storeTimeout: timeout,
    idle: '2h',
    rotateEvery: false,
    ...options,
  });
  await warmUp(running.url);
  return { ...running, calls };
}

/** The first calls of a process load scripts and modules, which on a busy machine takes longer than the timeout. */
async function warmUp(url: string): Promise<void> {
  const other = new BindingBrowser(url);
  await until(async () => (await other.login({ user: 'somebody' })).status < 500, 'a login');
}

type Run = Awaited<ReturnType<typeof run>>;

/** The browser has the key of the session, and nobody else is let in. */
async function expectBound({ browser, clock, told, sessions }: Run, answer: Answer): Promise<void> {
  expect([answer.status, answer.setCookies.length > 0]).toEqual([200, true]);
  expect(told('bound')).toHaveLength(1);
  clock.advance('1m');
  expect((await browser.get('/me')).status).toBe(200);
  expect((await browser.get('/me', { cookie: browser.unbound })).status).toBe(401);
  expect((await browser.refresh()).status).toBe(200);
  expect(await sessions.list('alice')).toMatchObject([{ id: browser.sessionId }]);
  expect([told('reused'), told('ended')]).toEqual([[], []]);
}

function lateSpecs(platform: PlatformName, make: MakeLate): void {
  it.each([1, 2, 3])(
    'a registration whose first %d calls take effect after all others: the browser has the key',
    async (held) => {
      const running = await run(platform, make);
      const { browser, calls } = running;
      const { challenge } = registrationIn(await browser.login());
      calls.holds = (nth) => nth <= held;
      const answer = await browser.register(browser.device.registration(challenge));
      expect(calls.count).toBe(held + 1);
      await calls.release();
      await expectBound(running, answer);
    },
  );

  it('a registration whose calls take effect while it is repeated: the browser has the key', async () => {
    const running = await run(platform, make);
    const { browser, calls } = running;
    const { challenge } = registrationIn(await browser.login());
    calls.holds = () => true;
    const registered = browser.register(browser.device.registration(challenge));
    await until(() => calls.count === 2);
    calls.holds = () => false;
    await calls.release();
    const answer = await registered;
    await expectBound(running, answer);
  });

  it('a registration that is late beside another one: exactly one is bound, and its browser has the key', async () => {
    const { url, browser, calls, clock, told } = await run(platform, make);
    const { challenge } = registrationIn(await browser.login());
    const other = new BindingBrowser(url);
    other.jar.setCookieSync(browser.loggedIn.setCookies[0]!, 'https://127.0.0.1');
    calls.holds = (nth) => nth === 1;
    const late = browser.register(browser.device.registration(challenge));
    await until(() => calls.count === 1);
    const early = await other.register(other.device.registration(challenge));
    await calls.release();
    expect([early.status, (await late).status]).toEqual([200, 403]);
    expect(told('bound')).toHaveLength(1);
    clock.advance('1m');
    expect((await other.get('/me')).status).toBe(200);
    expect((await other.refresh()).status).toBe(200);
  });

  it('a registration that is late beside a logout: the session stays over', async () => {
    const { url, browser, calls, sessions } = await run(platform, make);
    const { challenge } = registrationIn(await browser.login());
    const { cookie } = browser;
    calls.holds = (nth) => nth === 1;
    const late = browser.register(browser.device.registration(challenge));
    await until(() => calls.count === 1);
    expect((await new BindingBrowser(url).post('/logout', {}, { cookie })).status).toBeLessThan(300);
    await calls.release();
    expect((await late).setCookies.filter((one) => !one.includes('Max-Age=0'))).toEqual([]);
    expect((await browser.get('/me', { cookie })).status).toBe(401);
    expect(await sessions.list('alice')).toEqual([]);
  });

  /*
   * Nobody knows then whether the session is bound, and without the key nobody can prove to be its browser. docs/device-bound.md says
   * why it stays so.
   */
  it('a registration that takes effect only after it was given up: the user logs in again, and the session is over', async () => {
    const { browser, calls, clock, sessions } = await run(platform, make, {
      maxSessions: 1,
      onExceeded: 'reject',
    });
    const { challenge } = registrationIn(await browser.login());
    calls.holds = () => true;
    const answer = await browser.register(browser.device.registration(challenge));
    expect([answer.status, answer.setCookies]).toEqual([503, []]);
    expect(calls.count).toBeGreaterThan(2);
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
    calls.holds = () => false;
    await calls.release();
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(401);
    const { id: former } = browser.loggedIn.json<{ id: string }>();
    expect((await browser.bind()).status).toBe(200);
    expect((await sessions.list('alice')).map(({ id }) => id)).toEqual([browser.sessionId]);
    expect(browser.sessionId).not.toBe(former);
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('a refresh whose call takes effect late: the browser comes again, and goes on', async () => {
    const { browser, calls, clock, told } = await run(platform, make);
    await browser.bind();
    clock.advance('8m');
    const [challenge, before] = [browser.challenge, calls.count];
    calls.holds = (nth) => nth === before + 1;
    const answer = await browser.ask(browser.device.refresh(challenge));
    expect([answer.status, answer.setCookies]).toEqual([503, []]);
    await calls.release();
    expect((await browser.ask(browser.device.refresh(challenge))).status).toBe(403);
    expect((await browser.ask(browser.device.refresh(browser.challenge))).status).toBe(200);
    clock.advance('5m');
    expect((await browser.get('/me')).status).toBe(200);
    expect([told('reused'), told('ended')]).toEqual([[], []]);
  });
}

describeEveryStore('a store that answers late', (platform, make) =>
  lateSpecs(platform, async (calls) => lateStore(await make(), calls)),
);

describe.each(platforms)('a list of sealed cookies that answers late on %s', (platform) => {
  lateSpecs(platform, (calls) =>
    Promise.resolve(
      new SealedCookie({ revocations: lateList(new MemoryRevocations(), calls), index: new MemoryStore() }),
    ),
  );
});

interface Server {
  pause(): void;
  resume(): void;
}

/** The server stops at the moment at which the session is to be bound, and goes on a moment later. */
function pausedSpecs(platform: PlatformName, server: () => Server, make: MakeLate): void {
  it('binds the session to the key that the browser has, when the server goes on', async () => {
    const running = await run(platform, make, {}, TIMEOUT_OF_SERVER);
    const { browser, calls } = running;
    const { challenge } = registrationIn(await browser.login());
    calls.before = () => calls.count === 0 && server().pause();
    const registered = browser.register(browser.device.registration(challenge));
    try {
      await until(() => calls.count === 2);
    } finally {
      server().resume();
    }
    await expectBound(running, await registered);
  });
}

describeWithRedis('a registration while Redis hangs', () => {
  let server: RedisServer;
  beforeAll(async () => (server = await RedisServer.start()), START_TIMEOUT);
  afterAll(() => server.stop());
  describe.each(platforms)('on %s', (platform) => {
    pausedSpecs(
      platform,
      () => server,
      async (calls) =>
        lateStore(
          new RedisStore({ client: await nodeRedis(server.url), prefix: `paused-${platform}:` }),
          calls,
        ),
    );
  });
});

describePostgres('a registration while PostgreSQL hangs', (server) => {
  describe.each(platforms)('on %s', (platform) => {
    pausedSpecs(platform, server, async (calls) => {
      const store = new PostgresStore({ pool: server().pool(), table: `paused_${platform}` });
      await store.migrate();
      return lateStore(store, calls);
    });
  });
});

for (const [name] of hosts)
  describeHost(name, `a registration while the list of sealed cookies hangs: ${name}`, () => {
    let host: RevocationHost;
    beforeAll(async () => (host = await startHost(name)), START_TIMEOUT);
    afterAll(() => host.stop(), START_TIMEOUT);
    describe.each(platforms)('on %s', (platform) => {
      pausedSpecs(
        platform,
        () => host,
        async (calls) =>
          new SealedCookie({ revocations: lateList(await host.list(), calls), index: new MemoryStore() }),
      );
    });
  });
