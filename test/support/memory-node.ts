import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MemoryStore } from 'nest-sessions';
import { AppController } from './app.js';
import { closeAll, start, type PlatformName } from './platforms.js';

/** How such a process is started: as JSON in its first argument. */
export interface MemoryNodeArguments {
  platform: PlatformName;
}

/** Its answer to each message, but to "stop". */
export interface Footprint {
  url: string;
  /** Sessions in the store. */
  sessions: number;
  /** Bytes that are in use once the garbage is gone. */
  heap: number;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

// A node of its own: one process, one application over the memory store, and nothing else on its heap.
const { platform } = JSON.parse(process.argv[2]!) as MemoryNodeArguments;
const store = new MemoryStore();
const { url } = await start(platform, { controllers: [AppController], options: { store } });
tell();
process.on('message', (message) => {
  if (message === 'stop') void closeAll().then(() => process.disconnect());
  else tell();
});

function tell(): void {
  for (let i = 0; i < 4; i++) collect();
  const footprint: Footprint = { url, sessions: store.size, heap: process.memoryUsage().heapUsed };
  process.send!(footprint);
}
