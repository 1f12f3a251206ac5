import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contender as named } from './contenders.js';
import { Drawn } from './exchange.js';
import { Connection, hammer } from './load.js';
import type { Plan } from './options.js';
import { analyseTables, multiplyRows, pinBackends } from './postgres.js';
import { Server } from './processes.js';
import type { ServerSettings } from './server/settings.js';
import { Sessions } from './sessions.js';
import { inText, ratioOf, spreadOf, type Spread } from './statistics.js';
import { warmUp } from './warm-up.js';

export interface Growth {
  contender: string;
  /** Sessions in the store, or entries in the revocation list. */
  count: number;
  of: 'sessions' | 'revocations';
  /** Microseconds that a request takes while the server is busy with nothing else. */
  time: Spread;
  /** Microseconds of the server's CPU time per request. */
  cpu: Spread;
  /** Both over what they are with the least of them, round by round. */
  grownTime: Spread;
  grownCpu: Spread;
}

export interface Case {
  contender: string;
  of: Growth['of'];
  counts: readonly number[];
}

const SESSIONS = [1_000, 10_000, 100_000, 1_000_000];
const SMOKE = [20, 200];

/** A login takes PostgreSQL too long for a million of them. These are more than there are requests. */
const POSTGRES_LOGINS = 100_000;
const SMOKE_LOGINS = 100;

export const CASES: readonly Case[] = [
  { contender: 'memory', of: 'sessions', counts: SESSIONS },
  { contender: 'redis', of: 'sessions', counts: SESSIONS },
  { contender: 'postgres', of: 'sessions', counts: SESSIONS },
  { contender: 'sealed', of: 'revocations', counts: [1, 1_000, 100_000] },
];

interface Size {
  count: number;
  server: Server;
  connections: readonly Connection[];
  times: number[];
  cpus: number[];
}

/** One request as sessions grow in number: each is of another session, in an order drawn from all of them. */
export async function measureGrowth(plan: Plan, cases: readonly Case[]): Promise<Growth[]> {
  const grown: Growth[] = [];
  // Redis is filled as memory is.
  const wanted = cases.filter(({ contender }) => !plan.smoke || contender !== 'redis');
  for (const one of wanted.filter(({ contender }) => plan.wantsContender(named(contender)))) {
    const measured = await grow(plan, plan.smoke ? { ...one, counts: SMOKE } : one);
    for (const size of measured) console.log(line(size));
    grown.push(...measured);
  }
  return grown;
}

const line = ({ contender, count, of, time, cpu, grownTime, grownCpu }: Growth): string =>
  `growth     ${contender.padEnd(10)} ${String(count).padStart(9)} ${of}: ${time.median.toFixed(1)} us, ` +
  `${cpu.median.toFixed(1)} us CPU, over the first ${inText(grownTime)}, CPU ${inText(grownCpu)}`;

async function grow(plan: Plan, { contender, of, counts }: Case): Promise<Growth[]> {
  const sizes: Size[] = [];
  try {
    for (const [i, count] of counts.entries()) sizes.push(await fill(plan, contender, of, count, i));
    if (contender === 'postgres') await analyseTables(plan.postgres!);
    await warmUp(plan, sizes);
    if (contender === 'postgres') await pinBackends(plan.postgres!);
    for (let round = 0; round < plan.rounds * 4; round++) {
      for (let i = 0; i < sizes.length; i++)
        await measureRound(plan, sizes[(i + round) % sizes.length]!, !named(contender).needs);
    }
  } finally {
    for (const { connections, server } of sizes) {
      for (const connection of connections) connection.close();
      await server.stop();
    }
  }
  return sizes.map(({ count, times, cpus }) => ({
    contender,
    of,
    count,
    time: spreadOf(times),
    cpu: spreadOf(cpus),
    grownTime: ratioOf(times, sizes[0]!.times),
    grownCpu: ratioOf(cpus, sizes[0]!.cpus),
  }));
}

async function fill(
  plan: Plan,
  contender: string,
  of: Growth['of'],
  count: number,
  i: number,
): Promise<Size> {
  const folder = mkdtempSync(join(tmpdir(), 'nest-sessions-bench-'));
  const table = `bench_sessions_${i}`;
  const prefill = of === 'sessions' ? loginsFor(plan, contender, count) : 1_000;
  const settings: ServerSettings = {
    contender,
    rolling: false,
    still: true,
    // A database of Redis, and a table of PostgreSQL, for each size.
    redis: plan.redis && `${plan.redis}/${i + 1}`,
    postgres: plan.postgres,
    table,
    prefill,
    cookies: join(folder, 'cookies'),
    revoked: of === 'revocations' ? count : 0,
  };
  try {
    const server = await Server.start(plan.node, settings, ['--max-old-space-size=8000']);
    if (of === 'sessions' && prefill < count) await multiplyRows(plan.postgres!, table, count / prefill);
    const { draw } = new Sessions(settings.cookies!, prefill);
    const connections = await Promise.all(
      Array.from({ length: plan.connections }, () =>
        Connection.open(server.port, new Drawn(server.port, '/me', draw)),
      ),
    );
    return { count, server, connections, times: [], cpus: [] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function loginsFor({ smoke }: Plan, contender: string, count: number): number {
  if (contender !== 'postgres') return count;
  return Math.min(count, smoke ? SMOKE_LOGINS : POSTGRES_LOGINS);
}

async function measureRound(
  plan: Plan,
  { server, connections, times, cpus }: Size,
  awake: boolean,
): Promise<void> {
  const before = await server.usage();
  const { requests, milliseconds } = await hammer(connections, plan.roundTime, awake);
  const after = await server.usage();
  times.push((milliseconds * 1000) / requests);
  cpus.push((after.cpu - before.cpu) / requests);
}
