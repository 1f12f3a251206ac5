import { RedisRevocations } from 'nest-sessions/redis';
import { SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';
import { closeClients, nodeRedis } from '../support/redis-clients.js';
import { describeWithRedis, startRedis, stopServers, type RedisServer } from '../support/servers.js';
import { until } from '../support/until.js';

describeWithRedis('a lost list', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(closeAll);
  afterAll(async () => {
    closeClients();
    await stopServers();
  });

  async function node(platform: PlatformName): Promise<string> {
    const revocations = new RedisRevocations({ client: await nodeRedis(redis.url), staleness: '300ms' });
    const { url } = await start(platform, {
      controllers: [AppController],
      realClock: true,
      options: { store: new SealedCookie({ revocations }) },
    });
    return url;
  }

  const status = async (url: string, cookie: string) =>
    (await new Browser(url).get('/me', { cookie })).status;

  it.each(platforms)(
    'makes no revoked cookie valid: all earlier cookies are rejected, on %s',
    async (platform) => {
      const url = await node(platform);
      const [out, alive] = [new Browser(url), new Browser(url)];
      for (const browser of [out, alive]) await browser.post('/login', { user: 'alice' });
      const { cookie } = out;
      await out.post('/logout');
      await redis.cli('FLUSHALL');
      await until(async () => (await status(url, alive.cookie)) === 401, 'the node notices');
      expect(await status(url, cookie)).toBe(401);
      const other = await node(platform);
      expect([await status(other, cookie), await status(other, alive.cookie)]).toEqual([401, 401]);
      await alive.post('/login', { user: 'alice' });
      expect([await status(url, alive.cookie), await status(other, alive.cookie)]).toEqual([200, 200]);
    },
  );
});
