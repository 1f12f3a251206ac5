import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

/** Where distributions put the programs that are not on the PATH. */
const PLACES = ['/usr/lib/postgresql', '/usr/local/opt', '/opt/homebrew/opt'];

const HOW_TO_GET_IT =
  'Install PostgreSQL 12 or later (apt-get install postgresql, brew install postgresql) and put initdb and postgres on the PATH, or name their directory in POSTGRES_BIN.';

/** A PostgreSQL of the suite's own, in a temporary directory and on a free port, that it may pause and kill. */
export class PostgresServer {
  readonly port: number;
  readonly #directory: string;
  readonly #programs: string;
  readonly #pools: pg.Pool[] = [];
  #process: ChildProcess | undefined;
  /** Backends that are stopped: they leave their parent's group, so each is signalled by itself. */
  #paused: number[] = [];
  readonly #settings: Readonly<Record<string, string>>;

  /** `settings` replace those below. */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
    const programs = findPrograms();
    if (programs === undefined) throw new Error(`PostgreSQL is not installed. ${HOW_TO_GET_IT}`);
    const server = new PostgresServer(programs, await freePort(), settings);
    server.#initialise();
    await server.run();
    return server;
  }

  private constructor(programs: string, port: number, settings: Readonly<Record<string, string>>) {
    this.#programs = programs;
    this.#settings = settings;
    this.port = port;
    this.#directory = mkdtempSync(join(tmpdir(), 'nest-sessions-postgres-'));
  }

  get running(): boolean {
    return this.#process?.exitCode === null && this.#process.signalCode === null;
  }

  /** A pool like that of an application. Ended by {@link stop}. */
  pool(options: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool({ ...this.#address, ...options });
    this.#pools.push(pool);
    return pool;
  }

  /** One statement on a connection of its own. */
  async ask<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    const client = new pg.Client(this.#address);
    await client.connect();
    try {
      return (await client.query<T>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Starts it, the first time or after {@link kill}. */
  async run(): Promise<void> {
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: '300',
      // Its processes are killed here and the machine is not: what it gave to the system outlives them.
      fsync: 'off',
      ...this.#settings,
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const args = ['-D', this.#directory, '-p', String(this.port), ...flags];
    this.#process = spawn(join(this.#programs, 'postgres'), args, { ...asNobody(), stdio: 'ignore' });
    await this.#answers();
  }

  /** Every process of it stops where it is, as on a machine that hangs: connections stay open. */
  pause(): void {
    const { pid } = this.#process!;
    process.kill(pid!, 'SIGSTOP');
    this.#paused = childrenOf(pid!);
    for (const child of this.#paused) process.kill(child, 'SIGSTOP');
  }

  resume(): void {
    for (const child of this.#paused) process.kill(child, 'SIGCONT');
    this.#paused = [];
    this.#process!.kill('SIGCONT');
  }

  /** All of its processes at once: nothing is tidied up. */
  async kill(): Promise<void> {
    const { pid } = this.#process!;
    const gone = once(this.#process!, 'exit');
    const children = childrenOf(pid!);
    for (const one of [pid!, ...children]) signal(one, 'SIGKILL');
    await gone;
    // The next one refuses to start while a process still has the shared memory.
    while (children.some((child) => signal(child, 0))) await wait(10);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.ended || pool.end()));
    if (this.running) {
      const gone = once(this.#process!, 'exit');
      this.#process!.kill('SIGQUIT');
      await gone;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #address(): pg.PoolConfig {
    return { host: '127.0.0.1', port: this.port, user: 'postgres', database: 'postgres' };
  }

  #initialise(): void {
    const { uid, gid } = asNobody();
    if (uid !== undefined) chownSync(this.#directory, uid, gid!);
    const args = ['-D', this.#directory, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'];
    execFileSync(join(this.#programs, 'initdb'), args, { ...asNobody(), stdio: 'pipe' });
  }

  async #answers(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.ask('SELECT 1');
        return;
      } catch (error) {
        if (attempt === 200) throw error;
        await wait(50);
      }
    }
  }
}

/** Specs that start a PostgreSQL. Where it is not installed they do not run, and say so; under CI that is a failure. */
export function describeWithPostgres(name: string, specs: () => void): void {
  if (findPrograms() !== undefined || process.env['CI']) return describe(name, specs);
  describe(name, () => {
    it('does NOT run here, because PostgreSQL is not installed', () => {
      process.stderr.write(`\n*** NOT TESTED: ${name}. PostgreSQL is not installed. ${HOW_TO_GET_IT}\n\n`);
    });
  });
}

/** As {@link describeWithPostgres}, with a server of the suite's own. */
export function describePostgres(name: string, suite: (server: () => PostgresServer) => void): void {
  describeWithPostgres(name, () => {
    let server: PostgresServer | undefined;
    beforeAll(async () => {
      server = await PostgresServer.start();
    }, 60_000);
    afterAll(async () => server?.stop(), 60_000);
    suite(() => server!);
  });
}

function findPrograms(): string | undefined {
  const path = (process.env['PATH'] ?? '').split(':');
  const places = PLACES.filter(existsSync).flatMap((place) =>
    readdirSync(place)
      .sort()
      .reverse()
      .map((version) => join(place, version, 'bin')),
  );
  const candidates = [process.env['POSTGRES_BIN'], ...path, ...places];
  return candidates.find((one) => one && ['initdb', 'postgres'].every((name) => existsSync(join(one, name))));
}

/** PostgreSQL refuses to run as root, as which containers often test. */
function asNobody(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'nobody']).toString());
  return { uid: idOf('-u'), gid: idOf('-g') };
}

function childrenOf(parent: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=']).toString().trim().split('\n');
  const rows = table.map((line) => line.trim().split(/\s+/).map(Number));
  return rows.filter(([, ppid]) => ppid === parent).map(([pid]) => pid!);
}

/** Whether there was such a process. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
