import { Agent, request as httpRequest } from 'node:http';
import { once } from 'node:events';
import { APP_INTERCEPTOR } from '@nestjs/core';
import compression from 'compression';
import { SessionInterceptor } from 'nest-sessions';
import { Browser, send } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';
import { ExitsModule } from './exits.app.js';

afterEach(closeAll);

interface Exit {
  path: string;
  status: number;
  body?: string | RegExp;
  method?: string;
}

/** Every way in which a response leaves. */
const exits: Exit[] = [
  { path: '/exit/value', status: 200, body: '{"ok":true}' },
  { path: '/exit/empty', status: 204, body: '' },
  { path: '/exit/redirect', status: 302 },
  { path: '/exit/file', status: 200, body: 'one two' },
  { path: '/exit/throws', status: 403 },
  { path: '/exit/filter', status: 418, body: '{"teapot":true}' },
  { path: '/exit/send', status: 200, body: '{"ok":true}' },
  { path: '/exit/res-redirect', status: 302 },
  { path: '/exit/raw', status: 200, body: 'one two' },
  { path: '/exit/raw-list', status: 200, body: 'list' },
  { path: '/exit/raw-implicit', status: 200, body: 'implicit' },
  { path: '/exit/pipe', status: 200 },
  { path: '/exit/flush', status: 200, body: 'flushed' },
  { path: '/exit/sse', status: 200, body: /data: one[\s\S]*data: two/ },
  { path: '/exit/guard', status: 403 },
  { path: '/exit/send-throw', status: 200, body: '{"ok":true}' },
  { path: '/exit/not-modified', status: 304, body: '' },
  { path: '/exit/head', status: 200, body: '', method: 'HEAD' },
  { path: '/exit/value', status: 200, body: '', method: 'HEAD' },
  { path: '/exit/nowhere', status: 404 },
  { path: '/answered-by-middleware', status: 200, body: 'middleware' },
];

type Front = 'plain' | 'compressed';
type Bound = 'none' | 'bound';

const fronts: Front[] = ['plain', 'compressed'];

/** With `SessionInterceptor` bound to the application, and without any interceptor. */
const ways = fronts.flatMap((front) =>
  (['none', 'bound'] as const).map((bound): [Front, Bound] => [front, bound]),
);

async function run(platform: PlatformName, front: Front = 'plain', bound: Bound = 'none') {
  const store = new SpyStore();
  store.delay = 0;
  const running = await start(platform, {
    imports: [ExitsModule],
    providers: bound === 'bound' ? [{ provide: APP_INTERCEPTOR, useExisting: SessionInterceptor }] : [],
    options: { store },
    prepare: (app) => {
      if (front === 'compressed') app.use(compression({ threshold: 0 }));
    },
  });
  return { ...running, store };
}

describe.each(platforms)('the ways out on %s', (platform) => {
  describe.each(ways)('%s, interceptor: %s', (front, bound) => {
    it.each(exits)(
      '$method $path ($status) leaves after the session is stored, with its cookie',
      async (exit) => {
        const { url, store } = await run(platform, front, bound);
        store.delay = 15;
        const order: string[] = [];
        store.onWritten = (method) => order.push(method);
        const answer = await send(url + exit.path, exit.method ?? 'GET', {}).finally(() =>
          order.push('answered'),
        );
        expect(answer.status).toBe(exit.status);
        if (exit.body !== undefined) expect(answer.body).toMatch(exit.body);
        expect(order).toEqual(['create', 'answered']);
        const [cookie, ...others] = answer.setCookies.filter((one) => one.startsWith('__Host-session='));
        expect(others).toEqual([]);
        const look = await send(`${url}/exit/value`, 'GET', { cookie: cookie!.split(';')[0]! });
        expect(look.setCookies).toEqual([]);
        expect(store.size).toBe(1);
        expect(answer.headers['vary']).toMatch(/Cookie/);
        expect(answer.headers['cache-control']).toMatch(/private|no-store/);
      },
    );

    it.each(exits)(
      '$method $path is a 503 when the store fails, with nothing of the answer',
      async (exit) => {
        const { url, store } = await run(platform, front, bound);
        store.fail('rejects', 'create');
        const answer = await send(url + exit.path, exit.method ?? 'GET', {});
        expect(answer.status).toBe(503);
        // Compression takes the headers of a list as if they had been set before.
        const before = front === 'compressed' && exit.path === '/exit/raw-list';
        expect(answer.setCookies).toEqual(before ? ['other=1'] : []);
        if (exit.method !== 'HEAD') expect(answer.json()).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
        expect(answer.headers['location']).toBeUndefined();
      },
    );
  });

  it('sends a large piped body whole, though its start is held', async () => {
    for (const front of fronts) {
      const { url, store } = await run(platform, front);
      store.delay = 15;
      const answer = await send(`${url}/exit/pipe`, 'GET', {});
      expect(Buffer.byteLength(answer.body)).toBe(1_000_000);
    }
  });

  it('keeps headers that writeHead was given as a list', async () => {
    const { url } = await run(platform);
    const answer = await send(`${url}/exit/raw-list`, 'GET', {});
    expect(answer.headers['x-twice']).toBe('a, b');
    expect(answer.setCookies).toHaveLength(2);
    expect(answer.setCookies).toContain('other=1');
    expect(answer.headers['vary']).toBe('Accept, Cookie');
  });

  it('serves one kept-alive connection after every way out', async () => {
    const { url, store } = await run(platform);
    store.delay = 2;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const reused: boolean[] = [];
    // Node itself closes the connection after a HEAD without a length.
    for (const exit of exits.filter(({ path }) => path !== '/exit/head')) {
      const outgoing = httpRequest(url + exit.path, { agent, method: exit.method ?? 'GET' }).end();
      const [response] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage];
      reused.push(outgoing.reusedSocket);
      response.resume();
      await once(response, 'end');
      expect([exit.path, response.statusCode]).toEqual([exit.path, exit.status]);
    }
    agent.destroy();
    expect(reused).toEqual([false, ...Array<boolean>(exits.length - 2).fill(true)]);
  });

  it('stores the session of a client that disconnects while its response is held', async () => {
    const { url, store } = await run(platform);
    const written = new Promise<void>((resolve) => (store.onWritten = () => resolve()));
    let release!: () => void;
    const reached = new Promise<void>((resolve) => {
      store.gate = () => {
        resolve();
        return new Promise((go) => (release = go));
      };
    });
    const outgoing = httpRequest(`${url}/exit/send`).end();
    outgoing.on('error', () => undefined);
    await reached;
    outgoing.destroy();
    await new Promise((resolve) => outgoing.on('close', resolve));
    release();
    await written;
    expect(store.size).toBe(1);
    store.gate = undefined;
    expect((await new Browser(url).get('/exit/value')).status).toBe(200);
  });
});
