import { once } from 'node:events';
import { request, type IncomingMessage, type Server } from 'node:http';
import { MemoryStore, type SessionModuleOptions, type SessionStore } from 'nest-sessions';
import { MemoryRevocations, SealedCookie, type Revocation } from 'nest-sessions/sealed';
import { DeviceEndpoint } from '../../../lib/nest/device/device.endpoint.js';
import { DEVICE_PATH, REFRESH_PATH, registrationIn } from '../../support/device.js';
import { describeEveryStore } from '../../support/every-store.js';
import { gate as makeGate, type Gate } from '../../support/gate.js';
import { closeAll, platforms, type PlatformName } from '../../support/platforms.js';
import { startBound } from './device.app.js';

afterEach(closeAll);

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeAll(() => process.on('unhandledRejection', note));
afterAll(() => process.off('unhandledRejection', note));
afterEach(() => expect(unhandled.splice(0)).toEqual([]));

/** Called when the endpoint is done with a request, whether or not its client is there. */
let answered = (): void => undefined;
const { answer } = DeviceEndpoint.prototype;
beforeAll(() => {
  DeviceEndpoint.prototype.answer = function (...args) {
    return answer.apply(this, args).finally(() => answered());
  };
});
afterAll(() => void (DeviceEndpoint.prototype.answer = answer));

/** Where the request is when its client goes: the session is opened, or the key is written, or it was. */
type Moment = 'opening' | 'writing' | 'written';
const MOMENTS: [Moment][] = [['opening'], ['writing'], ['written']];

/** Holds a request at one of its calls. */
class Held {
  gate: Gate | undefined;
  at: Moment | undefined;
  /** Whether each write of a key fails. */
  fails = false;

  hold(at: Moment): Gate {
    this.at = at;
    return (this.gate = makeGate());
  }

  /** Done with the call once the gate is open. */
  async pass(at: Moment): Promise<void> {
    if (this.at === at) {
      this.at = undefined;
      await this.gate!.pass();
    }
    if (this.fails && at === 'writing') throw new Error('the connection was lost');
  }
}

type MakeHeld = (held: Held) => Promise<SessionModuleOptions['store']>;

const heldStore = (store: SessionStore, held: Held): SessionStore =>
  new Proxy(store, {
    get(_, key) {
      if (key === 'load')
        return async (id: string) => {
          await held.pass('opening');
          return store.load(id);
        };
      if (key === 'commit')
        return async (...[id, delta]: Parameters<SessionStore['commit']>) => {
          if (delta.key) await held.pass('writing');
          const done = await store.commit(id, delta);
          if (delta.key) await held.pass('written');
          return done;
        };
      const value: unknown = Reflect.get(store, key, store);
      return typeof value === 'function' ? (value.bind(store) as unknown) : value;
    },
  });

class HeldRevocations extends MemoryRevocations {
  readonly #held: Held;

  constructor(held: Held) {
    super();
    this.#held = held;
  }

  override fresh(): void {
    return (this.#held.at === 'opening' ? this.#held.pass('opening') : undefined) as void;
  }

  override async add(revocation: Revocation): Promise<boolean> {
    await this.#held.pass('writing');
    const added = await super.add(revocation);
    await this.#held.pass('written');
    return added;
  }
}

function cancelSpecs(platform: PlatformName, make: MakeHeld): void {
  const run = async () => {
    const held = new Held();
    let closed: Promise<unknown> = Promise.resolve();
    const running = await startBound(
      platform,
      { store: await make(held), idle: '2h', rotateEvery: false, storeTimeout: '20s', maxSessions: 2 },
      {
        prepare: (app) => {
          const server = app.getHttpServer() as Server;
          server.prependListener('request', ({ socket }: IncomingMessage) => {
            closed = once(socket, 'close');
          });
        },
      },
    );
    /** Sends a request, goes away at a moment of it, and waits until the server is done with it. */
    const cancel = async (path: string, at: Moment, headers: Record<string, string>): Promise<void> => {
      const gate = held.hold(at);
      const done = new Promise<void>((resolve) => (answered = resolve));
      const outgoing = request(running.url + path, {
        method: 'POST',
        headers: { cookie: running.browser.cookie, ...headers },
        agent: false,
      });
      outgoing.on('error', () => undefined);
      outgoing.end();
      await gate.reached;
      outgoing.destroy();
      await closed;
      gate.open();
      await done;
    };
    return { ...running, held, cancel };
  };

  it('before the key of its registration is written: the session stays as it was', async () => {
    const { browser, clock, cancel, told, sessions } = await run();
    const { challenge } = registrationIn(await browser.login());
    await cancel(DEVICE_PATH, 'opening', {
      'secure-session-response': browser.device.registration(challenge),
    });
    expect(told('bound')).toEqual([]);
    expect((await sessions.list('alice'))[0]!.boundAt).toBeUndefined();
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
    // Its browser may still register, where it comes again.
    expect((await browser.register(browser.device.registration(challenge))).status).toBe(200);
  });

  it('while its registration is repeated, since the store fails: it is repeated no more', async () => {
    const { browser, held, cancel, told } = await run();
    const { challenge } = registrationIn(await browser.login());
    held.fails = true;
    // Otherwise it would go on for a hundred seconds.
    await cancel(DEVICE_PATH, 'writing', {
      'secure-session-response': browser.device.registration(challenge),
    });
    held.fails = false;
    expect(told('bound')).toEqual([]);
    expect((await browser.register(browser.device.registration(challenge))).status).toBe(200);
  });

  /* The server cannot know then who has the key, and a copy of the cookies must not get another one: see docs/device-bound.md. */
  it.each(MOMENTS.slice(1))(
    'while the key of its registration is %s: the user logs in again, and that session is over',
    async (at) => {
      const { browser, clock, cancel, sessions } = await run();
      const { challenge } = registrationIn(await browser.login());
      const { id: former } = browser.loggedIn.json<{ id: string }>();
      await cancel(DEVICE_PATH, at, { 'secure-session-response': browser.device.registration(challenge) });
      clock.advance('1m');
      expect((await browser.get('/me')).status).toBe(401);
      expect((await browser.bind()).status).toBe(200);
      expect(browser.sessionId).not.toBe(former);
      expect((await sessions.list('alice')).map(({ id }) => id)).toEqual([browser.sessionId]);
      clock.advance('1m');
      expect((await browser.get('/me')).status).toBe(200);
    },
  );

  it.each(MOMENTS)('while a refresh is %s: the browser comes again, and goes on', async (at) => {
    const { browser, clock, cancel, told } = await run();
    await browser.bind();
    clock.advance('8m');
    const proof = browser.device.refresh(browser.challenge);
    const headers = { 'sec-secure-session-id': browser.sessionId, 'secure-session-response': proof };
    await cancel(REFRESH_PATH, at, headers);
    const again = await browser.ask(proof);
    expect(again.status).toBe(403);
    expect((await browser.ask(browser.device.refresh(browser.challenge))).status).toBe(200);
    clock.advance('5m');
    expect((await browser.get('/me')).status).toBe(200);
    expect([told('reused'), told('ended')]).toEqual([[], []]);
  });
}

describeEveryStore('a client that cancels', (platform, make) =>
  cancelSpecs(platform, async (held) => heldStore(await make(), held)),
);

describe.each(platforms)('a client that cancels, of a sealed cookie on %s', (platform) => {
  cancelSpecs(platform, (held) =>
    Promise.resolve(new SealedCookie({ revocations: new HeldRevocations(held), index: new MemoryStore() })),
  );
});
