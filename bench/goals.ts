import { contender, nameOn, scaleOf, type Platform } from './contenders.js';
import { CASES, measureGrowth, type Growth } from './growth.js';
import { CENTRAL, measureMemory, type Weight } from './memory.js';
import type { Plan } from './options.js';
import type { Servers } from './processes.js';
import { profile } from './profiles.js';
import { ratioOf, type Spread } from './statistics.js';
import { besides, measureThroughput, racesOf, type Measured } from './throughput.js';

/** All that goals are about, of one run. */
export interface GoalRun {
  throughput: Measured[];
  memory: Weight[];
  growth: Growth[];
}

/** Speed beside another contender of the same platform. Names are those on Express. */
interface Versus {
  title: string;
  platform: Platform;
  ours: string;
  other: string;
  profile: string;
  /** At least this: on Node 24, and on those before. */
  least?: number;
  leastBefore?: number;
}

const MOST_GROWTH = 1.15;
const MOST_BYTES = 1.1;
const [FEWEST, MOST] = [1_000, 1_000_000];
const GROWING = { memory: 'memory', redis: 'Redis', postgres: 'PostgreSQL' } as const;

const VERSUS: readonly Versus[] = [
  express('memory / no sessions', 'memory', 'none', 0.7),
  fastify('memory / no sessions', 'memory', 'none', 0.68),
  express('memory / floor', 'memory', 'floor', 0.82),
  fastify('memory / floor', 'memory', 'floor', 0.71),
  { ...express('anonymous / no sessions', 'memory', 'none', 0.8), profile: 'anonymous' },
  { ...fastify('anonymous / no sessions', 'memory', 'none', 0.88), profile: 'anonymous' },
  { ...express('memory / express-session, memory', 'memory', 'express-session', 1.9), leastBefore: 1 },
  fastify('memory / @fastify/session, memory', 'memory', 'session', 1.8),
  { ...express('Redis / connect-redis', 'redis', 'connect-redis', 1.9), leastBefore: 1 },
  express('sealed / cookie-session', 'sealed', 'cookie-session', 3.3),
  express('sealed / iron-session', 'sealed', 'iron-session', 4.3),
  fastify('sealed / @fastify/secure-session', 'sealed', 'secure-session', 1.1),
  express('PostgreSQL / connect-pg-simple', 'postgres', 'connect-pg-simple', 1.5),
];

function express(title: string, ours: string, other: string, least: number): Versus {
  return { title, platform: 'express', ours, other, profile: 'read', least };
}

function fastify(title: string, ours: string, other: string, least: number): Versus {
  return { ...express(title, ours, other, least), platform: 'fastify' };
}

/** Measures nothing but what goals are about. */
export async function measureGoals(plan: Plan, servers: Servers): Promise<GoalRun> {
  const races = ['read', 'anonymous'].flatMap((name) => {
    const named = contestants(name);
    return racesOf(profile(name), plan.heats ?? 2, (one) => named.has(one.name) && plan.wantsContender(one));
  });
  const cases = CASES.filter(({ of }) => of === 'sessions').map((one) => ({
    ...one,
    counts: [FEWEST, MOST],
  }));
  return {
    throughput: await measureThroughput(plan, servers, races),
    memory: plan.growth ? measureMemory(plan, [plan.smoke ? 1_000 : CENTRAL]) : [],
    growth: plan.growth ? await measureGrowth(plan, cases) : [],
  };
}

function contestants(profileName: string): Set<string> {
  const here = VERSUS.filter((one) => one.profile === profileName);
  return new Set(
    here.flatMap(({ platform, ours, other }) => [
      scaleOf(platform),
      nameOn(platform, ours),
      nameOn(platform, other),
    ]),
  );
}

export interface Goal {
  title: string;
  platform?: Platform;
  /** At least this, or at most where `most` is set; without it the row is for information. */
  goal?: number;
  most?: boolean;
  /** What it is a ratio of; where something is not measured, it is absent. */
  rate?: Spread;
  cpu?: Spread;
  bytes?: Spread;
}

/** What this library wants to be, beside the others in the same run. */
export function goalsOf(node: string, run: GoalRun): Goal[] {
  const on24 = Number(node.split('.')[0]) >= 24;
  return [
    ...VERSUS.map((one) => versus(run, one, on24 ? one.least : one.leastBefore)),
    ...Object.entries(GROWING).map(([name, title]) => growing(run, name, title, on24)),
    weighing(run, on24),
  ];
}

function versus({ throughput }: GoalRun, one: Versus, goal: number | undefined): Goal {
  const { title, platform, ours, other } = one;
  const find = (name: string): Measured | undefined =>
    throughput.find((it) => it.contender === nameOn(platform, name) && it.profile === one.profile);
  const [left, right] = [find(ours), find(other)];
  if (!left || !right) return { title, platform, goal };
  return { title, platform, goal, ...besides(left, right) };
}

function growing({ growth }: GoalRun, name: string, title: string, on24: boolean): Goal {
  const found = growth.find(({ contender, count }) => contender === name && count === MOST);
  return {
    title: `${title}: time of a request at 1,000,000 sessions / at 1,000`,
    platform: contender(name).platform,
    goal: on24 ? MOST_GROWTH : undefined,
    most: true,
    rate: found?.grownTime,
    cpu: found?.grownCpu,
  };
}

function weighing({ memory }: GoalRun, on24: boolean): Goal {
  const roundsOf = (store: string): number[] | undefined => memory.find((one) => one.store === store)?.rounds;
  const [ours, other] = [roundsOf('nest-sessions'), roundsOf('express-session')];
  return {
    title: "bytes of a session in memory / express-session's",
    goal: on24 ? MOST_BYTES : undefined,
    most: true,
    bytes: ours && other && ratioOf(ours, other),
  };
}

/** Whether the interval, from the lower to the upper quartile, reaches the goal. */
const reaches = ({ lower, upper }: Spread, goal: number, most: boolean): boolean =>
  most ? lower <= goal : upper >= goal;

/** In words. What is reached by one measure only is not reached yet. */
export function verdictOf({ goal, most = false, rate, cpu, bytes }: Goal): string {
  const measured = Object.entries({ 'requests per second': rate, 'CPU time': cpu, bytes }).filter(
    (entry): entry is [string, Spread] => entry[1] !== undefined,
  );
  if (measured.length === 0) return 'not measured';
  if (goal === undefined) return '';
  const reached = measured.filter(([, spread]) => reaches(spread, goal, most)).map(([name]) => name);
  if (reached.length === measured.length) return 'reached';
  const shares = measured.map(([, { median }]) => (most ? goal / median : median / goal));
  const share = `${Math.round(Math.min(...shares) * 100)} %`;
  return reached.length > 0 ? `only by ${reached.join()}, else ${share}` : `not reached, ${share}`;
}
