import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { Browser } from '../support/browser.js';
import { compiled, type Compiled } from '../support/compiled.js';
import { platforms, type PlatformName } from '../support/platforms.js';
import type { SealedNodeArguments } from '../support/sealed-node.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  stopServers,
  type RedisServer,
} from '../support/servers.js';

/** Number of logouts for which the lag is measured. */
const LOGOUTS = 200;

describeWithRedis('two processes that share a list in Redis', () => {
  let redis: RedisServer;
  let scripts: Compiled;
  const processes: ChildProcess[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    scripts = await compiled();
  }, START_TIMEOUT);

  afterEach(async () => {
    await Promise.all(
      processes.splice(0).map(async (one) => {
        const gone = once(one, 'exit');
        one.send('stop');
        await gone;
      }),
    );
  });

  afterAll(async () => {
    await stopServers();
    await scripts.remove();
  });

  async function startProcess(platform: PlatformName): Promise<string> {
    const args: SealedNodeArguments = { platform, redis: redis.url };
    const child = fork(scripts.script('sealed-node'), [JSON.stringify(args)], { execArgv: [] });
    processes.push(child);
    const [{ url }] = (await once(child, 'message')) as [{ url: string }];
    return url;
  }

  it.each(platforms)(
    'a logout at one is known to the other within milliseconds, on %s',
    async (platform) => {
      const [one, two] = await Promise.all([startProcess(platform), startProcess(platform)]);
      const lags: number[] = [];
      for (let i = 0; i < LOGOUTS; i++) {
        const browser = new Browser(one);
        await browser.post('/login', { user: `user-${i}` });
        const { cookie } = browser;
        const status = async () => (await new Browser(two).get('/me', { cookie })).status;
        expect(await status()).toBe(200);
        expect((await browser.post('/logout')).status).toBe(200);
        const from = performance.now();
        while ((await status()) !== 401) await wait(0);
        lags.push(performance.now() - from);
      }
      const sorted = lags.toSorted((a, b) => a - b);
      process.stdout.write(
        `lag over ${LOGOUTS} logouts, two processes over Redis, ${platform}: median ${sorted[LOGOUTS / 2]!.toFixed(1)} ms, max ${sorted.at(-1)!.toFixed(1)} ms, the request itself included\n`,
      );
      expect(sorted[LOGOUTS / 2]).toBeLessThan(100);
      expect(sorted.at(-1)).toBeLessThan(5_000);
    },
    START_TIMEOUT,
  );
});
