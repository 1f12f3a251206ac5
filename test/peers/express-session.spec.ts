import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Body, Controller, HttpCode, Post, Redirect, type INestApplication } from '@nestjs/common';
import { MemoryStore as PeerStore, type SessionData } from 'express-session';
import { MemoryStore, Session, type SessionModuleOptions } from 'nest-sessions';
import { AppController, type Data } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { peerGate, startPeer } from '../support/express-session.js';
import { gate, type Gate } from '../support/gate.js';
import { LogSink } from '../support/log-sink.js';
import { closeAll, start, type PlatformName } from '../support/platforms.js';
import { SpyStore } from '../support/spy-store.js';

const peers: INestApplication[] = [];

afterEach(async () => {
  for (const app of peers.splice(0)) await app.close();
  await closeAll();
});

const waiting: { current?: Gate } = {};

@Controller()
class OurController {
  @Post('slow-data')
  @HttpCode(200)
  async slow(@Session() session: Session<Data>, @Body() body: Data) {
    await waiting.current?.pass();
    Object.assign(session.data, body);
    return { ok: true };
  }

  @Post('redirect')
  @Redirect('/look', 303)
  redirect(@Session() session: Session<Data>, @Body() body: Data) {
    Object.assign(session.data, body);
  }
}

async function peer(options?: Parameters<typeof startPeer>[0]) {
  const started = await startPeer(options);
  peers.push(started.app);
  return { ...started, browser: new Browser(started.url) };
}

async function ours(platform: PlatformName, options: Partial<SessionModuleOptions> = {}, sink?: LogSink) {
  const started = await start(platform, {
    controllers: [AppController, OurController],
    options,
    ...(sink && { prepare: sink.attach }),
  });
  return { ...started, browser: new Browser(started.url) };
}

type Side = ['express-session' | PlatformName];
const sides: Side[] = [['express-session'], ['express'], ['fastify']];

const open = (side: Side[0]) => (side === 'express-session' ? peer() : ours(side));

/** A handler that stands at a gate. */
function hold(): Gate {
  return (peerGate.current = waiting.current = gate());
}

describe.each(sides)('beside express-session, %s', (side) => {
  const here = side !== 'express-session';

  it(`${here ? 'keeps both of two' : 'loses one of two'} overlapping writes of different keys`, async () => {
    const { browser } = await open(side);
    await browser.post('/data', { first: 1 });
    const held = hold();
    const slow = browser.post('/slow-data', { slow: 2 });
    await held.reached;
    await browser.post('/data', { quick: 3 });
    held.open();
    await slow;
    const { data } = (await browser.get('/look')).json<{ data: object }>();
    expect(data).toEqual(here ? { first: 1, slow: 2, quick: 3 } : { first: 1, slow: 2 });
  });

  it(`${here ? 'stays logged out' : 'is logged in again'} after a write that was under way at the logout`, async () => {
    const { browser } = await open(side);
    await browser.post('/login', { user: 'alice' });
    const captured = browser.cookie;
    const held = hold();
    const slow = browser.post('/slow-data', { x: 1 });
    await held.reached;
    expect((await browser.post('/logout', undefined, { cookie: captured })).status).toBe(200);
    expect((await browser.get('/me', { cookie: captured })).status).toBe(401);
    held.open();
    expect((await slow).status).toBe(here ? 401 : 200);
    expect((await browser.get('/me', { cookie: captured })).status).toBe(here ? 401 : 200);
  });

  it(`${here ? 'takes the cookie away' : 'leaves the cookie'} at the logout`, async () => {
    const { browser } = await open(side);
    await browser.post('/login', { user: 'alice' });
    await browser.post('/logout');
    expect(browser.cookie === '').toBe(here);
  });

  it(`${here ? 'stores no' : 'stores the'} token that the cookie holds`, async () => {
    const store = new SpyStore();
    const peerStore = new PeerStore();
    const { browser } = here ? await ours(side, { store }) : await peer({ store: peerStore });
    await browser.post('/login', { user: 'alice' });
    const value = decodeURIComponent(browser.cookie.slice(browser.cookie.indexOf('=') + 1));
    const [, ...parts] = value.split(/[:.]/);
    const kept = here
      ? store.dump()
      : JSON.stringify((peerStore as unknown as { sessions: object }).sessions);
    // Ours: the id is public, the secret is not there. Theirs: the id is the secret.
    expect(kept.includes(here ? parts[1]! : parts[0]!)).toBe(!here);
  });

  it(`${here ? 'ends' : 'never ends'} a session that is kept busy`, async () => {
    const realNow = Date.now;
    const hour = 60 * 60 * 1000;
    let now = realNow();
    const { browser, advance } = here ? await busy() : await peerBusy();
    async function busy() {
      const { clock, browser: client } = await ours(side as PlatformName, { lifetime: '1d', idle: '2h' });
      return { browser: client, advance: () => clock.advance(hour) };
    }
    async function peerBusy() {
      const { browser: client } = await peer({ rolling: true, cookie: { maxAge: 2 * hour } });
      return { browser: client, advance: () => void (now += hour) };
    }
    try {
      if (!here) Date.now = () => now;
      await browser.post('/login', { user: 'alice' });
      const captured = browser.cookie;
      const statuses = [];
      for (let hours = 1; hours <= 48; hours++) {
        advance();
        // Theirs is one and the same for ever; ours is renewed on the way.
        statuses.push((await browser.get('/me', here ? {} : { cookie: captured })).status);
      }
      expect(statuses.lastIndexOf(200)).toBe(here ? 22 : 47);
    } finally {
      Date.now = realNow;
    }
  });

  it(`answers ${here ? '503' : '200'} where the store fails to save`, async () => {
    const store = new SpyStore();
    const { browser } = here ? await ours(side, { store }) : await peer({ store: new BrokenPeerStore() });
    store.fail('rejects', 'create', 'commit');
    const answer = await browser.post('/data', { x: 1 });
    expect([answer.status, answer.setCookies.length]).toEqual(here ? [503, 0] : [200, 1]);
    if (!here) expect(answer.json()).toEqual({ ok: true });
    expect((await browser.get('/look')).json()).toEqual(expect.objectContaining({ data: {} }));
  });

  it(`${here ? 'answers 503' : 'serves without a session'} while the store is away`, async () => {
    const store = new SpyStore();
    const peerStore = new PeerStore();
    const { browser } = here ? await ours(side, { store }) : await peer({ store: peerStore });
    await browser.post('/login', { user: 'alice' });
    store.fail('rejects');
    peerStore.emit('disconnect');
    const answer = await browser.get('/look');
    expect(answer.status).toBe(here ? 503 : 200);
  });

  it(`lets the head of a redirect leave ${here ? 'after' : 'before'} the session is stored`, async () => {
    const saving = gate();
    const { url } = here
      ? await ours(side, { store: new SlowStore(saving) })
      : await peer({ store: new SlowPeerStore(saving) });
    let answered = false;
    const { head, done } = post(`${url}/redirect`, { x: 1 });
    void head.then(() => (answered = true));
    await saving.reached;
    if (here) {
      // The store was asked; whatever could be answered meanwhile would be here after a round trip.
      expect((await new Browser(url).get('/look')).status).toBe(200);
      expect(answered).toBe(false);
      saving.open();
      expect(await head).toBe(303);
    } else {
      expect(await head).toBe(303);
      saving.open();
    }
    await done;
  });

  it(`${here ? 'says why' : 'says nothing where'} a Secure cookie is dropped behind a proxy`, async () => {
    const sink = new LogSink();
    const { browser, app } = here ? await ours(side, {}, sink) : await peer({ cookie: { secure: true } });
    if (!here) sink.attach(app);
    const answer = await browser.post('/login', { user: 'alice' }, { headers: { host: 'app.example.com' } });
    expect([answer.status, answer.setCookies]).toEqual([200, []]);
    expect(sink.text.includes('trust proxy')).toBe(here);
  });
});

class BrokenPeerStore extends PeerStore {
  override set(_id: string, _session: SessionData, done?: (error?: unknown) => void): void {
    setImmediate(() => done?.(new Error('the store is down')));
  }
}

class SlowPeerStore extends PeerStore {
  readonly #saving: Gate;

  constructor(saving: Gate) {
    super();
    this.#saving = saving;
  }

  override set(id: string, session: SessionData, done?: (error?: unknown) => void): void {
    void this.#saving.pass().then(() => super.set(id, session, done));
  }
}

class SlowStore extends MemoryStore {
  readonly #saving: Gate;

  constructor(saving: Gate) {
    super();
    this.#saving = saving;
  }

  override create(...args: Parameters<MemoryStore['create']>): never {
    return this.#saving.pass().then(() => super.create(...args)) as never;
  }
}

/** The status as soon as the head is there, and when the body is, too. */
function post(url: string, body: object): { head: Promise<number>; done: Promise<unknown> } {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  const request = httpRequest(url, { method: 'POST', headers });
  const response = once(request, 'response').then(([incoming]) => (incoming as IncomingMessage).resume());
  request.end(text);
  return {
    head: response.then((incoming) => incoming.statusCode!),
    done: response.then((incoming) => once(incoming, 'end')),
  };
}
