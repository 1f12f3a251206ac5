import type { Pool } from 'pg';
import type { RedisClient } from 'nest-sessions/redis';
import { RedisRevocations } from 'nest-sessions/redis';
import { PostgresRevocations } from 'nest-sessions/postgres';
import type { Duration, SessionModuleOptions } from 'nest-sessions';
import type { RevocationList } from 'nest-sessions/sealed';
import { describeWithPostgres, PostgresServer } from './postgres.js';
import { closeClients, ioRedis, nodeRedis } from './redis-clients.js';
import { describeWithRedis, startRedis, stopServers, type RedisServer } from './servers.js';

/** A server of our own that keeps a revocation list, and what may happen to it. */
export interface RevocationHost {
  /** The list as another node has it, over a connection of its own. */
  list(staleness?: Duration): Promise<RevocationList & { readonly size: number }>;
  /** Kills every connection that listens, and those that take their place, until the function that it returns is called. */
  cutFeed(): Promise<() => Promise<void>>;
  /** It answers nothing more, and closes no connection. */
  pause(): void;
  resume(): void;
  /** As the power fails, and comes back. */
  restart(): Promise<void>;
  /** How many revocations it keeps. */
  count(): Promise<number>;
  /** Notices on the channel of the list, from somebody who may do nothing else. */
  notify(...texts: string[]): Promise<void>;
  /** An entry as somebody writes it who may write to the list, with the number of a write of its own. */
  write(key: string, rank: string, until: string, body: string): Promise<void>;
  stop(): Promise<void>;
}

export type HostName = 'redis by node-redis' | 'redis by ioredis' | 'postgres';

export const hosts: [HostName][] = [['redis by node-redis'], ['redis by ioredis'], ['postgres']];

/** Specs that start this host. Where its server is absent they do not run, and say so. */
export function describeHost(name: HostName | 'memory', title: string, specs: () => void): void {
  if (name === 'memory') describe(title, specs);
  else if (name === 'postgres') describeWithPostgres(title, specs);
  else describeWithRedis(title, specs);
}

export function startHost(name: HostName): Promise<RevocationHost> {
  if (name === 'postgres') return PostgresHost.start();
  return RedisHost.start(name === 'redis by ioredis' ? ioRedis : nodeRedis);
}

/** What the specs set, so that a server which does not answer is noticed soon. */
export const IMPATIENT: Partial<SessionModuleOptions> = { storeTimeout: '300ms' };

/** Does something every few milliseconds, one after the other, until the function that it returns is called. */
function again(act: () => Promise<unknown>): () => Promise<void> {
  let going = true;
  const done = (async () => {
    while (going) {
      await act();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return () => {
    going = false;
    return done;
  };
}

class RedisHost implements RevocationHost {
  /** Not under test. */
  #admin: ReturnType<typeof nodeRedis> | undefined;

  private constructor(
    readonly server: RedisServer,
    readonly connect: (url: string) => Promise<RedisClient>,
  ) {}

  static async start(connect: (url: string) => Promise<RedisClient>): Promise<RedisHost> {
    const server = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
    return new RedisHost(server, connect);
  }

  async list(staleness?: Duration) {
    const client = await this.connect(this.server.url);
    return new RedisRevocations({ client, ...(staleness !== undefined && { staleness }) });
  }

  /** A feed that is killed is back within milliseconds, so it is also kept from coming back. */
  async cutFeed() {
    const admin = await nodeRedis(this.server.url);
    const ask = (...args: string[]) => admin.sendCommand(args);
    await ask('ACL', 'SETUSER', 'default', '-subscribe');
    await ask('CLIENT', 'KILL', 'TYPE', 'pubsub');
    return async () => {
      await ask('ACL', 'SETUSER', 'default', '+subscribe');
      await ask('CLIENT', 'KILL', 'TYPE', 'normal');
    };
  }

  pause() {
    this.server.pause();
  }

  resume() {
    this.server.resume();
  }

  async restart() {
    await this.server.kill();
    await this.server.start();
  }

  async count() {
    return Number(await this.server.cli('HLEN', '{nest-sessions:revocations}:entries'));
  }

  async notify(...texts: string[]) {
    await this.server.cli('ACL', 'SETUSER', 'onlooker', 'reset', 'on', 'nopass', '+publish', 'allchannels');
    const { port } = this.server;
    const onlooker = await nodeRedis(`redis://onlooker:any@127.0.0.1:${port}`, { disableClientInfo: true });
    await Promise.all(texts.map((text) => onlooker.publish('nest-sessions:revocations', text)));
  }

  async write(key: string, rank: string, until: string, body: string) {
    const base = '{nest-sessions:revocations}';
    this.#admin ??= nodeRedis(this.server.url);
    const admin = await this.#admin;
    const seq = await admin.hIncrBy(base, 'seq', 1);
    await admin.hSet(`${base}:entries`, key, `${rank}|${until}|${body}`);
    await admin.zAdd(`${base}:log`, { score: seq, value: key });
  }

  async stop() {
    closeClients();
    await stopServers();
  }
}

class PostgresHost implements RevocationHost {
  readonly #migrated: Promise<void>;

  private constructor(readonly server: PostgresServer) {
    this.#migrated = new PostgresRevocations({ pool: this.#pool() }).migrate();
  }

  static async start(): Promise<PostgresHost> {
    return new PostgresHost(await PostgresServer.start());
  }

  async list(staleness?: Duration) {
    await this.#migrated;
    return new PostgresRevocations({ pool: this.#pool(), ...(staleness !== undefined && { staleness }) });
  }

  cutFeed() {
    const kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    return Promise.resolve(again(() => this.server.ask(kill)));
  }

  pause() {
    this.server.pause();
  }

  resume() {
    this.server.resume();
  }

  async restart() {
    await this.server.kill();
    await this.server.run();
  }

  async count() {
    const [row] = await this.server.ask<{ n: string }>('SELECT count(*) AS n FROM session_revocations');
    return Number(row!.n);
  }

  async notify(...texts: string[]) {
    const found = await this.server.ask<{ channel: string }>(
      `SELECT DISTINCT substring(query FROM '"(.*)"') AS channel FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`,
    );
    await this.server.ask('DROP ROLE IF EXISTS onlooker');
    await this.server.ask('CREATE ROLE onlooker LOGIN');
    const onlooker = this.server.pool({ user: 'onlooker' });
    for (const { channel } of found)
      await onlooker.query('SELECT pg_notify($1, text) FROM unnest($2::text[]) AS text', [channel, texts]);
  }

  async write(key: string, rank: string, until: string, body: string) {
    await this.server.ask(
      `WITH meta AS (UPDATE session_revocations_meta SET seq = seq + 1 RETURNING seq)
       INSERT INTO session_revocations (key, seq, rank, until, body) SELECT $1, seq, $2, $3, $4 FROM meta`,
      [key, rank, until, body],
    );
  }

  async stop() {
    await this.server.stop();
  }

  #pool(): Pool {
    const pool = this.server.pool();
    pool.on('error', () => undefined);
    return pool;
  }
}
