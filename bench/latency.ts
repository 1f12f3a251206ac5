import { contenders, contender as named } from './contenders.js';
import { atRate, hammer } from './load.js';
import type { Plan } from './options.js';
import { Server } from './processes.js';
import { profile as profileOf } from './profiles.js';
import { median, percentile } from './statistics.js';
import { Visitors } from './visitors.js';

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
const NAMES = ['none', 'memory', 'express-session', 'redis', 'connect-redis', 'sealed', 'cookie-session'];

/** How long a logged-in read takes while requests arrive at the same fixed rate for everybody. */
export async function measureLatency(plan: Plan): Promise<Latency[]> {
  const profile = profileOf('read');
  const entrants: { name: string; server: Server; visitors: Visitors; samples: number[][] }[] = [];
  try {
    const rates: number[] = [];
    for (const { name } of contenders.filter((one) => NAMES.includes(one.name) && plan.wantsContender(one))) {
      const server = await Server.start(plan.node, { contender: name, rolling: false, ...plan });
      const visitors = await Visitors.come(server, named(name), profile, plan.connections * 2);
      entrants.push({ name, server, visitors, samples: [] });
      await hammer(visitors.connections, plan.warmUp);
      const { requests, milliseconds } = await hammer(visitors.connections, plan.roundTime);
      rates.push((requests * 1000) / milliseconds);
    }
    const rate = Math.round((Math.min(...rates) * SHARE_OF_SLOWEST) / 100) * 100;
    for (let round = 0; round < plan.rounds; round++) {
      for (const { visitors, samples } of entrants) {
        samples.push(await atRate(visitors.connections, rate, plan.roundTime));
      }
    }
    return entrants.map(({ name, samples }) => summary(name, rate, samples));
  } finally {
    for (const { server, visitors } of entrants) {
      visitors.leave();
      await server.stop();
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
