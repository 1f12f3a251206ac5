import type { Results } from './results.js';
import { ratioOf, type Spread } from './statistics.js';

export interface Goal {
  title: string;
  /** At least this, or at most where `most` is set. */
  goal: number;
  most?: boolean;
  /** By requests per second. */
  byRate: Spread | undefined;
  /** The same by CPU time, which other work on the machine disturbs less. */
  byCpu: Spread | undefined;
}

/** What this library wants to be, beside the others in the same run. */
export function goalsOf(results: Results): Goal[] {
  const on24 = Number(results.node.split('.')[0]) >= 24;
  return [
    versus(results, 'memory / express-session, memory', on24 ? 1.5 : 1.25, 'memory', 'express-session'),
    versus(results, 'Redis / express-session + connect-redis', on24 ? 1.6 : 1.25, 'redis', 'connect-redis'),
    versus(results, 'sealed / cookie-session', on24 ? 2.5 : 1.1, 'sealed', 'cookie-session'),
    versus(results, 'sealed / iron-session', on24 ? 4 : 2, 'sealed', 'iron-session'),
    versus(results, 'anonymous request / no sessions', on24 ? 0.75 : 0.85, 'memory', 'none', 'anonymous'),
    versus(results, 'memory / floor', 0.92, 'memory', 'floor'),
    versus(
      results,
      'Fastify: memory / @fastify/session',
      on24 ? 1.2 : 1.1,
      'fastify-memory',
      'fastify-session',
    ),
    versus(
      results,
      'read beside 54 kB / express-session',
      on24 ? 10 : 5,
      'memory',
      'express-session',
      '54kB',
    ),
    growing(results, 'memory: a request at 1,000,000 sessions / at 1,000', 'memory'),
    growing(results, 'Redis: a request at 1,000,000 sessions / at 1,000', 'redis'),
  ];
}

function versus(
  { throughput }: Results,
  title: string,
  goal: number,
  ours: string,
  other: string,
  profile = 'read',
): Goal {
  const find = (name: string) => throughput?.find((one) => one.contender === name && one.profile === profile);
  const [left, right] = [find(ours), find(other)];
  return {
    title,
    goal,
    byRate: left && right && ratioOf(left.rates, right.rates),
    byCpu: left && right && ratioOf(right.cpus, left.cpus),
  };
}

function growing({ growth }: Results, title: string, contender: string): Goal {
  const found = growth?.find((one) => one.contender === contender && one.count === 1_000_000);
  return { title, goal: 1.15, most: true, byRate: found?.grownTime, byCpu: found?.grownCpu };
}

export function isReached({ goal, most, byRate }: Goal): boolean | undefined {
  if (!byRate) return undefined;
  return most ? byRate.median <= goal : byRate.median >= goal;
}
