import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SessionStore } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { RedisStore } from 'nest-sessions/redis';
import { Browser, send } from '../support/browser.js';
import { DEMO_PASSWORDS, startLoginSample, type RunningSample } from '../support/login-sample.js';
import { describePostgres } from '../support/postgres.js';
import { closeClients, nodeRedis } from '../support/redis-clients.js';
import { describeWithRedis, startRedis, stopServers } from '../support/servers.js';

interface Proxy {
  createProxy(ports: readonly number[]): Server;
}

// A name that the compiler does not follow: the sample has a configuration and packages of its own.
const PROXY: string = '../../sample/02-cluster/src/proxy.js';

let nodes: RunningSample[] = [];
let proxy: Server;
let browser: Browser;

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

/** Two nodes of the login sample, each with a store object of its own, behind the sample's proxy. */
async function startCluster(openStore: () => Promise<SessionStore>): Promise<void> {
  nodes = [
    await startLoginSample(await openStore(), '127.0.0.1'),
    await startLoginSample(await openStore(), '127.0.0.1'),
  ];
  const { createProxy } = (await import(PROXY)) as Proxy;
  proxy = createProxy(nodes.map(({ app }) => portOf(app.getHttpServer() as Server)));
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  browser = new Browser(`http://127.0.0.1:${portOf(proxy)}`);
}

async function stopCluster(): Promise<void> {
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  for (const node of nodes.splice(0)) await kill(node);
}

/** As abruptly as one process can end a part of itself. */
async function kill({ app }: RunningSample): Promise<void> {
  (app.getHttpServer() as Server).closeAllConnections();
  await app.close();
}

const logIn = () => browser.post('/login', { login: 'alice', password: DEMO_PASSWORDS.alice });
const accounts = () =>
  Promise.all(nodes.map(({ url }) => send(`${url}/account`, 'GET', { cookie: browser.cookie })));

function behaves(): void {
  it('is logged in on both nodes, and stays so when one stops', async () => {
    expect((await logIn()).status).toBe(303);
    expect((await accounts()).map(({ status }) => status)).toEqual([200, 200]);
    await kill(nodes.shift()!);
    for (let i = 0; i < 4; i++) expect((await browser.get('/account')).status).toBe(200);
  });

  it('is logged out on both nodes after a logout on one, with a copied cookie as well', async () => {
    await logIn();
    const copied = browser.cookie;
    const [first, second] = nodes;
    expect((await send(`${first!.url}/logout`, 'POST', { cookie: copied })).status).toBe(303);
    for (const { url } of [first!, second!]) {
      expect((await send(`${url}/account`, 'GET', { cookie: copied })).status).toBe(401);
    }
  });

  it('fills one cart through both nodes at once', async () => {
    await logIn();
    await Promise.all(
      ['notebook', 'pencil', 'ink', 'ruler'].map((sku) => browser.post('/cart/add', { sku })),
    );
    const cart = (await browser.get('/cart')).body;
    for (const name of ['Notebook', 'Pencil', 'Bottle of ink', 'Ruler']) expect(cart).toContain(name);
  });
}

afterAll(async () => {
  closeClients();
  await stopServers();
});

describeWithRedis('two nodes of the sample over Redis', () => {
  let url: string;
  beforeAll(async () => ({ url } = await startRedis()));
  beforeEach(() =>
    startCluster(async () => new RedisStore({ client: await nodeRedis(url), prefix: 'cluster:' })),
  );
  afterEach(stopCluster);
  behaves();
});

describePostgres('two nodes of the sample over PostgreSQL', (server) => {
  beforeEach(() =>
    startCluster(async () => {
      const store = new PostgresStore({ pool: server().pool(), table: 'cluster_sessions' });
      await store.migrate();
      return store;
    }),
  );
  afterEach(stopCluster);
  behaves();
});
