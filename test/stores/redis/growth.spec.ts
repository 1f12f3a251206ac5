import { RedisStore } from 'nest-sessions/redis';
import { Browser } from '../../support/browser.js';
import { GROWING, infoOf, NEWER_FIELDS, STEPS } from '../../support/newer-fields.js';
import { closeAll, platforms, start } from '../../support/platforms.js';
import { closeClients, nodeRedis } from '../../support/redis-clients.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  stopServers,
  type RedisServer,
} from '../../support/servers.js';

/** The fields that the former version wrote at a login. */
const FORMER = ['c', 'd', 'f', 'h', 'l', 'm', 'r', 't', 'u', 'v'];

describeWithRedis('a record in Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  }, START_TIMEOUT);
  beforeEach(() => server.cli('FLUSHALL'));
  afterEach(async () => {
    await closeAll();
    closeClients();
  });
  afterAll(stopServers);

  const fieldsOf = async (key: string): Promise<Record<string, string>> =>
    JSON.parse(await server.cli('--json', 'HGETALL', key)) as Record<string, string>;

  describe.each(platforms)('on %s', (platform) => {
    const login = async () => {
      const store = new RedisStore({ client: await nodeRedis(server.url) });
      const { url, clock } = await start(platform, { ...GROWING, options: { ...GROWING.options, store } });
      const browser = new Browser(url);
      const { id } = (await browser.post('/login', { user: 'alice' })).json<{ id: string }>();
      return { browser, clock, id, key: `nest-sessions:s:${id}` };
    };

    it('keeps the fields of a newer version, in their namespace and outside of it', async () => {
      const { browser, clock, id, key } = await login();
      const newer = {
        zz: 'a field',
        ...Object.fromEntries(Object.entries(NEWER_FIELDS).map(([name, text]) => [`+${name}`, text])),
      };
      await server.cli('HSET', key, ...Object.entries(newer).flat());
      for (const [step, act] of STEPS) {
        await act(browser, clock);
        expect({ step, ...(await fieldsOf(key)) }).toMatchObject({ step, ...newer });
      }
      expect(await infoOf(browser)).toMatchObject({ id });
      expect((await browser.get('/look')).json()).toMatchObject({ data: { b: 2, c: 3 } });
    });

    it('of the former version is opened, and begins where it started', async () => {
      const { browser, clock, key } = await login();
      await server.cli('HDEL', key, 'b', 'i');
      const before = await fieldsOf(key);
      expect(Object.keys(before).sort()).toEqual(FORMER);
      const begun = new Date(Number(before['c'])).toISOString();
      expect(await infoOf(browser)).toMatchObject({ createdAt: begun, startedAt: begun });
      clock.advance('5m');
      await browser.post('/relogin', {});
      const started = new Date(clock.now()).toISOString();
      expect(await infoOf(browser)).toMatchObject({ createdAt: begun, startedAt: started });
    });

    it('has the start of its lifetime where the former version looks for it', async () => {
      const { browser, clock, key } = await login();
      const begun = clock.now();
      clock.advance('5m');
      await browser.post('/relogin', {});
      await browser.post('/data', { a: 1 });
      expect(await fieldsOf(key)).toMatchObject({ v: '1', c: String(clock.now()), b: String(begun) });
      expect(await infoOf(browser)).toMatchObject({
        createdAt: new Date(begun).toISOString(),
        startedAt: new Date(clock.now()).toISOString(),
      });
    });
  });
});
