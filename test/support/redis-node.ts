import type { SessionEvent } from 'nest-sessions';
import { closeAll, type PlatformName } from './platforms.js';
import { startOverRedis } from './redis-app.js';
import { closeClients, drivers } from './redis-clients.js';

/** How such a process is started: as JSON in its first argument. */
export interface NodeArguments {
  platform: PlatformName;
  driver: string;
  redis: string;
  /** Milliseconds that this machine's clock is ahead. */
  ahead: number;
}

/** What it tells its parent. */
export type NodeMessage = { url: string } | { event: SessionEvent };

// A node of its own: one process, one application.
const { platform, driver, redis, ahead } = JSON.parse(process.argv[2]!) as NodeArguments;
const { now } = Date;
Date.now = () => now() + ahead;
const tell = (message: NodeMessage) => process.send!(message);
const [, connect] = drivers.find(([name]) => name === driver)!;
const { url, service } = await startOverRedis(platform, { client: await connect(redis) });
service.events.subscribe((event) => tell({ event }));
tell({ url });
process.on('message', () => {
  void closeAll().then(() => {
    closeClients();
    process.disconnect();
  });
});
