import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { SessionService, type SessionStore } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { RedisStore } from 'nest-sessions/redis';
import { loginAs } from 'nest-sessions/testing';
import { WebSocket } from 'ws';
import { compiled, type Compiled } from '../support/compiled.js';
import { closeAll, platforms, start } from '../support/platforms.js';
import { describePostgres } from '../support/postgres.js';
import { closeClients, nodeRedis } from '../support/redis-clients.js';
import { describeWithRedis, START_TIMEOUT, startRedis, stopServers } from '../support/servers.js';
import type { SocketNodeArguments, SocketNodeMessage } from '../support/socket-node.js';
import { until } from '../support/until.js';

const SESSIONS = 500;
const RELOAD_EVERY = 2_000;
/** A look takes its time as well: of 250 sessions on each of two nodes, 16 at once, on a machine that is busy. */
const LOOKS = 3_000;

/** An application with a gateway in a process of its own. */
class Node {
  readonly #process: ChildProcess;

  private constructor(
    process: ChildProcess,
    readonly url: string,
  ) {
    this.#process = process;
  }

  static async start(script: string, args: SocketNodeArguments): Promise<Node> {
    const process = fork(script, [JSON.stringify(args)], { execArgv: [] });
    const [message] = (await once(process, 'message')) as [SocketNodeMessage];
    return new Node(process, message.url.replace('http', 'ws'));
  }

  /** How much is open. */
  async attached(): Promise<number> {
    this.#process.send('size');
    const [message] = (await once(this.#process, 'message')) as [SocketNodeMessage];
    return message.attached;
  }

  /** Settles with the exit code: 0 if nothing kept the process alive that ought to be closed. */
  async stop(): Promise<number> {
    const exited = once(this.#process, 'exit');
    this.#process.send('stop');
    return ((await exited) as [number])[0];
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

interface Open {
  session: number;
  socket: WebSocket;
  closed?: { at: number; code: number; reason: string };
}

interface Site {
  name: string;
  over: (node: number) => SocketNodeArguments['over'];
  store: () => SessionStore | Promise<SessionStore>;
  /** Until both nodes receive events. */
  listening: () => Promise<void>;
  /** From now on no event arrives; until the returned function is called, if there is anything to undo. */
  killFeed: () => Promise<() => Promise<void>>;
}

/** One socket of each session on each node. */
async function openAll(nodes: readonly Node[], cookies: readonly string[]): Promise<Open[]> {
  const all: Open[] = [];
  for (let from = 0; from < cookies.length; from += 50) {
    const opening = cookies.slice(from, from + 50).flatMap((cookie, i) =>
      nodes.map(async ({ url }) => {
        const open: Open = { session: from + i, socket: new WebSocket(url, { headers: { cookie } }) };
        open.socket.on('close', (code, reason) => {
          open.closed = { at: performance.now(), code, reason: String(reason) };
        });
        await once(open.socket, 'open');
        all.push(open);
      }),
    );
    await Promise.all(opening);
  }
  return all;
}

const ask = (socket: WebSocket): Promise<string> =>
  new Promise((resolve) => {
    socket.once('message', (text) => resolve((JSON.parse(String(text)) as { data: string }).data));
    socket.send(JSON.stringify({ event: 'who' }));
  });

/** Median and longest, in milliseconds. */
function lagsOf(open: readonly Open[], revokedAt: ReadonlyMap<number, number>) {
  const lags = open.map(({ session, closed }) => closed!.at - revokedAt.get(session)!).sort((a, b) => a - b);
  return { median: lags[lags.length >> 1]!, max: lags.at(-1)! };
}

function specify(site: () => Site): void {
  let code: Compiled;
  let nodes: Node[] = [];
  beforeAll(async () => {
    code = await compiled();
  }, START_TIMEOUT);
  afterAll(async () => {
    for (const node of nodes) node.kill();
    await closeAll();
    await code.remove();
  }, START_TIMEOUT);

  it(
    'closes exactly the sockets of the sessions that end, by events, and without them within the bound',
    async () => {
      const { name, over, store, listening, killFeed } = site();
      // The node that ends the sessions is a third one.
      const { app } = await start('express', {
        realClock: true,
        options: { store: await store(), storeTimeout: '20s' },
      });
      const sessions = app.get(SessionService);
      nodes = await Promise.all(
        platforms.map(([platform], node) =>
          Node.start(code.script('socket-node'), {
            platform,
            over: over(node),
            reloadEvery: `${RELOAD_EVERY / 1000}s`,
          }),
        ),
      );
      const cookies: string[] = [];
      for (let i = 0; i < SESSIONS; i++) cookies.push(await loginAs(app, `user ${i}`));
      const open = await openAll(nodes, cookies);
      expect(await Promise.all(nodes.map((node) => node.attached()))).toEqual([SESSIONS, SESSIONS]);
      await listening();

      const revoked = async (which: (session: number) => boolean) => {
        const at = new Map<number, number>();
        for (let i = 0; i < SESSIONS; i++) {
          if (!which(i)) continue;
          at.set(i, performance.now());
          expect(await sessions.revokeAll(`user ${i}`)).toBe(1);
        }
        return at;
      };
      const allClosed = (some: readonly Open[], within: number) =>
        until(() => some.every(({ closed }) => closed), 'the sockets closed', within);

      const even = await revoked((i) => i % 2 === 0);
      const [ending, staying] = [
        open.filter(({ session }) => even.has(session)),
        open.filter(({ session }) => !even.has(session)),
      ];
      await allClosed(ending, 20_000);
      // A look may come a moment before the event, and does not know why.
      const told = ending.filter(({ closed }) => `${closed!.code} ${closed!.reason}` === '4401 revoked');
      expect(told.length).toBeGreaterThan(0.9 * ending.length);
      expect(ending.filter(({ closed }) => closed!.code !== 4401)).toEqual([]);
      const byEvents = lagsOf(ending, even);
      // The others are looked at meanwhile, and stay.
      await wait(RELOAD_EVERY + 500);
      expect(staying.filter(({ closed }) => closed)).toEqual([]);
      expect(await ask(staying[0]!.socket)).toBe(`user ${staying[0]!.session}`);
      expect(await Promise.all(nodes.map((node) => node.attached()))).toEqual([SESSIONS / 2, SESSIONS / 2]);

      const restore = await killFeed();
      const odd = await revoked((i) => i % 2 === 1);
      await restore();
      await allClosed(staying, RELOAD_EVERY + LOOKS + 10_000);
      const byLooks = lagsOf(staying, odd);
      process.stdout.write(
        `${2 * SESSIONS} sockets over ${name}: closed after the revocation, by events, median ${byEvents.median.toFixed(1)} ms, max ${byEvents.max.toFixed(1)} ms; ` +
          `without the feed, median ${byLooks.median.toFixed(0)} ms, max ${byLooks.max.toFixed(0)} ms (reloadEvery ${RELOAD_EVERY} ms)\n`,
      );
      // A look finds that the session is gone, and not why.
      const reasons = staying.map(({ closed }) => `${closed!.code} ${closed!.reason}`);
      expect(reasons.filter((reason) => reason === '4401 ended').length).toBeGreaterThan(SESSIONS / 2);
      expect(byEvents.median).toBeLessThan(RELOAD_EVERY / 4);
      expect(byLooks.max).toBeLessThan(RELOAD_EVERY + LOOKS);
      expect(await Promise.all(nodes.map((node) => node.attached()))).toEqual([0, 0]);
      expect(await Promise.all(nodes.map((node) => node.stop()))).toEqual([0, 0]);
      nodes = [];
    },
    3 * START_TIMEOUT,
  );
}

describeWithRedis('1,000 open sockets of 500 sessions on two processes over Redis', () => {
  let site: Site;
  beforeAll(async () => {
    const server = await startRedis();
    site = {
      name: 'Redis',
      over: () => ({ redis: server.url }),
      store: async () => new RedisStore({ client: await nodeRedis(server.url) }),
      listening: () =>
        until(async () => {
          const channels = await server.cli('PUBSUB', 'CHANNELS');
          return (await server.cli('PUBSUB', 'NUMSUB', channels)).endsWith('3');
        }, 'the subscriptions'),
      killFeed: async () => {
        // Closes the subscriptions, and no channel can be subscribed to or published on any more.
        await server.cli('ACL', 'SETUSER', 'default', 'resetchannels');
        return async () => undefined;
      },
    };
  }, START_TIMEOUT);
  afterAll(async () => {
    closeClients();
    await stopServers();
  });
  specify(() => site);
});

describePostgres('1,000 open sockets of 500 sessions on two processes over PostgreSQL', (postgres) => {
  const table = 'open_sockets';
  specify(() => ({
    name: 'PostgreSQL',
    over: (node) => ({ port: postgres().port, table, name: `socket node ${node}` }),
    store: async () => {
      const store = new PostgresStore({ pool: postgres().pool(), table });
      await store.migrate();
      return store;
    },
    listening: () =>
      until(
        async () =>
          (
            await postgres().ask(
              `SELECT FROM pg_stat_activity WHERE application_name LIKE 'socket node %' AND query LIKE 'LISTEN%' AND state = 'idle'`,
            )
          ).length === 2,
        'the subscriptions',
      ),
    killFeed: async () => {
      let killing = true;
      const statement = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'socket node %' AND query LIKE 'LISTEN%'`;
      const pool = postgres().pool({ max: 1 });
      const round = () => pool.query(statement);
      await round();
      const done = (async () => {
        while (killing) {
          await round();
          await wait(2);
        }
      })();
      return async () => {
        killing = false;
        await done;
      };
    },
  }));
});
