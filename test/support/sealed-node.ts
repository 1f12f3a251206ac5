import { SealedCookie } from 'nest-sessions/sealed';
import { RedisRevocations } from 'nest-sessions/redis';
import { AppController } from './app.js';
import { closeAll, start, type PlatformName } from './platforms.js';
import { closeClients, nodeRedis } from './redis-clients.js';

/** How such a process is started: as JSON in its first argument. */
export interface SealedNodeArguments {
  platform: PlatformName;
  redis: string;
}

// A node of its own: one process, one application with sealed cookies and a list in Redis.
const { platform, redis } = JSON.parse(process.argv[2]!) as SealedNodeArguments;
const revocations = new RedisRevocations({ client: await nodeRedis(redis) });
const store = new SealedCookie({ revocations });
const { url } = await start(platform, { realClock: true, controllers: [AppController], options: { store } });
process.send!({ url });
process.on('message', () => {
  void closeAll().then(() => {
    closeClients();
    process.disconnect();
  });
});
