import { MemoryStore, type SessionModuleOptions } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { BindingBrowser, BOUND_COOKIE, registrationIn } from '../../support/device.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { startBound } from './device.app.js';

afterEach(closeAll);

type Call = 'load' | 'commit' | 'add';

/** Fails one call: before it takes effect, or after, as where the answer is lost. */
class Fault {
  next: { call: Call; effect: boolean } | undefined;
  /** How many calls have failed. */
  count = 0;

  plan(call: Call, effect: boolean): void {
    this.next = { call, effect };
    this.count = 0;
  }

  of<T>(call: Call, work: () => T): T {
    if (this.next?.call !== call) return work();
    const { effect } = this.next;
    this.next = undefined;
    this.count++;
    if (effect) void work();
    throw new Error('out of order');
  }
}

class FaultyStore extends MemoryStore {
  readonly #fault: Fault;

  constructor(fault: Fault) {
    super();
    this.#fault = fault;
  }

  override load(...args: Parameters<MemoryStore['load']>) {
    return this.#fault.of('load', () => super.load(...args));
  }

  override commit(...args: Parameters<MemoryStore['commit']>) {
    return this.#fault.of('commit', () => super.commit(...args));
  }
}

class FaultyList extends MemoryRevocations {
  readonly #fault: Fault;

  constructor(fault: Fault) {
    super();
    this.#fault = fault;
  }

  // The work of a fault runs at once, so that its effect is there when the error is.
  override async add(...args: Parameters<MemoryRevocations['add']>): Promise<boolean> {
    return this.#fault.of('add', () => super.add(...args));
  }
}

const STORES: [
  string,
  (fault: Fault) => SessionModuleOptions['store'],
  [Call, boolean, 'bound' | 'not'][],
][] = [
  [
    'a store',
    (fault) => new FaultyStore(fault),
    [
      ['load', false, 'not'],
      ['commit', false, 'bound'],
      ['commit', true, 'bound'],
    ],
  ],
  [
    'sealed cookies',
    (fault) => new SealedCookie({ revocations: new FaultyList(fault), index: new FaultyStore(fault) }),
    [
      ['add', false, 'bound'],
      ['add', true, 'bound'],
      ['commit', false, 'bound'],
      ['commit', true, 'bound'],
    ],
  ],
];

describe.each(platforms)('an outage of one call on %s', (platform) => {
  describe.each(STORES)('over %s', (_, make, faults) => {
    const run = async () => {
      const fault = new Fault();
      return { fault, ...(await startBound(platform, { store: make(fault), idle: '2h' })) };
    };

    it.each(faults)(
      'at a registration (%s, with its effect: %s): the browser has the key of a session that is bound',
      async (call, effect, fate) => {
        const { fault, browser, clock, sessions, told } = await run();
        const { challenge } = registrationIn(await browser.login());
        fault.plan(call, effect);
        const answer = await browser.register(browser.device.registration(challenge));
        expect([fault.count, answer.status]).toEqual([1, fate === 'bound' ? 200 : 503]);
        expect(told('bound')).toHaveLength(fate === 'bound' ? 1 : 0);
        clock.advance('1m');
        expect((await browser.get('/me')).status).toBe(200);
        expect((await browser.get('/me', { cookie: browser.unbound })).status).toBe(
          fate === 'bound' ? 401 : 200,
        );
        if (fate === 'bound') expect((await browser.refresh()).status).toBe(200);
        else expect((await sessions.list('alice'))[0]!.boundAt).toBeUndefined();
      },
    );

    it.each(faults)(
      'at a refresh (%s, with its effect: %s): the key stays, and the session',
      async (call, effect) => {
        const { fault, browser, clock, told } = await run();
        await browser.bind();
        clock.advance('8m');
        const proof = browser.device.refresh(browser.challenge);
        fault.plan(call, effect);
        const answer = await browser.ask(proof);
        fault.next = undefined;
        expect([answer.status, answer.setCookies]).toEqual(
          fault.count > 0 ? [503, []] : [200, [expect.anything()]],
        );
        // The browser comes again, with the same proof at first.
        const again = await browser.ask(proof);
        expect([200, 403]).toContain(again.status);
        clock.advance('5m');
        expect((await browser.refresh()).status).toBe(200);
        expect((await browser.get('/me')).status).toBe(200);
        expect([told('reused'), told('ended')]).toEqual([[], []]);
      },
    );
  });

  it('at the look whether the store keeps keys: what was saved is bound', async () => {
    const fault = new Fault();
    const store = new (class extends FaultyStore {
      override commit(...args: Parameters<MemoryStore['commit']>) {
        const done = super.commit(...args);
        if (args[1].key) fault.plan('load', false);
        return done;
      }
    })(fault);
    const { browser, clock } = await startBound(platform, { store });
    expect((await browser.bind()).status).toBe(200);
    expect(fault.count).toBe(1);
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
    expect((await browser.get('/me', { cookie: browser.unbound })).status).toBe(401);
  });
});

describe.each(platforms)('a registration that cannot be answered as usual on %s', (platform) => {
  it('is logged where its key does not fit into a sealed cookie, and the session goes on unbound', async () => {
    const sink = new LogSink();
    const { browser, clock } = await startBound(
      platform,
      { store: new SealedCookie({ revocations: new MemoryRevocations() }) },
      { prepare: sink.attach },
    );
    const { challenge } = registrationIn(await browser.login());
    let octets = 2_000;
    const write = (length: number) => browser.post('/data', { text: randomText(length) });
    while ((await write(octets + 50)).status === 200) octets += 50;
    expect(octets).toBeGreaterThan(2_000);
    const answer = await browser.register(browser.device.registration(challenge));
    expect([answer.status, answer.setCookies]).toEqual([503, []]);
    expect(sink.text).toMatch(
      /error: A request of a device-bound session failed\. SessionError: The session cookie would/,
    );
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('leaves what was written beside it readable, although the key does not fit into that cookie', async () => {
    const { browser, clock } = await startBound(platform, {
      store: new SealedCookie({ revocations: new MemoryRevocations() }),
    });
    const { challenge } = registrationIn(await browser.login());
    const before = browser.cookie;
    let octets = 2_000;
    let beside = '';
    for (;;) {
      const written = await browser.post('/data', { text: randomText((octets += 50)) }, { cookie: before });
      if (written.status !== 200) break;
      beside = written.setCookies[0]!.split(';')[0]!;
    }
    const answer = await browser.register(browser.device.registration(challenge), { cookie: before });
    expect(answer.status).toBe(200);
    const bound = answer.setCookies.find((one) => one.startsWith(BOUND_COOKIE))!.split(';')[0]!;
    clock.advance('1m');
    for (let round = 0; round < 2; round++) {
      expect((await browser.get('/me', { cookie: `${beside}; ${bound}` })).status).toBe(200);
      expect((await browser.get('/me', { cookie: beside })).status).toBe(401);
      clock.advance('4m');
    }
    const smaller = await browser.post('/data', { text: 'x' }, { cookie: `${beside}; ${bound}` });
    expect(smaller.status).toBe(200);
    const latest = smaller.setCookies[0]!.split(';')[0]!;
    expect((await browser.post('/relogin', {}, { cookie: `${latest}; ${bound}` })).status).toBe(200);
    const looked = await browser.post('/relogin', {}, { cookie: `${beside}; ${bound}` });
    expect(looked.status).toBe(401);
  });

  it('comes again where a sealed cookie of before it arrives after a re-login', async () => {
    const { browser, url } = await startBound(platform, {
      store: new SealedCookie({ revocations: new MemoryRevocations() }),
    });
    const { challenge } = registrationIn(await browser.login());
    const before = browser.cookie;
    await browser.register(browser.device.registration(challenge));
    await browser.post('/relogin', {});
    const late = await browser.ask(undefined, { cookie: before });
    expect([late.status, late.setCookies]).toEqual([503, []]);
    expect((await browser.refresh()).status).toBe(200);
    const other = new BindingBrowser(url);
    expect(
      (await other.ask(undefined, { headers: { 'sec-secure-session-id': browser.sessionId } })).json(),
    ).toEqual({
      session_identifier: browser.sessionId,
      continue: false,
    });
  });
});

/** What compresses badly: sealed cookies are compressed. */
function randomText(length: number): string {
  return Array.from({ length }, () => Math.random().toString(36)[2]).join('');
}
