import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpus } from 'node:os';
import type { FromServer, ServerSettings } from './server/settings.js';

const canPin = cpus().length > 1 && spawnSync('taskset', ['--version']).status === 0;

/** The core that servers under test have for themselves; everything else runs on another one. */
const SERVER_CORE = '0';
const LOAD_CORE = '1';

/**
 * A server keeps the memory that it works in while it waits for its turn, as one does that is always busy.
 * Otherwise it gives it back, and its next turn is about page faults.
 */
const STEADY = ['--no-memory-reducer', '--min-semi-space-size=16', '--max-semi-space-size=16'];

let pinned = false;

/** Puts this process, and what it starts from now on, on the core of the load, and servers under test on theirs. */
export function pin(): boolean {
  pinned = canPin && spawnSync('taskset', ['-a', '-c', '-p', LOAD_CORE, String(process.pid)]).status === 0;
  return pinned;
}

/** Puts a process that somebody else started there too, where that is allowed. */
export function pinOther(pid: number): void {
  if (pinned) spawnSync('taskset', ['-c', '-p', LOAD_CORE, String(pid)]);
}

export interface Usage {
  /** Microseconds of CPU time so far. */
  cpu: number;
  /** Bytes. */
  heap: number;
}

/** One application in its own process. */
export class Server {
  readonly #child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(node: string, settings: ServerSettings, flags: readonly string[] = []): Promise<Server> {
    const main = fileURLToPath(new URL('./server/main.js', import.meta.url));
    const command = [node, ...STEADY, ...flags, main, JSON.stringify(settings)];
    const [file, ...args] = pinned ? ['taskset', '-c', SERVER_CORE, ...command] : command;
    const child = spawn(file!, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    const { port } = await reply(child, 'ready');
    return new Server(child, port);
  }

  async usage(): Promise<Usage> {
    this.#child.send('usage');
    return reply(this.#child, 'usage');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await gone;
  }
}

/** Servers to take and give back. Each is a new one, unless they are kept, where only the answers count. */
export class Servers {
  readonly #node: string;
  readonly #keep: boolean;
  readonly #running = new Set<Server>();
  readonly #kept = new Map<string, Promise<Server>>();

  constructor(node: string, keep: boolean) {
    this.#node = node;
    this.#keep = keep;
  }

  take(settings: ServerSettings): Promise<Server> {
    if (!this.#keep) return this.#start(settings);
    const key = JSON.stringify(settings);
    const kept = this.#kept.get(key) ?? this.#start(settings);
    this.#kept.set(key, kept);
    return kept;
  }

  async giveBack(server: Server): Promise<void> {
    if (this.#keep) return;
    this.#running.delete(server);
    await server.stop();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((server) => server.stop()));
    this.#running.clear();
    this.#kept.clear();
  }

  async #start(settings: ServerSettings): Promise<Server> {
    const server = await Server.start(this.#node, settings);
    this.#running.add(server);
    return server;
  }
}

function reply<T extends FromServer['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<FromServer, { type: T }>> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: FromServer): void => {
      if (message.type !== type) return;
      done();
      resolve(message as Extract<FromServer, { type: T }>);
    };
    const onExit = (code: number | null): void => {
      done();
      reject(new Error(`the server ended with ${code}`));
    };
    const done = (): void => {
      child.off('message', onMessage);
      child.off('exit', onExit);
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
  });
}

/** A Redis of our own on a free port, without persistence; `undefined` where there is no redis-server. */
export async function startRedis(): Promise<{ url: string; port: number; stop(): void } | undefined> {
  if (spawnSync('redis-server', ['--version']).status !== 0) return undefined;
  const port = await freePort();
  const child = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
    cwd: '/tmp',
  });
  await wait(300);
  return { url: `redis://127.0.0.1:${port}`, port, stop: () => child.kill() };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
