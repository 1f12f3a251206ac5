import { setTimeout as wait } from 'node:timers/promises';
import { Prng } from '../model/scenario.js';
import type { PostgresServer } from '../support/postgres.js';
import type { RedisServer } from '../support/servers.js';
import { until } from '../support/until.js';
import { exchange } from './exchange.js';
import { Findings } from './findings.js';
import { chaos, Outages } from './outages.js';
import { NodeProcess } from './process.js';
import { KINDS, type Fault } from './settings.js';
import { Soak } from './soak.js';
import { User } from './user.js';
import { VitalSigns } from './vitals.js';

export interface Servers {
  redis: RedisServer;
  postgres: PostgresServer;
}

export interface Plan {
  seed: number;
  /** Milliseconds. */
  duration: number;
  /** Users of each kind of application. */
  users: number;
  fault?: Fault | undefined;
  /** Ends as soon as this is violated. */
  until?: string;
  /** Without it nothing is killed or paused. */
  outages: boolean;
  /** Ends it early, as a failure. */
  signal: AbortSignal;
}

export interface Result {
  findings: Findings;
  outages: ReadonlyMap<string, number>;
  vitals: string;
}

/** One run of all users on two processes of the application. */
export async function round(servers: Servers, plan: Plan): Promise<Result> {
  const findings = new Findings();
  const listener = {
    defect: (text: string) => findings.fail('a defect of a process', text),
    event: findings.event.bind(findings),
  };
  const ports = { redis: servers.redis.port, postgres: servers.postgres.port, fault: plan.fault };
  const nodes = [
    new NodeProcess('node 1', { platform: 'express', ...ports }, listener),
    new NodeProcess('node 2', { platform: 'fastify', ...ports }, listener),
  ] as const;
  try {
    for (const node of nodes) await node.start();
    return await run(servers, nodes, plan, findings);
  } finally {
    for (const node of nodes) await node.kill();
  }
}

async function run(
  servers: Servers,
  nodes: readonly [NodeProcess, NodeProcess],
  plan: Plan,
  findings: Findings,
): Promise<Result> {
  const outages = new Outages();
  const soak = new Soak(plan.seed, nodes, outages, findings);
  const users = KINDS.flatMap((kind) =>
    Array.from({ length: plan.users }, (_, index) => new User(soak, kind, `${kind}-user-${index}-`)),
  );
  const vitals = new VitalSigns();
  const over = new AbortController();
  const watched = vitals.watch(nodes[0], Math.min(5_000, plan.duration / 10), over.signal);
  const disasters = plan.outages
    ? chaos({ ...servers, node: nodes[1] }, outages, new Prng(plan.seed + 1), over.signal)
    : Promise.resolve();
  const activities = [watched, disasters, ...users.map((user) => user.live()), disturb(soak)];
  try {
    // The first that fails ends the run.
    await Promise.race([lastOf(activities), time(plan, findings)]);
  } finally {
    over.abort();
    // What is paused or killed at the moment comes back first.
    await disasters.catch(() => undefined);
    soak.stopped = true;
  }
  await lastOf(activities);
  await calm(soak);
  await Promise.all(users.map((user) => user.lookAgain()));
  // Other nodes know every revocation of a sealed cookie by now.
  if (!plan.fault) await wait(7_000);
  await soak.graves.disturbAll();
  return { findings, outages: outages.counts, vitals: vitals.judge(findings) };
}

/** Rejects with the first that does. */
const lastOf = async (activities: readonly Promise<void>[]): Promise<void> =>
  void (await Promise.all(activities));

/** Until the time is over, or what is looked for is found. Tells how it goes, once a minute. */
async function time({ duration, until: sought = '', signal }: Plan, findings: Findings): Promise<void> {
  const began = performance.now();
  const passed = (): number => performance.now() - began;
  let minutes = 0;
  while (passed() < duration && !findings.violations.has(sought)) {
    if (passed() >= (minutes + 1) * 60_000) console.log(`minute ${++minutes}: ${progress(findings)}`);
    await wait(50, undefined, { signal });
  }
}

const progress = ({ buried, replayed, violations }: Findings): string =>
  `${buried} sessions ended, ${replayed} cookies presented again, violated: ${[...violations.keys()].join('; ') || 'nothing'}`;

async function disturb(soak: Soak): Promise<void> {
  while (!soak.stopped) {
    await soak.graves.disturb();
    await wait(20);
  }
}

/** Until both nodes read and write over every store again. */
async function calm({ nodes }: Soak): Promise<void> {
  for (const node of nodes) {
    for (const kind of KINDS) {
      const body = { name: 'the last one', keep: [] };
      const ask = {
        method: 'POST',
        path: '/login',
        cookie: undefined,
        body,
        pace: 'plain',
        delay: 0,
      } as const;
      await until(
        async () => (await exchange(node.url(kind), ask)).status === 200,
        `${node.name} over ${kind}`,
      );
    }
  }
}
