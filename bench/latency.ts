import { contenders, contender as named } from './contenders.js';
import { atRate, hammer, type Connection } from './load.js';
import type { Plan } from './options.js';
import type { Server, Servers } from './processes.js';
import { profile as profileOf } from './profiles.js';
import { median, percentile } from './statistics.js';
import { Visitors } from './visitors.js';
import { warmUp } from './warm-up.js';

export interface Latency {
  contender: string;
  /** Requests per second that arrived. */
  rate: number;
  /** Milliseconds from the moment that a request was due. */
  p50: number;
  p99: number;
}

/** The slower contenders must keep up with it, or their queue would grow for ever. */
const SHARE_OF_SLOWEST = 0.6;
/** Milliseconds of a round: long enough for a hundredth of the requests to be some. */
const ROUND = 1_000;
const NAMES = ['none', 'memory', 'express-session', 'redis', 'connect-redis', 'sealed', 'cookie-session'];

interface Entrant {
  name: string;
  server: Server;
  visitors: Visitors;
  connections: readonly Connection[];
  /** Latencies by round. */
  samples: number[][];
}

/** How long a logged-in read takes while requests arrive at the same fixed rate for everybody. */
export async function measureLatency(plan: Plan, servers: Servers): Promise<Latency[]> {
  const profile = profileOf('read');
  const length = plan.smoke ? plan.roundTime : ROUND;
  const entrants: Entrant[] = [];
  try {
    for (const { name } of contenders.filter((one) => NAMES.includes(one.name) && plan.wantsContender(one))) {
      const { redis, postgres } = plan;
      const server = await servers.take({ contender: name, rolling: false, redis, postgres });
      const visitors = await Visitors.come(server, named(name), profile, plan.connections * 2);
      entrants.push({ name, server, visitors, connections: visitors.connections, samples: [] });
    }
    await warmUp(plan, entrants);
    const rates: number[] = [];
    for (const { connections } of entrants) {
      const { requests, milliseconds } = await hammer(connections, length);
      rates.push((requests * 1000) / milliseconds);
    }
    const rate = Math.round((Math.min(...rates) * SHARE_OF_SLOWEST) / 100) * 100;
    for (let round = 0; round < plan.rounds; round++) {
      for (const { connections, samples } of entrants) samples.push(await atRate(connections, rate, length));
    }
    return entrants.map(({ name, samples }) => summary(name, rate, samples));
  } finally {
    for (const { server, visitors } of entrants) {
      visitors.leave();
      await servers.giveBack(server);
    }
  }
}

function summary(contender: string, rate: number, samples: number[][]): Latency {
  const p50 = median(samples.map((one) => percentile(one, 0.5)));
  const p99 = median(samples.map((one) => percentile(one, 0.99)));
  console.log(
    `latency at ${rate}/s  ${contender.padEnd(20)} p50 ${p50.toFixed(3)} ms  p99 ${p99.toFixed(3)} ms`,
  );
  return { contender, rate, p50, p99 };
}
