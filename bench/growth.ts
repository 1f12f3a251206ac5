import { contender as named } from './contenders.js';
import { Connection, hammer } from './load.js';
import type { Plan } from './options.js';
import { pinBackends } from './postgres.js';
import { Server } from './processes.js';
import type { Active, ServerSettings } from './server/settings.js';
import { warmUp } from './warm-up.js';
import { ratioOf, spreadOf, type Spread } from './statistics.js';

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

interface Case {
  contender: string;
  of: Growth['of'];
  counts: number[];
}

const CASES: Case[] = [
  { contender: 'memory', of: 'sessions', counts: [1_000, 10_000, 100_000, 1_000_000] },
  { contender: 'redis', of: 'sessions', counts: [1_000, 10_000, 100_000, 1_000_000] },
  { contender: 'postgres', of: 'sessions', counts: [1_000, 10_000, 100_000] },
  { contender: 'sealed', of: 'revocations', counts: [1, 1_000, 100_000] },
];

interface Size {
  count: number;
  server: Server;
  connections: Connection[];
  times: number[];
  cpus: number[];
}

/** One request as sessions grow in number: requests go round over up to 10,000 of them. */
export async function measureGrowth(plan: Plan): Promise<Growth[]> {
  const grown: Growth[] = [];
  for (const one of CASES.filter(({ contender }) => plan.wantsContender(named(contender)))) {
    grown.push(...(await grow(plan, one)));
  }
  return grown;
}

async function grow(plan: Plan, { contender, of, counts }: Case): Promise<Growth[]> {
  const sizes: Size[] = [];
  try {
    for (const [i, count] of counts.entries()) sizes.push(await fill(plan, contender, of, count, i));
    if (contender === 'postgres') await pinBackends(plan.postgres!);
    await warmUp(plan, sizes);
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
  return sizes.map(({ count, times, cpus }) => {
    const [time, cpu] = [spreadOf(times), spreadOf(cpus)];
    const [grownTime, grownCpu] = [ratioOf(times, sizes[0]!.times), ratioOf(cpus, sizes[0]!.cpus)];
    console.log(
      `growth     ${contender.padEnd(10)} ${String(count).padStart(9)} ${of}: ${time.median.toFixed(1)} us, ${cpu.median.toFixed(1)} us CPU, ${grownTime.median.toFixed(2)} times the first`,
    );
    return { contender, of, count, time, cpu, grownTime, grownCpu };
  });
}

async function fill(
  plan: Plan,
  contender: string,
  of: Growth['of'],
  count: number,
  i: number,
): Promise<Size> {
  const settings: ServerSettings = {
    contender,
    rolling: false,
    still: true,
    // A database of Redis, and a table of PostgreSQL, for each size.
    redis: plan.redis && `${plan.redis}/${i + 1}`,
    postgres: plan.postgres,
    table: `bench_sessions_${i}`,
    ...(of === 'sessions' ? { prefill: count } : { prefill: 1_000, revoked: count }),
  };
  const server = await Server.start(plan.node, settings, ['--max-old-space-size=8000']);
  const connections = await Promise.all(
    Array.from({ length: plan.connections }, (_, n) =>
      Connection.open(server.port, server.active.filter((_one, at) => at % plan.connections === n).map(asks)),
    ),
  );
  return { count, server, connections, times: [], cpus: [] };
}

function asks({ subject, cookie }: Active) {
  const [name, value] = [cookie.slice(0, cookie.indexOf('=')), cookie.slice(cookie.indexOf('=') + 1)];
  const body = JSON.stringify({ subject, locale: 'de' });
  return { method: 'GET' as const, path: '/me', cookies: new Map([[name, value]]), expect: () => body };
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
