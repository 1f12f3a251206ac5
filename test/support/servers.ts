import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from './until.js';

const run = promisify(execFile);

/** What starting a server, or a cluster of them, may take, in milliseconds. */
export const START_TIMEOUT = 60_000;

/**
 * Specs that need programs of the machine. Where one is absent they do not run, and the report says so
 * and how to get it; in CI that is a failure.
 */
export function describeWith(programs: string[], remedy: string, name: string, specs: () => void): void {
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error);
  if (missing.length === 0) return describe(name, specs);
  const told = `NOT RUN: "${name}" needs ${missing.join(' and ')}. To get it: ${remedy}.`;
  describe(name, () => {
    it(told, () => {
      if (process.env['CI']) throw new Error(told);
      process.stderr.write(`\n${'!'.repeat(20)} ${told}\n`);
    });
  });
}

/** Specs on Redis servers that they start themselves. */
export const describeWithRedis = (name: string, specs: () => void): void =>
  describeWith(['redis-server', 'redis-cli'], 'apt-get install redis-server (or redis, valkey)', name, specs);

const servers: RedisServer[] = [];

/** Stops whatever was started here, and removes its files. For `afterAll`. */
export async function stopServers(): Promise<void> {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
}

/** A Redis server of our own on a free port, with its files in a directory of its own. Nothing is kept by default. */
export class RedisServer {
  #process: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    readonly directory: string,
    readonly args: readonly string[],
    /** A file that the server writes to, as a sentinel does. */
    private readonly config?: string,
  ) {}

  static async start(args: readonly string[] = []): Promise<RedisServer> {
    const directory = await mkdtemp(join(tmpdir(), 'sessions-redis-'));
    const server = new RedisServer(await freePort(), directory, args);
    servers.push(server);
    await server.start();
    return server;
  }

  /** A sentinel of a master. It keeps what it learns in its configuration. */
  static async startSentinel(settings: readonly string[]): Promise<RedisServer> {
    const directory = await mkdtemp(join(tmpdir(), 'sessions-sentinel-'));
    const config = join(directory, 'sentinel.conf');
    const port = await freePort();
    await writeFile(config, [`port ${port}`, 'bind 127.0.0.1', `dir ${directory}`, ...settings].join('\n'));
    const server = new RedisServer(port, directory, ['--sentinel'], config);
    servers.push(server);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, or starts it again with the files it left. */
  async start(): Promise<void> {
    const { port, directory, config } = this;
    const fixed =
      config === undefined
        ? ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '']
        : [config];
    this.#process = spawn('redis-server', [...fixed, '--daemonize', 'no', ...this.args], { stdio: 'ignore' });
    await once(this.#process, 'spawn');
    await until(() => this.#answers(), `Redis answering on port ${port}`, START_TIMEOUT);
  }

  /** Lets every connection stand and answers nothing. */
  pause(): void {
    this.#process!.kill('SIGSTOP');
  }

  resume(): void {
    this.#process!.kill('SIGCONT');
  }

  /** As a machine dies: nothing is flushed. */
  async kill(): Promise<void> {
    const dying = this.#process;
    this.#process = undefined;
    if (!dying || dying.exitCode !== null || dying.signalCode !== null) return;
    const gone = once(dying, 'exit');
    dying.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Asks the server with redis-cli, apart from every client under test. */
  async cli(...args: string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-p', String(this.port), ...args]);
    return stdout.trimEnd();
  }

  async #answers(): Promise<boolean> {
    try {
      return (await this.cli('PING')) === 'PONG';
    } catch {
      return false;
    }
  }
}

export const startRedis = (args?: readonly string[]): Promise<RedisServer> => RedisServer.start(args);

/** A master with a replica, and three sentinels that put the one in the place of the other. */
export interface WatchedRedis {
  /** The name of the master with the sentinels. */
  readonly name: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
}

/** How long a master may be silent before sentinels take it for dead, in milliseconds. A busy machine is no failure. */
const SENTINEL_TIMEOUT = 3_000;

export async function startRedisWithSentinels(): Promise<WatchedRedis> {
  const name = 'sessions';
  const master = await startRedis();
  const replica = await startRedis(['--replicaof', '127.0.0.1', String(master.port)]);
  await until(
    async () => (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
    'the replica in step',
    START_TIMEOUT,
  );
  const settings = [
    `sentinel monitor ${name} 127.0.0.1 ${master.port} 2`,
    `sentinel down-after-milliseconds ${name} ${SENTINEL_TIMEOUT}`,
    `sentinel failover-timeout ${name} 10000`,
  ];
  const sentinels: RedisServer[] = [];
  for (let i = 0; i < 3; i++) sentinels.push(await RedisServer.startSentinel(settings));
  for (const sentinel of sentinels) {
    await until(
      async () => (await sentinel.cli('SENTINEL', 'CKQUORUM', name)).startsWith('OK 3 usable'),
      'sentinels that know each other',
      START_TIMEOUT,
    );
    await until(
      async () => (await sentinel.cli('SENTINEL', 'REPLICAS', name)).includes(String(replica.port)),
      'sentinels that know the replica',
      START_TIMEOUT,
    );
  }
  return { name, master, replica, sentinels };
}

/** How long a node may be silent before the others take it for dead, in milliseconds. A busy machine is no failure. */
const NODE_TIMEOUT = 15_000;

/** Three masters that share the slots. */
export async function startRedisCluster(): Promise<RedisServer[]> {
  const nodes: RedisServer[] = [];
  for (let i = 0; i < 3; i++) nodes.push(await startClusterNode());
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes']);
  for (const node of nodes) {
    await until(
      async () => (await node.cli('CLUSTER', 'INFO')).includes('state:ok'),
      'a cluster',
      START_TIMEOUT,
    );
  }
  return nodes;
}

/** A replica for each master, in step with it. */
export async function startRedisReplicas(masters: readonly RedisServer[]): Promise<RedisServer[]> {
  const replicas: RedisServer[] = [];
  for (const master of masters) {
    const replica = await startClusterNode();
    replicas.push(replica);
    await replica.cli('CLUSTER', 'MEET', '127.0.0.1', String(master.port));
    const id = (await master.cli('CLUSTER', 'MYID')).trim();
    await until(
      async () => (await replica.cli('CLUSTER', 'NODES')).includes(id),
      'the replica to know its master',
      START_TIMEOUT,
    );
    await until(
      async () => (await replica.cli('CLUSTER', 'REPLICATE', id)).includes('OK'),
      'the replica to follow',
      START_TIMEOUT,
    );
    await until(
      async () => (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
      'the replica in step',
      START_TIMEOUT,
    );
  }
  return replicas;
}

const startClusterNode = (): Promise<RedisServer> =>
  startRedis(['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT)]);

/** A port that is free, as well as the one 10,000 above, where a cluster's nodes talk to each other. */
export async function freePort(): Promise<number> {
  for (;;) {
    // Below the range from which the system takes ports of its own accord.
    const port = 11_000 + Math.floor(Math.random() * 11_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    probe.close();
  }
}

/** A wire that counts round trips: the times that the client speaks after the server did. */
export async function countingWire(port: number): Promise<{ port: number; trips(): number; close(): void }> {
  let trips = 0;
  const wire = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    let turn: 'client' | 'server' = 'server';
    client.on('data', (chunk) => {
      if (turn === 'server') trips++;
      turn = 'client';
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      turn = 'server';
      client.write(chunk);
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  wire.listen(0, '127.0.0.1');
  await once(wire, 'listening');
  return {
    port: (wire.address() as { port: number }).port,
    trips: () => trips,
    close: () => wire.close(),
  };
}
