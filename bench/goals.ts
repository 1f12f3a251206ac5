import type { Results } from './results.js';

export interface Goal {
  title: string;
  /** At least this, or at most where `most` is set. */
  goal: number;
  most?: boolean;
  reached: number | undefined;
}

/** What this library wants to be, beside the others in the same run. */
export function goalsOf(results: Results): Goal[] {
  const on24 = Number(results.node.split('.')[0]) >= 24;
  const share = (contender: string, profile: string): number | undefined =>
    results.throughput?.find((one) => one.contender === contender && one.profile === profile)?.share.median;
  const ratio = (ours: string, other: string, profile = 'read'): number | undefined =>
    quotient(share(ours, profile), share(other, profile));
  const growth = (contender: string): number | undefined => {
    const at = (count: number) =>
      results.growth?.find((one) => one.contender === contender && one.count === count)?.cpu.median;
    return quotient(at(1_000_000), at(1_000));
  };
  return [
    {
      title: 'memory / express-session, memory',
      goal: on24 ? 1.5 : 1.25,
      reached: ratio('memory', 'express-session'),
    },
    {
      title: 'Redis / express-session + connect-redis',
      goal: on24 ? 1.6 : 1.25,
      reached: ratio('redis', 'connect-redis'),
    },
    { title: 'sealed / cookie-session', goal: on24 ? 2.5 : 1.1, reached: ratio('sealed', 'cookie-session') },
    { title: 'sealed / iron-session', goal: on24 ? 4 : 2, reached: ratio('sealed', 'iron-session') },
    {
      title: 'anonymous request / no sessions at all',
      goal: on24 ? 0.75 : 0.85,
      reached: share('memory', 'anonymous'),
    },
    { title: 'memory / floor', goal: 0.92, reached: ratio('memory', 'floor') },
    {
      title: 'Fastify: memory / @fastify/session, memory',
      goal: on24 ? 1.2 : 1.1,
      reached: ratio('fastify-memory', 'fastify-session'),
    },
    {
      title: 'read beside 54 kB / express-session',
      goal: on24 ? 10 : 5,
      reached: ratio('memory', 'express-session', '54kB'),
    },
    {
      title: 'CPU of a request at 1,000,000 sessions / at 1,000, memory',
      goal: 1.15,
      most: true,
      reached: growth('memory'),
    },
    {
      title: 'CPU of a request at 1,000,000 sessions / at 1,000, Redis',
      goal: 1.15,
      most: true,
      reached: growth('redis'),
    },
  ];
}

export const isReached = ({ goal, most, reached }: Goal): boolean | undefined =>
  reached === undefined ? undefined : most ? reached <= goal : reached >= goal;

const quotient = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a / b;
